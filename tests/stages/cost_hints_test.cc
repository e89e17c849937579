// What a client says that its tasks take, from its frame to the fair queue: until the first run of
// a function has ended, the door and the ready set count by it alike.
#include "core/model/parked_work.h"
#include "core/model/ready_set.h"
#include "tests/stages/admission_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Resources kTwo{.amount = {2000, 1000}};

class CostHintsTest : public AdmissionBench {
 protected:
  // One root of a function; 0: that nobody knows.
  std::string SubmitHint(std::uint64_t hint_ns, FunctionId of = 0, Nanos remaining = Nanos(0)) {
    return Submit({.ask = {.function = of == 0 ? unknown : of,
                           .remaining_us = static_cast<std::uint64_t>(remaining.count() / 1000),
                           .cost_hint_ns = hint_ns,
                           .first_seq = ++seq_}});
  }
  std::string SubmitHint(Nanos hint, FunctionId of = 0, Nanos remaining = Nanos(0)) {
    return SubmitHint(static_cast<std::uint64_t>(hint.count()), of, remaining);
  }
  [[nodiscard]] Nanos Hint(std::uint64_t hint_ns, FunctionId of = 0) {
    EXPECT_EQ(SubmitHint(hint_ns, of), "accepted 1");
    return accepted.events.back().task->estimate;
  }
  [[nodiscard]] Nanos Hint(Nanos hint, FunctionId of = 0) {
    return Hint(static_cast<std::uint64_t>(hint.count()), of);
  }
  // What was let in goes on to the ready set, as at the end of a pass of scheduling.
  void Resolve() {
    for (Accepted& event : accepted.events) ready.Push(std::move(event.task), bench.now());
    accepted.events.clear();
    bench.account.EndPass();
  }
  // Node time of what waits for CPU slots.
  [[nodiscard]] Nanos Waiting() const {
    return Nanos(bench.account.At(TaskClass::kNormal).work[kCpu].get());
  }

  const FunctionId unknown = bench.AddFunction("unknown", 1000);
  ReadySet ready{bench.costs, bench.account, ReadySet::Options{}};

 private:
  std::uint64_t seq_ = 0;
};

TEST_F(CostHintsTest, ATaskHasTheHintOfItsFrameAsSlotTime) {
  EXPECT_EQ(Hint(milliseconds(100)), milliseconds(100));
  EXPECT_EQ(Hint(Nanos(0)), Nanos(0));
  EXPECT_EQ(Hint(milliseconds(100), bench.AddFunction("wide", 2000)), milliseconds(200))
      << "it holds two slots for so long";
  EXPECT_EQ(Hint(milliseconds(100), bench.AddFunction("here", 1000, 0, Host::kInline)), Nanos(0))
      << "no run of it is ever timed, so this would be its price for good";
}

TEST_F(CostHintsTest, ChildrenHaveThatOfTheirs) {
  SubmitHint(milliseconds(1));
  const wire::ChildPreamble child{.parent = Got(0).id, .stream = 0, .attempt = 1};
  Handle(From(kTask, Write({.ask = {.function = unknown, .cost_hint_ns = 7'000'000}}, &child)));
  ASSERT_EQ(accepted.events.size(), 2U);
  EXPECT_EQ(Got(1).estimate, milliseconds(7));
}

TEST_F(CostHintsTest, NobodyIsBelievedMoreThanAnHour) {
  EXPECT_EQ(Hint(hours(2)), kMostHint);
  EXPECT_EQ(Hint(std::uint64_t{1} << 63), kMostHint);
  EXPECT_EQ(Hint(~std::uint64_t{0}, bench.AddFunction("wide", 2000)), kMostHint);
  EXPECT_EQ(Hint(hours(2), bench.AddFunction("narrow", 100)), microseconds(720'000'000));
  Resolve();
  EXPECT_GT(Waiting(), Nanos(0));
  EXPECT_LE(Waiting(), 4 * WorkAccount::kMostNodeTime + Nanos(4));
  EXPECT_EQ(SubmitHint(~std::uint64_t{0}, 0, seconds(1)), "backlog 1") << "it is out of reach";
}

// Two slots have 405 ms of it to do: nine of them, or one more for each slot and one that waits.
TEST_F(CostHintsTest, NoMoreAreLetInThanCanBeInTimeHoweverManyPassesGoBy) {
  std::uint32_t let_in = 0;
  for (int i = 0; i < 60; ++i) {
    if (SubmitHint(milliseconds(100), 0, seconds(1)) == "accepted 1") ++let_in;
    Resolve();
  }
  EXPECT_GE(let_in, 8U);
  EXPECT_LE(let_in, 10U);
  EXPECT_NEAR(static_cast<double>(Waiting().count()), let_in * 5e7, 1e6);
}

TEST_F(CostHintsTest, WhatWaitsForArgumentsCountsByItToo) {
  SubmitHint(milliseconds(100));
  ParkedWork parked(bench.account, bench.costs);
  parked.Add(Got(0));
  EXPECT_NEAR(static_cast<double>(bench.account.At(TaskClass::kNormal).parked[kCpu].get()), 5e7,
              1e3);
  parked.TakeAway(Got(0));
  EXPECT_EQ(bench.account.At(TaskClass::kNormal).parked[kCpu].get(), 0);
}

// They were counted by the hint, and are paid by what was learned meanwhile.
TEST_F(CostHintsTest, WhatIsLearnedWhileTheyWaitIsPaidAndTheAccountIsEvenInTheEnd) {
  for (int i = 0; i < 3; ++i) SubmitHint(milliseconds(100));
  Resolve();
  const TaskPtr first = ready.Pop(kTwo, bench.now());
  ready.Pay(*first);
  ready.Begun(*first->function, *first->shape);
  EXPECT_EQ(first->estimate, milliseconds(100));
  bench.costs.Learn(unknown, milliseconds(2));
  ready.Correct(*first->root, first->estimate, milliseconds(2));
  SubmitHint(milliseconds(100));
  EXPECT_EQ(Got(0).estimate, milliseconds(100));
  Resolve();
  EXPECT_NEAR(static_cast<double>(Waiting().count()), 2 * 5e7 + 1e6, 1e4) << "the last is known";
  std::vector<TaskPtr> rest;
  while (TaskPtr task = ready.Pop(kTwo, bench.now())) {
    ready.Pay(*task);
    ready.Begun(*task->function, *task->shape);
    EXPECT_EQ(task->estimate, milliseconds(2));
    rest.push_back(std::move(task));
  }
  EXPECT_EQ(rest.size(), 3U);
  EXPECT_EQ(Waiting(), Nanos(0));
  EXPECT_EQ(ready.Work(TaskClass::kNormal), Nanos(0));
  EXPECT_EQ(bench.account.WorkOf(unknown).get(), 0);
  const WorkAccount::Flow& flow = bench.account.At(TaskClass::kNormal, bench.session().tenant);
  EXPECT_EQ(Nanos(flow.tag.get()), 4 * milliseconds(2)) << "nobody owes what was said";
}

}  // namespace
}  // namespace spillgate::testing
