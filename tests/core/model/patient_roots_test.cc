// The two lines of a tenant in the ready set: who can wait, and who cannot.
#include <gtest/gtest.h>

#include <string>

#include "core/model/ready_set.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;

class PatientRootsTest : public ::testing::Test {
 protected:
  static constexpr Resources kTotal{.amount = {1000}};

  // 'p' and 'q' are patient roots, others are not; capitals are those of another tenant.
  void Push(const std::string& names, Nanos cost = milliseconds(1),
            TaskClass cls = TaskClass::kNormal, const Resources* shape = nullptr) {
    for (const char name : names) {
      Root* root = roots_.Make();
      root->home = &roots_;
      root->id = {1, static_cast<std::uint64_t>(name)};
      root->tenant = name < 'a' ? 2 : 1;
      root->cls = cls;
      root->patient = name == 'p' || name == 'q' || name == 'P';
      TaskPtr task(tasks_.Make());
      task->home = &tasks_;
      task->root = RootPtr(root);
      task->function = &function_;
      task->shape = shape == nullptr ? &function_.shape : shape;
      task->cls = cls;
      task->estimate = cost;
      ready_.Push(std::move(task), now_);
    }
  }
  // The next so many, in order.
  std::string Pop(int count, const Resources& free = kTotal) {
    std::string names;
    while (count-- > 0) {
      const TaskPtr task = ready_.Pop(free, now_);
      if (task == nullptr) return names + '.';
      ready_.Started(*task);
      ready_.Ended(*task->function);
      names += static_cast<char>(task->root->id.seq);
    }
    return names;
  }

  const Function function_{.id = 1, .name = "f", .shape = {.amount = {1000}}};
  Instant now_{std::chrono::seconds(1)};
  Slab<Task> tasks_{64};
  Slab<Root> roots_{64};
  CostModel costs_;
  WorkAccount account_{kTotal, 10};
  ReadySet ready_{costs_, account_, ReadySet::Options{}};
};

TEST_F(PatientRootsTest, ThoseThatCannotWaitGoFirst) {
  Push("ppp");
  Push("a");
  EXPECT_EQ(Pop(2), "ap");
  EXPECT_EQ(ready_.Patient(TaskClass::kNormal), 2U);
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
