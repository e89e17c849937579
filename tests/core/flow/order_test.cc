// In which order things happen within a pool: which stage is run, which events it is given, and
// who is run again.
#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

#include "core/flow/pipeline.h"

namespace spillgate::flow {
namespace {

constexpr int kBack = 100;  // numbers from here on flow against the stream
constexpr std::size_t kBatch = 8;

struct Event {
  int number = 0;
  Instant arrived{};
};

Meta MetaOf(const Event& event) {
  return {.arrived = event.arrived, .bytes = 1};
}
void Arrive(Event& event, Instant now) {
  event.arrived = now;
}

// Says what it is given, and lets it go.
class Recording {
 public:
  using In = Event;
  Recording(AnyInbox* self, std::vector<int>& seen) : leave_(self), seen_(seen) {}
  void Handle(std::span<In> batch, Instant now) {
    for (const Event& event : batch) {
      seen_.push_back(event.number);
      if (event.number < kBack) leave_.Note(MetaOf(event), now);
    }
    leave_.Settle();
  }
  void Flush(Instant) {}

 private:
  Departure leave_;
  std::vector<int>& seen_;
};

// Hands on what it is given, and keeps what may not pass until it is run again.
class Passing {
 public:
  using In = Event;
  explicit Passing(Emit<Event> out) : out_(std::move(out)) {}
  void Handle(std::span<In> batch, Instant now) {
    std::vector<Event> events = std::exchange(kept_, {});
    events.insert(events.end(), batch.begin(), batch.end());
    out_(events, now);
  }
  void Flush(Instant) {}
  void Keep(Event&& event) { kept_.push_back(event); }
  [[nodiscard]] std::size_t kept() const { return kept_.size(); }

 private:
  Emit<Event> out_;
  std::vector<Event> kept_;
};

class OrderTest : public ::testing::Test {
 protected:
  OrderTest() : pool(pipeline.AddPool("only", {.threads = 0})) { pipeline.StepOnly(); }

  Inbox<Event>& Open(const char* name, std::int64_t capacity) {
    return pipeline.Open<Event>(
        name, 0, {.capacity = capacity, .capacity_bytes = 1000, .back_capacity = 1000},
        MakeController("none"));
  }
  void Record(Inbox<Event>& inbox) {
    pipeline.Run(inbox, pool, kBatch, std::make_unique<Recording>(&inbox, seen));
  }
  void Send(Inbox<Event>& inbox, int number) {
    Event event{number, clock.Now()};
    if (number >= kBack) return inbox.CommitBack({&event, 1});
    ASSERT_TRUE(inbox.Reserve(1, 1));
    inbox.Commit({&event, 1});
  }
  using Numbers = std::vector<int>;

  ManualClock clock;
  Pipeline pipeline{clock};
  Pool& pool;
  Numbers seen;
};

TEST_F(OrderTest, WhatFreesAPlaceComesBeforeWhatWantsOneAndEachInItsOrder) {
  Inbox<Event>& inbox = Open("stage", 100);
  Record(inbox);
  for (const int number : {1, 2, 3, kBack + 1, kBack + 2}) Send(inbox, number);
  EXPECT_EQ(pool.Turn(1), 1U);
  EXPECT_EQ(seen, (Numbers{kBack + 1, kBack + 2, 1, 2, 3}));
}

TEST_F(OrderTest, TheMostDownstreamStageIsRunFirst) {
  Inbox<Event>& upstream = Open("upstream", 100);
  Inbox<Event>& downstream = Open("downstream", 100);
  Record(upstream);
  Record(downstream);
  Send(upstream, 1);
  Send(downstream, 2);
  EXPECT_EQ(pool.Turn(1), 1U);
  EXPECT_EQ(seen, (Numbers{2}));
}

TEST_F(OrderTest, AStageWithMoreThanABatchIsRunAgainAtOnce) {
  Inbox<Event>& inbox = Open("stage", 100);
  Record(inbox);
  for (int number = 0; number < 20; ++number) Send(inbox, number);
  EXPECT_EQ(pool.Turn(100), 3U);
  EXPECT_EQ(seen.size(), 20U);
  EXPECT_FALSE(pool.HasReady());
}

TEST_F(OrderTest, WhoFoundAStageFullIsRunAgainWhenAPlaceComesFree) {
  Inbox<Event>& upstream = Open("upstream", 100);
  Inbox<Event>& downstream = Open("downstream", 1);
  Passing* stage = nullptr;
  auto passing = std::make_unique<Passing>(
      Emit<Event>(&upstream, downstream,
                  [&stage](Event&& event, Verdict, Instant) { stage->Keep(std::move(event)); }));
  stage = passing.get();
  pipeline.Run(upstream, pool, kBatch, std::move(passing));
  Record(downstream);
  for (const int number : {1, 2, 3}) Send(upstream, number);
  pool.Turn(1);
  EXPECT_EQ(stage->kept(), 2U);
  pool.Turn(100);  // without a tick, for no time passes
  EXPECT_EQ(seen, (Numbers{1, 2, 3}));
  EXPECT_EQ(upstream.credits().count(), 0);
}

// As the journal does while a node stops: only the thread that runs the stages may take the way
// past the queue.
TEST_F(OrderTest, OthersMayPushWhileOneThreadRunsEveryStage) {
  constexpr std::size_t kEvents = 500;
  Inbox<Event>& inbox = Open("inbox", 1);
  Record(inbox);
  Numbers sent(kEvents);
  std::iota(sent.begin(), sent.end(), kBack);
  std::thread other([&] {
    for (const int number : sent) Send(inbox, number);
  });
  while (seen.size() < kEvents) {
    pipeline.Flush(clock.Now());
    std::this_thread::yield();
  }
  other.join();
  EXPECT_EQ(seen, sent);
}

// A stage whose events are dear is given one at a time, and its own thread may never be done.
TEST(LaneTest, NeitherSideStarvesTheOtherAlsoWhereThereIsRoomForOne) {
  Lane<int> lane;
  std::vector<int> local{1, 2, 3, 4, 5, 6};
  std::vector<int> remote{11, 12};
  lane.PushLocal(local);
  lane.PushRemote(remote);
  std::vector<int> taken;
  for (int i = 0; i < 6; ++i) {
    std::vector<int> batch;
    lane.Take(batch, 1);
    taken.insert(taken.end(), batch.begin(), batch.end());
  }
  EXPECT_EQ(taken, (std::vector<int>{1, 11, 2, 12, 3, 4}));
}

}  // namespace
}  // namespace spillgate::flow
