// Transit: what a frame waited, whatever the clocks of the two sides say.
#include "server/net/transit.h"

#include <gtest/gtest.h>

namespace spillgate::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TransitTest : public ::testing::Test {
 protected:
  // A frame that was sent `ago` on a clock that is `ahead` of ours.
  Nanos Of(Nanos ago, Nanos ahead = seconds(1000)) {
    const Nanos sent = now.time_since_epoch() - ago + ahead;
    return transit.Of(
        static_cast<std::uint64_t>(std::chrono::duration_cast<microseconds>(sent).count()), now);
  }
  Transit transit;
  Instant now{seconds(5000)};
};

TEST_F(TransitTest, IsWhatAFrameTookBeyondTheLeast) {
  EXPECT_EQ(Of(microseconds(50)), Nanos(0)) << "the first one says nothing";
  EXPECT_EQ(Of(milliseconds(3)), microseconds(2950));
  EXPECT_EQ(Of(microseconds(30)), Nanos(0));
  EXPECT_EQ(Of(milliseconds(3)), microseconds(2970));
  EXPECT_EQ(transit.Of(0, now), Nanos(0)) << "no clock, no age";
}

TEST_F(TransitTest, AQueueThatStandsForSecondsIsNotTakenForTheClocks) {
  (void)Of(microseconds(50));
  for (int i = 0; i < 400'000; ++i) {
    now += microseconds(10);
    ASSERT_GE(Of(milliseconds(10)), microseconds(9950)) << i;
  }
}

TEST_F(TransitTest, ClocksThatDriftApartLookLikeAShortQueueAtMost) {
  for (int i = 0; i < 60'000; ++i) {
    now += milliseconds(1);
    const Nanos drift = -Nanos(i * 100);  // 100 ns a millisecond: the sender's clock is slow
    ASSERT_LE(Of(microseconds(50), drift), milliseconds(1) + microseconds(1)) << i;
  }
}

TEST_F(TransitTest, AClockThatWasSetForwardIsForgottenInTime) {
  (void)Of(microseconds(50), seconds(2000));
  EXPECT_EQ(Of(microseconds(50), seconds(1000)), seconds(1000)) << "set back: all seem to be old";
  now += seconds(6);
  (void)Of(microseconds(50), seconds(1000));
  now += seconds(6);
  EXPECT_EQ(Of(microseconds(50), seconds(1000)), Nanos(0));
}

TEST_F(TransitTest, SurvivesWhatNoClockSays) {
  EXPECT_EQ(transit.Of(~std::uint64_t{0}, now), Nanos(0));
  EXPECT_GT(transit.Of(1, now), std::chrono::hours(1));
}

}  // namespace
}  // namespace spillgate::net
