// What submission shows of the spawns that wait for room.
#include "tests/stages/submission_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;

class WaitingSpawnsTest : public SubmissionBench {
 protected:
  std::size_t Root(std::uint64_t seq) {
    EXPECT_EQ(Submit({.ask = {.first_seq = seq}}), "accepted 1");
    return accepted.events.size() - 1;
  }
  // Of a frame of so many.
  std::int64_t Bytes(std::uint32_t tasks) {
    const wire::ChildPreamble child{.attempt = 1};
    return static_cast<std::int64_t>(Write({.tasks = tasks}, &child).size());
  }
  [[nodiscard]] const SubmissionTally& tally() const { return bench.tally.submission[0]; }
  [[nodiscard]] Instant Since() const { return Instant(Nanos(tally().waiting_since.get())); }
};

TEST_F(WaitingSpawnsTest, TheirTasksAreShownAsLongAsTheyWait) {
  const std::size_t older = Root(1);
  const std::size_t younger = Root(2);
  bench.in_flight.Resize(2, 1 << 20);
  EXPECT_EQ(tally().waiting.get(), 0);
  Spawn(Got(younger), 3);
  Spawn(Got(older), 2);
  EXPECT_EQ(tally().waiting.get(), 5);
  EXPECT_EQ(tally().waiting_bytes.get(), Bytes(3) + Bytes(2));
  bench.in_flight.Resize(3, 1 << 20);
  TickAfter(milliseconds(1));
  EXPECT_EQ(tally().waiting.get(), 4) << "one of the older is in";
  EXPECT_EQ(tally().waiting_bytes.get(), Bytes(3) + Bytes(2)) << "the frame is kept for the other";
  End(younger);
  TickAfter(milliseconds(1));
  EXPECT_EQ(tally().waiting.get(), 0) << "that is in, and three have no parent any more";
  EXPECT_EQ(tally().waiting_bytes.get(), 0);
}

// Which need not be of the oldest root, that is served first.
TEST_F(WaitingSpawnsTest, AndSinceWhenTheOldestOfThemDoes) {
  const std::size_t older = Root(1);
  const std::size_t younger = Root(2);
  bench.in_flight.Resize(2, 1 << 20);
  EXPECT_EQ(Since(), kNever);
  const Instant first = bench.now();
  Spawn(Got(younger), 1);
  TickAfter(milliseconds(5));
  const Instant second = bench.now();
  Spawn(Got(older), 1);
  TickAfter(milliseconds(5));
  EXPECT_EQ(Since(), first);
  End(younger);
  ASSERT_TRUE(bench.in_flight.Reserve(1, 0));
  TickAfter(milliseconds(1));
  EXPECT_EQ(Since(), second);
  bench.in_flight.Release(1, 0);
  TickAfter(milliseconds(1));
  EXPECT_EQ(Since(), kNever);
}

TEST_F(WaitingSpawnsTest, NoneIsShownAfterTheEnd) {
  const std::size_t parent = Root(1);
  bench.in_flight.Resize(1, 1 << 20);
  Spawn(Got(parent), 1);
  EXPECT_EQ(tally().waiting.get(), 1);
  stage.Flush(bench.now());
  EXPECT_EQ(tally().waiting.get(), 0);
  EXPECT_EQ(tally().waiting_bytes.get(), 0);
  EXPECT_EQ(Since(), kNever);
}

}  // namespace
}  // namespace spillgate::testing
