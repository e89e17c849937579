// What the node says of how full it is, and what the client makes of it.
#include <gtest/gtest.h>

#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using wire::FrameType;
using wire::VerdictStatus;

class LoadLevelTest : public SessionFixture {
 protected:
  // Most of what it asks for was refused, and one is taken by a node as full as that; how many of
  // the next hundred are refused here.
  int RefusedHereAfterOneIsTaken(std::uint8_t level) {
    Start({.retry = {.most = 0}, .seed = 3});
    for (int i = 0; i < 200; ++i) (void)Submit();
    EXPECT_TRUE(Answer(CollectOne(FrameType::kSubmit), VerdictStatus::kRejected, 255));
    now += 10ms;
    EXPECT_TRUE(Submit()->pending()) << "one asks whether it is over";
    EXPECT_TRUE(Answer(CollectOne(FrameType::kSubmit), VerdictStatus::kAccepted, level));
    EXPECT_EQ(session->load_level(), level);
    int refused = 0;
    for (int i = 0; i < 100; ++i) refused += Submit()->pending() ? 0 : 1;
    return refused;
  }
  bool Answer(const Sent& frame, VerdictStatus status, std::uint8_t level) {
    const bool refused = status == VerdictStatus::kRejected;
    return Verdict({.first_seq = frame.ask().first_seq,
                    .count = frame.ask().count,
                    .correlation = frame.correlation(),
                    .retry_after_us = refused ? 7000U : 0U,
                    .reason = refused ? Reason::kQuota : Reason::kNone,
                    .status = status,
                    .load_level = level});
  }
};

// One by one its places come free, and each is taken at once: that is no end of it.
TEST_F(LoadLevelTest, WhoIsTakenByAFullNodeGoesOnAskingForLess) {
  EXPECT_GT(RefusedHereAfterOneIsTaken(255), 80);
  EXPECT_GT(RefusedHereAfterOneIsTaken(128), 80);
}

TEST_F(LoadLevelTest, WhoIsTakenByANodeThatIsLessThanHalfFullIsBackAtOnce) {
  EXPECT_EQ(RefusedHereAfterOneIsTaken(127), 0);
}

TEST_F(LoadLevelTest, IsNotThatOfAPut) {
  (void)Submit();
  ASSERT_TRUE(Answer(CollectOne(FrameType::kSubmit), VerdictStatus::kAccepted, 200));
  TaskState* put = session->Put(AsBytes("large"), {});
  const Sent frame = CollectOne(FrameType::kPut);
  ASSERT_TRUE(Verdict(
      {.first_seq = Seq(put), .count = 1, .correlation = frame.correlation(), .load_level = 3}));
  EXPECT_EQ(session->load_level(), 200) << "it says nothing of roots";
}

}  // namespace
}  // namespace spillgate::client
