// What becomes of the children of a parent that runs again: those that it spawns the same are
// repeats, what it spawns otherwise is new, and what its last run has not spawned ends with it.
#include <set>

#include "schema/child_spec.h"
#include "stages/publication.h"
#include "tests/stages/submission_bench.h"

namespace spillgate::testing {
namespace {

class ReplayedSpawnsTest : public SubmissionBench {
 protected:
  ReplayedSpawnsTest()
      : published("publication", 0, {}, flow::MakeController("none")),
        publication(bench.shared, bench.tally.publication[0], MakeOut()) {
    EXPECT_EQ(Submit({}), "accepted 1");
    Begin();
  }

  Publication::Out MakeOut() {
    Publication::Out out{.object_ready = ready.back(),
                         .cancel = {},
                         .room_freed = {},
                         .done = flow::Departure(&published)};
    out.cancel.push_back(cancelled.back());
    return out;
  }
  [[nodiscard]] Task& Parent() { return Got(0); }
  // Its next run.
  void Begin() { Parent().record->attempt = ++Parent().attempt; }
  // One frame with a child for each text, of this run or of another one.
  std::string SpawnThese(const std::vector<std::string>& texts, std::uint32_t run = 0) {
    bench.answered.Clear();
    Write({.function = function}, texts, run == 0 ? Parent().attempt : run);
    Handle(From(kTask, Buffer::CopyOf(frame())));
    return bench.answered.Verdicts();
  }
  void Write(const wire::SubmitPreamble& ask, const std::vector<std::string>& texts,
             std::uint32_t run) {
    const wire::ChildPreamble child{
        .parent = Parent().id, .stream = 0, .attempt = run, .first_index = 0};
    writer_.Begin(ask, &child);
    for (const std::string& text : texts) {
      const bool mixed = (ask.flags & wire::kMixed) != 0;
      writer_.BeginTask(mixed && text == "g" ? other : mixed ? function : 0);
      writer_.AddInline(AsBytes(text));
    }
    out_.Clear();
    writer_.Finish(1, 0, out_);
  }
  [[nodiscard]] ByteView frame() const { return out_.view(); }
  // As the task that spawns knows it.
  [[nodiscard]] TaskId IdOf(std::uint64_t index, const std::string& text) {
    wire::SubmitWriter writer;
    writer.Begin({});
    writer.BeginTask();
    writer.AddInline(AsBytes(text));
    return ChildId({Bench::kSession, 1}, 0, index,
                   wire::DigestOf("f", "", writer.view(), writer.payload(), 0));
  }
  void PublishParent() {
    EXPECT_TRUE(published.Reserve(1, Parent().bytes));
    Parent().outcome = Bench::Done("done");
    std::vector<Publication::In> batch =
        BatchOf<Publication::In>(Finished{std::move(accepted.events[0].task)});
    publication.Handle(batch, bench.now());
  }
  [[nodiscard]] std::set<TaskId> Cancelled() const {
    std::set<TaskId> ids;
    for (const CancelAsked& each : cancelled.events) ids.insert(each.task);
    return ids;
  }
  [[nodiscard]] std::uint64_t unmatched() const {
    return bench.tally.publication[0].unmatched.get();
  }

  const FunctionId other = bench.AddFunction("g", 1000);
  flow::Inbox<Publication::In> published;
  Probe<ObjectReady> ready;
  Probe<CancelAsked> cancelled;
  Publication publication;

 private:
  wire::SubmitWriter writer_;
  wire::OutBuffer out_;
};

TEST_F(ReplayedSpawnsTest, WhatIsTheSameIsARepeatAndWhatIsNotIsNew) {
  EXPECT_EQ(SpawnThese({"a", "b", "c"}), "accepted 3");
  Begin();
  EXPECT_EQ(SpawnThese({"a", "x", "c"}), "earlier 1, accepted 1, earlier 1");
  ASSERT_EQ(accepted.events.size(), 5U);
  EXPECT_EQ(Got(2).id, IdOf(1, "b"));
  EXPECT_EQ(Got(4).id, IdOf(1, "x")) << "the task and its node agree";
  EXPECT_NE(Got(4).id, Got(2).id);
  EXPECT_EQ(bench.in_flight.count(), 5);
  EXPECT_EQ(Parent().root->unfinished, 5U);
}

TEST_F(ReplayedSpawnsTest, InAFrameThatMixesTheFunctionCounts) {
  const wire::SubmitPreamble mixed{.flags = wire::kMixed};
  Write(mixed, {"f", "g"}, 1);
  bench.answered.Clear();
  Handle(From(kTask, Buffer::CopyOf(frame())));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 2");
  Begin();
  Write(mixed, {"f", "g"}, 2);
  bench.answered.Clear();
  Handle(From(kTask, Buffer::CopyOf(frame())));
  EXPECT_EQ(bench.answered.Verdicts(), "earlier 2");
  EXPECT_EQ(SpawnThese({"f", "g"}), "earlier 1, accepted 1") << "the second one with function f";
}

TEST_F(ReplayedSpawnsTest, ARepeatBehindSomethingNewNeedsNoRoom) {
  EXPECT_EQ(SpawnThese({"a", "b"}), "accepted 2");
  Begin();
  bench.in_flight.Resize(4, 1 << 20);
  EXPECT_EQ(SpawnThese({"x", "b"}), "accepted 1, earlier 1");
  EXPECT_TRUE(stage.Idle());
  EXPECT_EQ(bench.in_flight.count(), 4);
}

TEST_F(ReplayedSpawnsTest, SomethingNewWaitsForTheWindowOfItsRoot) {
  Parent().root->window = 3;
  EXPECT_EQ(SpawnThese({"a", "b"}), "accepted 2");
  Begin();
  EXPECT_EQ(SpawnThese({"a", "x"}), "earlier 1");
  EXPECT_EQ(bench.in_flight.count(), 3);
  End(1);
  Handle(RoomFreed{});
  EXPECT_EQ(bench.answered.Verdicts(), "earlier 1, accepted 1");
  EXPECT_EQ(Parent().root->unfinished, 3U);
}

TEST_F(ReplayedSpawnsTest, WhatAnEarlierRunWaitsForIsNotSpawned) {
  bench.in_flight.Resize(2, 1 << 20);
  EXPECT_EQ(SpawnThese({"a", "b"}), "accepted 1");
  Begin();
  EXPECT_EQ(SpawnThese({"a", "x"}), "earlier 1");
  End(1);
  Handle(RoomFreed{});
  EXPECT_EQ(bench.answered.Verdicts(), "earlier 1, unknown_root 1, accepted 1");
  EXPECT_EQ(Got(2).id, IdOf(1, "x"));
  EXPECT_EQ(SpawnThese({"late"}, 1), "unknown_root 1");
  EXPECT_TRUE(stage.Idle());
}

TEST_F(ReplayedSpawnsTest, WhatTheLastRunHasNotSpawnedIsCancelledWhenItsParentIsPublished) {
  EXPECT_EQ(SpawnThese({"a", "b"}), "accepted 2");
  Begin();
  EXPECT_EQ(SpawnThese({"x"}), "accepted 1");
  Begin();
  EXPECT_EQ(SpawnThese({"a"}), "earlier 1") << "as in the first run";
  EXPECT_TRUE(Cancelled().empty()) << "a further run may want them";
  PublishParent();
  EXPECT_EQ(Cancelled(), (std::set<TaskId>{IdOf(1, "b"), IdOf(0, "x")}));
  EXPECT_EQ(unmatched(), 2U);
  EXPECT_FALSE(bench.Find(IdOf(0, "a"))->cancelled);
}

TEST_F(ReplayedSpawnsTest, ATaskThatRunsOnceLeavesItsChildrenAlone) {
  EXPECT_EQ(SpawnThese({"a"}), "accepted 1");
  PublishParent();
  EXPECT_TRUE(Cancelled().empty());
  EXPECT_EQ(unmatched(), 0U);
}

// They hang from the parent once their own parent has ended.
TEST_F(ReplayedSpawnsTest, WhatUnmatchedChildrenHaveSpawnedGoesWithThem) {
  EXPECT_EQ(SpawnThese({"a", "b"}), "accepted 2");
  EXPECT_EQ(Spawn(Got(1), 1), "accepted 1");
  EXPECT_EQ(Spawn(Got(2), 1), "accepted 1");
  EXPECT_EQ(Spawn(Got(3), 1), "accepted 1");
  const TaskId below_below_a = Got(5).id;
  const TaskId below_b = Got(4).id;
  End(3);
  End(1);
  End(2);
  Begin();
  EXPECT_EQ(SpawnThese({"x", "b"}), "accepted 1, earlier 1");
  PublishParent();
  EXPECT_EQ(Cancelled(), std::set<TaskId>{below_below_a});
  EXPECT_EQ(unmatched(), 1U);
  EXPECT_FALSE(bench.Find(below_b)->cancelled);
}

TEST_F(ReplayedSpawnsTest, AFrameThatIsBrokenIsRefusedWhole) {
  EXPECT_EQ(SpawnThese({"a"}), "accepted 1");
  Begin();
  Write({.function = function}, {"a"}, 2);
  std::vector<std::byte> bytes(frame().begin(), frame().end());
  bytes[wire::kHeaderSize + wire::kPreambleSize + wire::kChildPreambleSize] = std::byte{0xff};
  bench.answered.Clear();
  Handle(From(kTask, Buffer::CopyOf(bytes)));
  EXPECT_EQ(bench.answered.Verdicts(), "malformed 1");
  ASSERT_EQ(bench.answered.errors.size(), 1U);
  EXPECT_EQ(bench.in_flight.count(), 2);
}

TEST_F(ReplayedSpawnsTest, WhatAnEarlierRunLetGoOfTheNextOneHasAgain) {
  EXPECT_EQ(SpawnThese({"a"}), "accepted 1");
  const TaskId child = IdOf(0, "a");
  {
    MutexLock lock(bench.table.mutex());
    EXPECT_TRUE(bench.table.Release(*bench.table.Find(child)));
  }
  Begin();
  EXPECT_EQ(SpawnThese({"a"}), "earlier 1");
  End(1);
  MutexLock lock(bench.table.mutex());
  Record* record = bench.table.Find(child);
  ASSERT_NE(record, nullptr);
  bench.table.Sweep(*record);
  EXPECT_NE(bench.table.Find(child), nullptr) << "until it lets go of it as well";
}

// The frame was on its way. Its session lives for long, and would keep what nobody knows of.
TEST_F(ReplayedSpawnsTest, WhatAParentHasAgainThatEndsMeanwhileIsKeptForNobody) {
  EXPECT_EQ(SpawnThese({"a"}), "accepted 1");
  const TaskId child = IdOf(0, "a");
  Begin();
  Write({.function = function}, {"a"}, 2);
  PublishParent();
  bench.answered.Clear();
  Handle(From(kTask, Buffer::CopyOf(frame())));
  EXPECT_EQ(bench.answered.Verdicts(), "earlier 1");
  End(1);
  MutexLock lock(bench.table.mutex());
  Record* record = bench.table.Find(child);
  ASSERT_NE(record, nullptr);
  bench.table.Sweep(*record);
  EXPECT_EQ(bench.table.Find(child), nullptr);
}

}  // namespace
}  // namespace spillgate::testing
