// Which of the tasks that wait for credit goes next.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {
namespace {

using testing::ElementsAre;
using wire::FrameType;
using wire::VerdictStatus;

const SubmitOptions kIn10ms{.deadline = 10ms};

// Of what there are bytes for, the text of each task's first argument, in the order of sending.
std::vector<std::string> Texts(const std::vector<Sent>& frames) {
  std::vector<std::string> texts;
  for (const Sent& frame : frames) {
    const wire::SubmitView tasks = frame.tasks();
    for (const wire::TaskHead& head : tasks.heads) {
      const ArgRef& arg = tasks.args[head.first_arg];
      texts.emplace_back(AsText(frame.view().payload.subspan(arg.offset, arg.size)));
    }
  }
  return texts;
}

class NextToGoTest : public SessionFixture {
 protected:
  NextToGoTest() { Allow(0); }
  void Allow(std::uint64_t tasks) {
    ASSERT_TRUE(Deliver(wire::Credits{.window = {0, 0, tasks, 0}, .ttl_ms = 100'000}, 0));
  }
  TaskState* SubmitNamed(std::string_view name, const SubmitOptions& options = kIn10ms) {
    const std::vector<Arg> args{name};
    return Submit(args, options);
  }
  // What goes when so many more may.
  std::vector<std::string> Release(std::uint64_t tasks) {
    Allow(allowed_ += tasks);
    return Texts(Collect(FrameType::kSubmit));
  }

 private:
  std::uint64_t allowed_ = 0;
};

TEST_F(NextToGoTest, WhatHasTimeKeepsItsOrder) {
  for (const char* name : {"a", "b", "c"}) {
    (void)SubmitNamed(name);
    now += 1ms;
  }
  EXPECT_THAT(Release(1), ElementsAre("a"));
  now += 2500us;  // of the 10 ms that b had, 4.5 are spent
  EXPECT_THAT(Release(2), ElementsAre("b", "c"));
}

TEST_F(NextToGoTest, OnceTheOldestIsLateTheNewestGoes) {
  for (const char* name : {"a", "b", "c", "d"}) {
    (void)SubmitNamed(name);
    now += 1ms;
  }
  now += 501us;
  EXPECT_THAT(Release(1), ElementsAre("d"));
  (void)SubmitNamed("e");
  EXPECT_THAT(Release(2), ElementsAre("e", "c"));
  EXPECT_THAT(Release(5), ElementsAre("b", "a")) << "there is credit to spare";
}

TEST_F(NextToGoTest, WhenTheLateHaveExpiredAllKeepTheirOrderAgain) {
  TaskState* late = SubmitNamed("late");
  now += 8ms;
  (void)SubmitNamed("a");
  now += 1ms;
  (void)SubmitNamed("b");
  now += 1ms;
  session->OnTime(now);
  EXPECT_EQ(KindOfFailure(late), FailureKind::kExpired);
  EXPECT_THAT(Release(2), ElementsAre("a", "b"));
}

TEST_F(NextToGoTest, OfAFrameThatIsCutTheRestIsWhereItWas) {
  for (const char* name : {"a", "b", "c"}) (void)SubmitNamed(name);
  now += 5ms;
  for (const char* name : {"d", "e", "f"}) (void)SubmitNamed(name);
  EXPECT_THAT(Release(2), ElementsAre("d", "e"));
  EXPECT_THAT(Release(2), ElementsAre("f", "a"));
  now += 1ms;
  (void)SubmitNamed("g");
  EXPECT_THAT(Release(2), ElementsAre("g", "b"));
}

TEST_F(NextToGoTest, WithoutADeadlineNothingIsOvertaken) {
  for (const char* name : {"a", "b", "c"}) {
    (void)SubmitNamed(name, {});
    now += 1h;
  }
  EXPECT_THAT(Release(2), ElementsAre("a", "b"));
  (void)SubmitNamed("d", {});
  EXPECT_THAT(Release(2), ElementsAre("c", "d"));
}

TEST_F(NextToGoTest, WithoutADeadlineOneGoesForEachThatIsPreferred) {
  for (const char* name : {"1", "2", "3"}) (void)SubmitNamed(name, {});
  now += 1ms;
  for (const char* name : {"a", "b", "c"}) {
    (void)SubmitNamed(name);
    now += 1ms;
  }
  EXPECT_THAT(Release(1), ElementsAre("1")) << "all in order";
  now += 3ms;
  std::vector<std::string> sent;
  for (int i = 0; i < 5; ++i) sent.push_back(Release(1).at(0));
  EXPECT_THAT(sent, ElementsAre("2", "c", "3", "b", "a"));
}

// What waits for the verdict on a value of its own does not hold up older ones for ever.
TEST_F(NextToGoTest, TheNewestThatMayGoGoes) {
  (void)SubmitNamed("a");
  now += 1ms;
  (void)SubmitNamed("b");
  now += 4ms;
  const std::string large(5000, 'x');
  (void)SubmitNamed(large);
  const Sent put = CollectOne(FrameType::kPut);
  EXPECT_THAT(Release(1), ElementsAre("b"));
  const std::uint64_t value = wire::DecodePut(put.view())->seq;
  ASSERT_TRUE(Verdict({.first_seq = value, .count = 1, .correlation = put.correlation()}));
  Allow(2);
  const Sent task = CollectOne(FrameType::kSubmit);
  EXPECT_EQ(task.tasks().args[0].object(), (ObjectId{{kSession, value}, 0}));
}

TEST_F(NextToGoTest, WhatNeedsAResultStaysBehindWhatMakesIt) {
  TaskState* maker = SubmitNamed("maker");
  const std::vector<Arg> args{Of(maker)};
  (void)Submit(args, kIn10ms);  // in the root of what it waits for
  now += 5ms;
  (void)SubmitNamed("newest");
  EXPECT_THAT(Release(1), ElementsAre("newest"));
  EXPECT_TRUE(Collect(FrameType::kSubmit).empty());
  Allow(2);
  const std::vector<Sent> frames = Collect(FrameType::kSubmit);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].ask().first_seq, Seq(maker));
  EXPECT_EQ(frames[1].ask().root, Seq(maker));
}

// It is not behind those whose makers are left behind.
TEST_F(NextToGoTest, WhatNeedsAResultGoesWithWhatMakesIt) {
  std::vector<TaskState*> makers;
  for (int i = 0; i < 3; ++i) {
    makers.push_back(SubmitNamed("maker"));
    const std::vector<Arg> args{Of(makers.back())};
    (void)Submit(args, kIn10ms);
    now += 1ms;
  }
  now += 3ms;
  for (const int next : {2, 1, 0}) {
    Allow(static_cast<std::uint64_t>(3 - next));
    const std::vector<Sent> frames = Collect(FrameType::kSubmit);
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(frames[0].ask().first_seq, Seq(makers[static_cast<std::size_t>(next)]));
    EXPECT_EQ(frames[1].ask().root, frames[0].ask().first_seq);
  }
}

// A node remembers so many numbers from the least that has no verdict.
TEST_F(NextToGoTest, NumbersRiseInTheOrderOfSending) {
  for (const char* name : {"a", "b", "c"}) {
    (void)SubmitNamed(name);
    now += 1ms;
  }
  now += 2ms;
  Allow(3);
  std::uint64_t greatest = 0;
  for (const Sent& frame : Collect(FrameType::kSubmit)) {
    EXPECT_GT(frame.ask().first_seq, greatest);
    greatest = frame.ask().first_seq;
  }
}

// It counts from when it first came: it is not the newest.
TEST_F(NextToGoTest, WhatWasRefusedComesBackInItsPlace) {
  (void)SubmitNamed("first");
  Allow(1);
  const Sent first = CollectOne(FrameType::kSubmit);
  now += 1ms;
  (void)SubmitNamed("second");
  ASSERT_TRUE(Verdict(first, VerdictStatus::kRejected, Reason::kBacklog));
  now += 2ms;
  EXPECT_TRUE(Collect(FrameType::kSubmit).empty());
  ASSERT_EQ(session->stats(now).waiting, 2U);
  Allow(2);
  EXPECT_THAT(Texts(Collect(FrameType::kSubmit)), ElementsAre("first"));
}

// It was overtaken by more numbers than a node remembers.
TEST_F(NextToGoTest, WhatWasOvertakenByManyIsNumberedAnew) {
  TaskState* late = SubmitNamed("late", {.deadline = 10s});
  now += 5s;
  for (std::uint64_t i = 0; i < 70; ++i) {
    for (int j = 0; j < 1000; ++j) (void)Submit({}, {.deadline = 10s});
    Allow(1000 * (i + 1));
    for (const Sent& frame : Collect(FrameType::kSubmit)) ASSERT_TRUE(Accept(frame));
  }
  Allow(70'001);
  const Sent frame = CollectOne(FrameType::kSubmit);
  EXPECT_THAT(Texts({frame}), ElementsAre("late"));
  EXPECT_GT(frame.ask().first_seq, 70'000U);
  EXPECT_EQ(Seq(late), frame.ask().first_seq);
}

}  // namespace
}  // namespace spillgate::client
