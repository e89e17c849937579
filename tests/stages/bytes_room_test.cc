// Room in bytes: a frame is let in as far as it fits into its class's part, says so where it does
// not, and what is refused of it takes nothing.
#include <gtest/gtest.h>

#include <string>

#include "tests/stages/admission_bench.h"

namespace spillgate {
namespace {

using testing::Bench;

class BytesRoomTest : public testing::AdmissionBench {
 protected:
  // Each is charged about 1,600 bytes.
  std::string SubmitOf(TaskClass cls, std::uint64_t seq, std::uint32_t tasks,
                       std::size_t argument = 1000, Level level = Level::kNone) {
    return Submit({.ask = {.cls = cls, .level = level, .first_seq = seq},
                   .tasks = tasks,
                   .inline_arg = std::string(argument, 'x')});
  }
  [[nodiscard]] std::int64_t Charged() const {
    std::int64_t bytes = 0;
    for (const Accepted& event : accepted.events)
      bytes += event.task == nullptr ? 0 : event.task->bytes;
    return bytes;
  }
};

TEST_F(BytesRoomTest, AFrameIsLetInAsFarAsItFits) {
  for (const char* controller : {"work_bound", "bound"}) {
    inbox.Use(flow::MakeController(controller));
    bench.in_flight.Resize(100, bench.in_flight.bytes() + 10'000);
    const std::int64_t before = bench.in_flight.count();
    EXPECT_EQ(SubmitOf(TaskClass::kCritical, 1 + before, 10), "accepted 6, in_flight_bytes 4")
        << controller;
    EXPECT_EQ(bench.in_flight.count(), before + 6);
    EXPECT_EQ(bench.in_flight.bytes(), Charged()) << "what they give back when they end";
  }
  while (!accepted.events.empty()) {
    End(accepted.events.size() - 1);
    accepted.events.pop_back();
  }
  EXPECT_EQ(bench.in_flight.count(), 0);
  EXPECT_EQ(bench.in_flight.bytes(), 0);
}

// A full class has no bytes, however few tasks it has.
TEST_F(BytesRoomTest, BytesAreTheReasonWhereItsClassHasNoMoreOfThem) {
  bench.in_flight.Resize(100, 10'000);
  ASSERT_TRUE(bench.in_flight.Reserve(1, 8100));
  EXPECT_EQ(SubmitOf(TaskClass::kNormal, 1, 1), "in_flight_bytes 1") << "81 of 100";
  EXPECT_GE(bench.answered.verdicts.back().retry_after_us, 1000U);
  EXPECT_EQ(SubmitOf(TaskClass::kSheddable, 2, 1), "in_flight_bytes 1");
  EXPECT_EQ(SubmitOf(TaskClass::kCritical, 3, 1), "accepted 1");
}

// It would be refused on an idle node too, so that trying again is of no use.
TEST_F(BytesRoomTest, OneThatIsLargerThanThePartOfItsClassIsTooLarge) {
  bench.in_flight.Resize(100, 10'000);
  EXPECT_EQ(SubmitOf(TaskClass::kSheddable, 1, 1, 6000), "too_large 1");
  EXPECT_EQ(bench.answered.verdicts.back().retry_after_us, 0U);
  EXPECT_EQ(SubmitOf(TaskClass::kSheddable, 2, 2, 3000), "accepted 1, in_flight_bytes 1")
      << "two are no more than one after the other";
  EXPECT_EQ(SubmitOf(TaskClass::kNormal, 4, 1, 6000), "in_flight_bytes 1")
      << "it has a larger part";
  End(0);
  EXPECT_EQ(SubmitOf(TaskClass::kNormal, 5, 1, 6000), "accepted 1");
  EXPECT_EQ(SubmitOf(TaskClass::kCritical, 6, 1, 11'000), "too_large 1");
  inbox.Use(flow::MakeController("none"));
  EXPECT_EQ(SubmitOf(TaskClass::kSheddable, 7, 1, 11'000), "too_large 1");
  EXPECT_EQ(bench.in_flight.count(), 1);
}

// What belongs to a root that was let in has all that is there.
TEST_F(BytesRoomTest, TasksOfAnOpenRootAreNotHeldToTheirClass) {
  bench.in_flight.Resize(100, 10'000);
  EXPECT_EQ(OpenRoot(1), "accepted 1");
  const auto add = [&](std::uint64_t seq, std::uint32_t tasks, std::size_t argument) {
    return Submit({.ask = {.cls = TaskClass::kSheddable, .root = 1, .first_seq = seq},
                   .tasks = tasks,
                   .inline_arg = std::string(argument, 'x')});
  };
  EXPECT_EQ(add(2, 1, 11'000), "too_large 1");
  EXPECT_EQ(add(3, 8, 1000), "accepted 6, in_flight_bytes 2");
  EXPECT_EQ(bench.in_flight.bytes(), Charged());
}

TEST_F(BytesRoomTest, WhoTurnsOutToBeARootIsHeldToIt) {
  bench.in_flight.Resize(100, 10'000);
  const auto join = [&](std::uint64_t seq, std::size_t argument) {
    return Submit(
        {.ask = {.cls = TaskClass::kSheddable, .flags = wire::kJoin, .root = 99, .first_seq = seq},
         .inline_arg = std::string(argument, 'x')});
  };
  EXPECT_EQ(join(1, 3000), "accepted 1");
  EXPECT_EQ(join(2, 3000), "in_flight_bytes 1");
  EXPECT_EQ(join(3, 5000), "too_large 1");
  EXPECT_EQ(bench.in_flight.count(), 1);
  EXPECT_EQ(bench.in_flight.bytes(), Charged());
}

// Else a frame of which nearly all is refused would stay in memory whole for the rest.
TEST_F(BytesRoomTest, OfAFrameThatIsMostlyRefusedOnlyThePartIsKept) {
  bench.in_flight.Resize(100, 10'000);
  ASSERT_TRUE(bench.in_flight.Reserve(1, 6000));
  EXPECT_EQ(SubmitOf(TaskClass::kCritical, 1, 60), "accepted 2, in_flight_bytes 58");
  EXPECT_LT(Got(0).frame.size(), 3000U);
  for (const std::size_t i : {0, 1}) {
    ASSERT_EQ(Got(i).args.size(), 1U);
    const ArgRef& arg = Got(i).args[0];
    EXPECT_EQ(AsText(Got(i).payload.subspan(arg.offset, arg.size)), std::string(1000, 'x'));
  }
  EXPECT_EQ(bench.answered.verdicts.back().first_seq, 3U);
  EXPECT_EQ(bench.in_flight.bytes(), 6000 + Charged());
}

TEST_F(BytesRoomTest, APartOfADurableFrameIsWrittenDownAsSuch) {
  bench.journal.open = true;
  bench.in_flight.Resize(100, 5000);
  EXPECT_EQ(SubmitOf(TaskClass::kCritical, 1, 60, 1000, Level::kAsync), "in_flight_bytes 57");
  Handle(Durable{.written = bench.journal.last()});
  EXPECT_EQ(bench.answered.verdicts.back().count, 3U);
  EXPECT_LT(Got(0).record->lineage->frame.size(), 4000U);
}

}  // namespace
}  // namespace spillgate
