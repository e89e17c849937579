// The two lines of a tenant in the ready set: who can wait, and who cannot.
#include <gtest/gtest.h>

#include <string>

#include "tests/core/model/ready_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;

class PatientRootsTest : public testing::ReadyBench {
 protected:
  static constexpr Resources kTotal{.amount = {1000}};
  PatientRootsTest() : ReadyBench(kTotal) {}

  // 'p' and 'q' are patient roots, others are not; capitals are those of another tenant.
  void Push(const std::string& names, Nanos cost = milliseconds(1),
            TaskClass cls = TaskClass::kNormal, const Resources* shape = nullptr) {
    for (const char name : names) {
      PushRoot({.seq = static_cast<std::uint64_t>(name),
                .tenant = name < 'a' ? 2U : 1U,
                .cls = cls,
                .patient = name == 'p' || name == 'q' || name == 'P',
                .cost = cost,
                .shape = shape});
    }
  }
  // The next so many, in order.
  std::string Pop(int count, const Resources& free = kTotal) {
    std::string names;
    while (count-- > 0) {
      const TaskPtr task = PopRoot(free);
      if (task == nullptr) return names + '.';
      ready_.Ended(*task->function, *task->shape);
      names += static_cast<char>(task->root->id.seq);
    }
    return names;
  }
};

TEST_F(PatientRootsTest, ThoseThatCannotWaitGoFirst) {
  Push("ppp");
  Push("a");
  EXPECT_EQ(Pop(2), "ap");
  EXPECT_EQ(account_.At(TaskClass::kNormal).patient.get(), 2);
}

TEST_F(PatientRootsTest, WhileBothWaitEachHasHalf) {
  Push("pppppp");
  Push("aaaaaa");
  EXPECT_EQ(Pop(8), "apapapap");
}

TEST_F(PatientRootsTest, HalfOfTheTimeNotOfTheTasks) {
  Push("pppp", milliseconds(5));
  Push("aaaaaaaaaaaaaaa");
  EXPECT_EQ(Pop(14), "apaaaaapaaaaap");
}

TEST_F(PatientRootsTest, WhatNobodyWaitedForIsNotOwed) {
  Push("aaaaaa");
  EXPECT_EQ(Pop(3), "aaa");
  Push("pp");
  EXPECT_EQ(Pop(5), "apapa");
  Push("p");
  EXPECT_EQ(Pop(2), "p.") << "and nobody is in its way";
}

TEST_F(PatientRootsTest, ALongRunIsPaidBackForASecondAtMost) {
  Push("a", std::chrono::hours(1));
  Push("b");
  Push("ppp", milliseconds(600));
  EXPECT_EQ(Pop(5), "appbp");
}

TEST_F(PatientRootsTest, WhatTheirLimitKeptFromThemIsNotOwed) {
  static const Function limited{.id = 2, .name = "l", .shape = kTotal, .slot_limit = 1};
  const auto push_limited = [this] {
    PushRoot({.seq = 'p', .patient = true, .function = &limited});
  };
  push_limited();
  const TaskPtr running = PopRoot(kTotal);
  for (int i = 0; i < 4; ++i) push_limited();
  Push("aaaaaaaa");
  EXPECT_EQ(Pop(4), "aaaa");
  EXPECT_LE(account_.At(TaskClass::kNormal, 1).behind.get(), 0)
      << "or the door would refuse for it";
  ready_.Ended(limited, limited.shape);
  EXPECT_EQ(Pop(4), "aapa") << "the first run of theirs was one that nobody waited for";
}

TEST_F(PatientRootsTest, OneThatDoesNotFitKeepsNobody) {
  const Resources large{.amount = {1000}};
  const Resources small{.amount = {500}};
  Push("aa", milliseconds(1), TaskClass::kNormal, &large);
  Push("pp", milliseconds(1), TaskClass::kNormal, &small);
  EXPECT_EQ(Pop(3, small), "pp.");
}

TEST_F(PatientRootsTest, TenantsShareAsEver) {
  Push("pppp");
  Push("AAAA");
  EXPECT_EQ(Pop(8), "pApApApA") << "what can wait of one is no less than what cannot of another";
}

TEST_F(PatientRootsTest, ClassesGoBeforeBoth) {
  Push("aa", milliseconds(1), TaskClass::kNormal);
  Push("pp", milliseconds(1), TaskClass::kHigh);
  EXPECT_EQ(Pop(4), "ppaa");
}

}  // namespace
}  // namespace spillgate
