// The lines of a tenant in the ready set: who can wait for how long, and who cannot.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/core/model/ready_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;

class PatientRootsTest : public testing::ReadyBench {
 protected:
  static constexpr Resources kTotal{.amount = {1000}};
  PatientRootsTest() : ReadyBench(kTotal) {}

  // 'p', 'q' and 'r' are patient roots, in the lines 1 to 3, others are not; capitals are those of
  // another tenant.
  static SlackLine LineOfName(char name) {
    const char lower = name < 'a' ? static_cast<char>(name - 'A' + 'a') : name;
    return lower < 'p' || lower > 'r' ? SlackLine{0} : static_cast<SlackLine>(lower - 'p' + 1);
  }
  void Push(const std::string& names, Nanos cost = milliseconds(1),
            TaskClass cls = TaskClass::kNormal, const Resources* shape = nullptr) {
    for (const char name : names) {
      PushRoot({.seq = static_cast<std::uint64_t>(name),
                .tenant = name < 'a' ? 2U : 1U,
                .cls = cls,
                .line = LineOfName(name),
                .cost = cost,
                .shape = shape});
    }
  }
  void SetTarget(Nanos target) {
    ReadySet::Options options;
    options.targets[Index(TaskClass::kNormal)] = target;
    ready_.Apply(options);
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

TEST_F(PatientRootsTest, WhoCanWaitLongerGoesBehind) {
  Push("rqpa");
  EXPECT_EQ(Pop(4), "apqr");
}

// However far they are apart: no line is skipped for the two that have something.
TEST_F(PatientRootsTest, AnyTwoLinesShareInHalves) {
  TenantId tenant = 2;
  for (const std::string two : {"ap", "aq", "ar", "pq", "pr", "qr"}) {
    ++tenant;
    for (const char name : {two[1], two[0]}) {
      for (int i = 0; i < 4; ++i) {
        PushRoot(
            {.seq = static_cast<std::uint64_t>(name), .tenant = tenant, .line = LineOfName(name)});
      }
    }
    EXPECT_EQ(Pop(8), two + two + two + two);
  }
}

// Those behind a line have together as much as it has.
TEST_F(PatientRootsTest, EachLineHasAsMuchAsAllBehindIt) {
  Push(std::string(40, 'r') + std::string(40, 'q') + std::string(40, 'p') + std::string(40, 'a'));
  const std::string names = Pop(32);
  const auto count = [&](char name) { return std::ranges::count(names, name); };
  EXPECT_EQ(count('a'), 16) << names;
  EXPECT_EQ(count('p'), 8) << names;
  EXPECT_EQ(count('q'), 4) << names;
  EXPECT_EQ(count('r'), 4) << names;
}

TEST_F(PatientRootsTest, ALineThatHasNothingLeavesItsPartToThoseOnItsSide) {
  Push(std::string(40, 'r') + std::string(40, 'p') + std::string(40, 'a'));
  const std::string names = Pop(32);
  EXPECT_EQ(std::ranges::count(names, 'a'), 16) << names;
  EXPECT_EQ(std::ranges::count(names, 'r'), 8) << names;
}

TEST_F(PatientRootsTest, WhatTheFirstLineOwesIsSharedByThoseBehindIt) {
  Push("rpp");
  Push("aa", milliseconds(3));
  EXPECT_EQ(Pop(5), "aprpa");
}

TEST_F(PatientRootsTest, HalfOfTheTimeNotOfTheTasks) {
  Push("pppp", milliseconds(5));
  Push("aaaaaaaaaaaaaaa");
  EXPECT_EQ(Pop(14), "apaaaaapaaaaap");
}

// It would be late for a long run in between. Who waits for that has as much more afterwards,
// before another one begins.
TEST_F(PatientRootsTest, WhatHasBegunInALineIsEndedFirst) {
  const RootPtr begun = MakeRoot({.seq = 'a'});
  for (int i = 0; i < 3; ++i) PushTask(begun, {});
  Push("ppppb");
  EXPECT_EQ(Pop(8), "aaapppbp");
}

TEST_F(PatientRootsTest, ButALargeOneCouldGoOnForEver) {
  const RootPtr large = MakeRoot({.seq = 'a'});
  large->ready.large = true;
  for (int i = 0; i < 3; ++i) PushTask(large, {});
  Push("ppp");
  EXPECT_EQ(Pop(6), "apapap");
}

// Six of a millisecond, beside others that have half of the time, and a quarter for what nobody
// foresees: 15 ms.
class DatedLineTest : public PatientRootsTest {
 protected:
  void PushDated(Nanos within, int count = 6) {
    for (int i = 0; i < count; ++i) {
      PushRoot({.seq = 'r', .tenant = 1, .line = 3, .deadline = now_ + within});
    }
  }
};

TEST_F(DatedLineTest, WhileItCanWaitItAsksForNothing) {
  PushDated(milliseconds(1000));
  Push("aaaaaa");
  EXPECT_EQ(Pop(8), "aaaaaarr");
}

TEST_F(DatedLineTest, ItHasItsHalfFromWhenItNeedsIt) {
  PushDated(milliseconds(1000));
  Push("aaaaaaaa");
  now_ += milliseconds(984);
  EXPECT_EQ(Pop(2), "aa");
  now_ += milliseconds(2);
  EXPECT_EQ(Pop(3), "ara") << "it had no claim to those before";
  EXPECT_EQ(Pop(2), "aa") << "what is left of it can wait again";
}

TEST_F(DatedLineTest, ItGoesByTheFirstDeadlineThatItHas) {
  PushDated(milliseconds(1000), 4);
  PushDated(milliseconds(10), 1);
  PushDated(milliseconds(1000), 1);
  Push("aaaaaa");
  EXPECT_EQ(Pop(6), "ararar");
}

TEST_F(DatedLineTest, OneWithoutADeadlineAsksAtOnce) {
  PushDated(milliseconds(1000), 5);
  Push("raaaaaa");
  EXPECT_EQ(Pop(6), "ararar");
}

TEST_F(DatedLineTest, SoDoesOneOfTheLinesBehindIt) {
  Push("r");
  for (int i = 0; i < 6; ++i) {
    PushRoot({.seq = 'q', .tenant = 1, .line = 2, .deadline = now_ + milliseconds(1000)});
  }
  Push("aaaa");
  EXPECT_EQ(Pop(4), "aqar") << "they stand together behind the first";
}

// Another tenant has half of the time, and so has the line before it of the rest.
TEST_F(DatedLineTest, ItReckonsWithOtherTenants) {
  PushDated(milliseconds(20));
  Push("aaaaaa");
  EXPECT_EQ(Pop(2), "aa");
  Push("AAAAAAAA");
  std::string own = Pop(12);
  std::erase(own, 'A');
  EXPECT_EQ(own.substr(0, 4), "arar") << own;
}

TEST_F(DatedLineTest, AndWithMoreImportantClasses) {
  PushDated(milliseconds(20));
  Push("aaaaaa");
  Push(std::string(15, 'b'), milliseconds(1), TaskClass::kCritical);
  EXPECT_EQ(Pop(15), std::string(15, 'b')) << "which had three tenths of the time";
  EXPECT_EQ(Pop(4), "araa");
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

// A long run had the slot while nobody waited. Those who come meanwhile go before the next one.
TEST_F(PatientRootsTest, ALongRunThatNobodyWaitedForIsPaidBackToThoseWhoComeWhileItGoesOn) {
  SetTarget(milliseconds(20));
  Push("p", milliseconds(15));
  EXPECT_EQ(Pop(1), "p");
  Push(std::string(20, 'a') + "p");
  EXPECT_EQ(Pop(21), std::string(16, 'a') + "paaaa") << "15 ms, and then in turns";
  Push("p", milliseconds(1000));
  EXPECT_EQ(Pop(1), "p");
  Push(std::string(30, 'a') + "p");
  EXPECT_EQ(Pop(22), std::string(21, 'a') + "p") << "no more than line 1 can wait";
}

TEST_F(PatientRootsTest, ItIsPaidBackAlsoWhileNoneOfTheLongOnesWaits) {
  SetTarget(milliseconds(20));
  Push("q", milliseconds(100));
  EXPECT_EQ(Pop(1), "q");
  Push(std::string(200, 'p'));
  EXPECT_EQ(Pop(60), std::string(60, 'p'));
  Push("q", milliseconds(100));
  EXPECT_EQ(Pop(42), std::string(41, 'p') + "q") << "the rest of the 100 ms";
}

TEST_F(PatientRootsTest, WhatTheirLimitKeptFromThemIsNotOwed) {
  static const Function limited{.id = 2, .name = "l", .shape = kTotal, .slot_limit = 1};
  const auto push_limited = [this] { PushRoot({.seq = 'p', .line = 1, .function = &limited}); };
  push_limited();
  const TaskPtr running = PopRoot(kTotal);
  for (int i = 0; i < 4; ++i) push_limited();
  Push("aaaaaaaa");
  EXPECT_EQ(Pop(4), "aaaa");
  EXPECT_LE(account_.At(TaskClass::kNormal, 1).behind[1].get(), 0)
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
