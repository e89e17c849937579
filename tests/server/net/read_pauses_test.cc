#include "server/net/read_pauses.h"

#include <gtest/gtest.h>

namespace spillgate::net {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class ReadPausesTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::uint64_t Ended(SocketTally::Why why, DeferralTally::Outcome how) const {
    return tally_.deferrals[why].outcomes[how].get();
  }
  [[nodiscard]] Nanos Age(SocketTally::Why why) const {
    return Nanos(static_cast<std::int64_t>(tally_.deferrals[why].ages.sum_ns()));
  }
  void Begin(SocketTally::Why why) { pauses_.Begin(why, now_, tally_); }
  void End(SocketTally::Why why) { pauses_.End(why, DeferralTally::kRun, now_, tally_); }

  SocketTally tally_;
  ReadPauses pauses_;
  Instant now_{milliseconds(100)};
};

TEST_F(ReadPausesTest, EachCountsOnceHoweverOftenItIsNoticed) {
  Begin(SocketTally::kFull);
  now_ += milliseconds(2);
  Begin(SocketTally::kFull);
  EXPECT_EQ(tally_.not_read.get(), 1);
  now_ += milliseconds(3);
  End(SocketTally::kFull);
  End(SocketTally::kFull);
  EXPECT_EQ(Ended(SocketTally::kFull, DeferralTally::kRun), 1U);
  EXPECT_EQ(Age(SocketTally::kFull), milliseconds(5));
  EXPECT_EQ(tally_.not_read.get(), 0);
}

TEST_F(ReadPausesTest, ThatOfATurnIsNone) {
  Begin(SocketTally::kFull);
  EXPECT_EQ(tally_.not_read.get(), 1);
  now_ += microseconds(999);
  End(SocketTally::kFull);
  EXPECT_EQ(Ended(SocketTally::kFull, DeferralTally::kRun), 0U);
  EXPECT_EQ(tally_.not_read.get(), 0);
}

// One of them does not end the other, and it is one connection.
TEST_F(ReadPausesTest, TwoAtATimeAreCountedByThemselves) {
  Begin(SocketTally::kRefusals);
  now_ += milliseconds(1);
  Begin(SocketTally::kUnread);
  EXPECT_EQ(pauses_.since(SocketTally::kUnread), now_);
  EXPECT_EQ(tally_.not_read.get(), 1);
  now_ += milliseconds(2);
  End(SocketTally::kRefusals);
  EXPECT_TRUE(pauses_.any());
  EXPECT_EQ(tally_.not_read.get(), 1);
  EXPECT_EQ(Age(SocketTally::kRefusals), milliseconds(3));
  now_ += milliseconds(2);
  End(SocketTally::kUnread);
  EXPECT_FALSE(pauses_.any());
  EXPECT_EQ(Age(SocketTally::kUnread), milliseconds(4));
  EXPECT_EQ(tally_.not_read.get(), 0);
}

TEST_F(ReadPausesTest, AConnectionThatIsClosedEndsAllOfThem) {
  Begin(SocketTally::kLarge);
  Begin(SocketTally::kFull);
  now_ += milliseconds(1);
  pauses_.EndAll(DeferralTally::kCancelled, now_, tally_);
  EXPECT_EQ(Ended(SocketTally::kLarge, DeferralTally::kCancelled), 1U);
  EXPECT_EQ(Ended(SocketTally::kFull, DeferralTally::kCancelled), 1U);
  EXPECT_EQ(Ended(SocketTally::kUnread, DeferralTally::kCancelled), 0U);
  EXPECT_EQ(tally_.not_read.get(), 0);
}

}  // namespace
}  // namespace spillgate::net
