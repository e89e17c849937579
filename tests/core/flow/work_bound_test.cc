// The rule of work_bound, case by case.
#include <gtest/gtest.h>

#include <array>

#include "core/flow/admission.h"

namespace spillgate::flow {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Case {
  const char* what;
  std::uint32_t count = 1;
  Nanos remaining = microseconds(23'223);  // so that it may wait for 10 ms
  std::array<Queue, 2> queues{};
  std::size_t resources = 1;
  Nanos cost = milliseconds(1);
  Nanos p95 = milliseconds(1);
  Nanos lasts{0};
  std::int64_t slots = 1;
  std::int64_t waiting = 100;
  std::int64_t unstarted = 0;
  bool known = true;
  std::uint8_t line = 0;
  std::uint8_t lines_before = 0;
  double taken = 0;
  std::int64_t held = 0;  // of 1000 places
  std::uint32_t admitted = 0;
};

Queue Wait(std::int64_t ms, std::int64_t each_us = 1000) {
  return {.wait = milliseconds(ms), .each = microseconds(each_us)};
}

const Case kCases[] = {
    {.what = "nothing waits", .queues = {Wait(0)}, .admitted = 1},
    {.what = "as long as its slack has it", .queues = {Wait(10)}, .admitted = 1},
    {.what = "longer", .queues = {Wait(11)}, .admitted = 0},
    {.what = "as many as fit behind each other", .count = 64, .queues = {Wait(4)}, .admitted = 7},
    {.what = "of a group on eight slots",
     .count = 64,
     .queues = {Wait(4, 125)},
     .slots = 4,
     .admitted = 49},
    {.what = "eight slots are kept busy by less",
     .count = 64,
     .queues = {Wait(4, 125)},
     .slots = 8,
     .admitted = 40},
    {.what = "many by less again, but a burst has its part",
     .count = 64,
     .remaining = milliseconds(101),
     .queues = {Wait(34)},
     .slots = 64,
     .waiting = 1000,
     .admitted = 2},
    {.what = "roots that grow take longer than their own task: 0.45 of 23.2 ms less 5",
     .count = 64,
     .queues = {Wait(0)},
     .lasts = milliseconds(5),
     .admitted = 9},
    {.what = "of which a quarter of its time is believed",
     .count = 64,
     .queues = {Wait(0)},
     .lasts = seconds(10),
     .admitted = 8},
    {.what = "the scarcer of two resources decides",
     .count = 64,
     .queues = {Wait(0, 10), Wait(9)},
     .resources = 2,
     .admitted = 2},
    {.what = "what takes nothing scarce", .count = 9, .resources = 0, .admitted = 9},
    {.what = "a far deadline leaves time to wait",
     .count = 64,
     .remaining = seconds(1),
     .queues = {Wait(440)},
     .admitted = 10},
    {.what = "even of what takes next to nothing",
     .count = 64,
     .remaining = Nanos(0),
     .queues = {Queue{.wait = Nanos(0), .each = Nanos(1)}},
     .admitted = 64},
    {.what = "none leaves any",
     .count = 64,
     .remaining = Nanos(0),
     .queues = {Wait(3'600'000)},
     .admitted = 64},
    {.what = "a near one tightens: 0.45 of 11 ms less 1",
     .count = 64,
     .remaining = milliseconds(11),
     .queues = {Wait(0)},
     .admitted = 5},
    {.what = "one out of reach", .remaining = microseconds(999), .queues = {Wait(0)}},
    {.what = "of which one may try where nothing waits",
     .count = 64,
     .remaining = microseconds(999),
     .queues = {Wait(0)},
     .waiting = 0,
     .admitted = 1},
    {.what = "a class that has filled its part of the node",
     .count = 64,
     .queues = {Wait(0, 1)},
     .held = 497,
     .admitted = 3},
    {.what = "also with what takes nothing scarce",
     .count = 64,
     .resources = 0,
     .held = 497,
     .admitted = 3},
    {.what = "in reach of the mean, not of the p95: only while slots would be idle",
     .remaining = milliseconds(2),
     .queues = {Wait(1)},
     .p95 = milliseconds(3),
     .waiting = 0,
     .admitted = 1},
    {.what = "the floor: two for each slot, and one",
     .count = 64,
     .queues = {Wait(1000)},
     .slots = 2,
     .waiting = 1,
     .admitted = 4},
    {.what = "less where others take nearly all",
     .count = 64,
     .queues = {Wait(1000)},
     .slots = 2,
     .waiting = 0,
     .taken = 0.8,
     .admitted = 1},
    {.what = "and no more", .queues = {Wait(1000)}, .slots = 2, .waiting = 5, .admitted = 0},
    {.what = "unknown: two that wait for each slot",
     .count = 64,
     .queues = {Wait(0)},
     .slots = 4,
     .waiting = 0,
     .unstarted = 3,
     .known = false,
     .admitted = 5},
    {.what = "which other functions do not use up",
     .count = 64,
     .queues = {Wait(0, 1)},
     .slots = 4,
     .waiting = 50,
     .known = false,
     .admitted = 8},
    {.what = "behind one line it can be slowed by half as before any",
     .count = 64,
     .queues = {Wait(9)},
     .line = 3,
     .lines_before = 1,
     .admitted = 2},
    {.what = "behind two by half of that",
     .count = 64,
     .queues = {Wait(4)},
     .line = 3,
     .lines_before = 2,
     .admitted = 2},
    {.what = "and behind three by half of that again",
     .count = 64,
     .queues = {Wait(2, 250)},
     .line = 3,
     .lines_before = 3,
     .admitted = 3},
    {.what = "who can wait is not on probation",
     .count = 64,
     .remaining = Nanos(0),
     .queues = {Wait(0)},
     .waiting = 50,
     .known = false,
     .line = 3,
     .admitted = 64},
};

TEST(WorkBound, AdmitsWhatIsServedInTime) {
  const auto controller = MakeController("work_bound");
  ASSERT_NE(controller, nullptr);
  EXPECT_TRUE(controller->UsesWork());
  for (const Case& c : kCases) {
    const Load load{.held = c.held, .capacity = 1000, .capacity_bytes = 1000};
    const Ask ask{.cls = 3,
                  .count = c.count,
                  .remaining = c.remaining,
                  .work = {.queues = std::span(c.queues).first(c.resources),
                           .cost = c.cost,
                           .p95 = c.p95,
                           .lasts = c.lasts,
                           .slots = c.slots,
                           .waiting = c.waiting,
                           .may_try = c.waiting == 0,
                           .unstarted = c.unstarted,
                           .known = c.known,
                           .taken = c.taken,
                           .line = c.line,
                           .lines_before = c.lines_before}};
    EXPECT_EQ(controller->Admit(ask, load, Instant()), c.admitted) << c.what;
  }
}

TEST(WorkBound, SaysWhenWhatWaitsTooLongWillHaveBeenServed) {
  const auto controller = MakeController("work_bound");
  const auto retry_after = [&](Queue queue, std::uint32_t count = 1, std::uint32_t admitted = 0) {
    const Ask ask{.count = count,
                  .remaining = microseconds(23'223),
                  .work = {.queues = {&queue, 1},
                           .cost = milliseconds(1),
                           .p95 = milliseconds(1),
                           .slots = 1,
                           .waiting = 100,
                           .known = true}};
    const Load load{.capacity = 1000, .capacity_bytes = 1000};
    EXPECT_EQ(controller->Admit(ask, load, Instant()), admitted);
    ControllerState state;
    controller->Snapshot(state);
    return state.retry_after;
  };
  EXPECT_NEAR(static_cast<double>(retry_after(Wait(25)).count()), 15e6, 1e3);
  EXPECT_EQ(retry_after({.wait = milliseconds(10) + microseconds(1)}), milliseconds(1))
      << "at least";
  EXPECT_EQ(retry_after({.wait = std::chrono::hours(1)}), seconds(30)) << "at most";
  EXPECT_EQ(retry_after(Wait(4), 64, 7), milliseconds(56)) << "the last of those that are refused";
  EXPECT_NEAR(static_cast<double>(retry_after(Wait(25), 4).count()), 18e6, 1e3);
  const Queue hours{.wait = Nanos(0), .each = std::chrono::hours(1)};
  EXPECT_EQ(retry_after(hours, 800, 1), seconds(30)) << "at most";
}

}  // namespace
}  // namespace spillgate::flow
