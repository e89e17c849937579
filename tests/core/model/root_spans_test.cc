#include "core/model/root_spans.h"

#include <gtest/gtest.h>

namespace spillgate {
namespace {

using namespace std::chrono_literals;

TEST(RootSpans, KnowNothingOfWhatHasNotGrown) {
  RootSpans spans(10);
  EXPECT_EQ(spans.P95(3), 0ns);
  spans.Learn(4, 1ms);
  EXPECT_EQ(spans.P95(3), 0ns);
  EXPECT_GE(spans.P95(4), 1ms);
  spans.Learn(11, 1ms);
  EXPECT_EQ(spans.P95(11), 0ns) << "no function has that number";
}

TEST(RootSpans, AreOfMostAndNotOfAll) {
  RootSpans spans;
  for (int i = 0; i < 200; ++i) spans.Learn(1, i % 50 == 0 ? 100ms : 2ms);
  EXPECT_GE(spans.P95(1), 2ms);
  EXPECT_LE(spans.P95(1), 2500us);
  for (int i = 0; i < 200; ++i) spans.Learn(1, i % 10 == 0 ? 100ms : 2ms);
  EXPECT_GE(spans.P95(1), 100ms) << "one in ten is more than one in twenty";
}

TEST(RootSpans, FollowWhatTheyTakeNow) {
  RootSpans spans;
  for (int i = 0; i < 300; ++i) spans.Learn(1, 50ms);
  for (int i = 0; i < 1000; ++i) spans.Learn(1, 1ms);
  EXPECT_LE(spans.P95(1), 1250us);
}

}  // namespace
}  // namespace spillgate
