#include "core/model/root_spans.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using namespace std::chrono_literals;

constexpr TaskClass kNormal = TaskClass::kNormal;

TEST(RootSpans, KnowNothingOfWhatHasNotGrown) {
  RootSpans spans(10);
  EXPECT_EQ(spans.P95(3, kNormal), 0ns);
  spans.Learn(4, kNormal, 1ms, true);
  spans.Learn(3, kNormal, 1ms, false);
  EXPECT_EQ(spans.P95(3, kNormal), 0ns);
  EXPECT_GE(spans.P95(4, kNormal), 1ms);
  EXPECT_EQ(spans.P95(4, TaskClass::kCritical), 0ns) << "another class";
  spans.Learn(11, kNormal, 1ms, true);
  EXPECT_EQ(spans.P95(11, kNormal), 0ns) << "no function has that number";
}

TEST(RootSpans, AreOfMostAndNotOfAll) {
  RootSpans spans;
  for (int i = 0; i < 200; ++i) spans.Learn(1, kNormal, i % 50 == 0 ? 100ms : 2ms, true);
  EXPECT_GE(spans.P95(1, kNormal), 2ms);
  EXPECT_LE(spans.P95(1, kNormal), 2500us);
  for (int i = 0; i < 200; ++i) spans.Learn(1, kNormal, i % 10 == 0 ? 100ms : 2ms, true);
  EXPECT_GE(spans.P95(1, kNormal), 100ms) << "one in ten is more than one in twenty";
}

// A recursive function that was asked for something large once is asked for small things since.
TEST(RootSpans, AreOfThoseThatDoNotGrowToo) {
  RootSpans spans;
  spans.Learn(1, kNormal, 5s, true);
  EXPECT_GE(spans.P95(1, kNormal), 5s);
  for (int i = 0; i < 30; ++i) spans.Learn(1, kNormal, 20us, false);
  EXPECT_LE(spans.P95(1, kNormal), 25us);
}

TEST(RootSpans, FollowWhatTheyTakeNow) {
  RootSpans spans;
  for (int i = 0; i < 300; ++i) spans.Learn(1, kNormal, 50ms, true);
  for (int i = 0; i < 1000; ++i) spans.Learn(1, kNormal, 1ms, true);
  EXPECT_LE(spans.P95(1, kNormal), 1250us);
}

}  // namespace
}  // namespace spillgate
