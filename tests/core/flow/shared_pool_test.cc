// A pool of several threads: what one of them does is no work for the others.
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

#include "core/flow/pipeline.h"

namespace spillgate::flow {
namespace {

struct Event {
  Instant arrived{};
};

Meta MetaOf(const Event& event) {
  return {.arrived = event.arrived, .bytes = 1};
}

// Is in its first batch until it is let go.
class Slow {
 public:
  using In = Event;
  Slow(AnyInbox* self, std::latch& in, std::latch& out) : leave_(self), in_(in), out_(out) {}
  void Handle(std::span<In> batch, Instant now) {
    if (batches_.fetch_add(1) == 0) {
      in_.count_down();
      out_.wait();
    }
    for (const Event& event : batch) leave_.Note(MetaOf(event), now);
    leave_.Settle();
  }
  void Flush(Instant) {}
  [[nodiscard]] int batches() const { return batches_.load(); }

 private:
  Departure leave_;
  std::latch& in_;
  std::latch& out_;
  std::atomic<int> batches_{0};
};

TEST(SharedPool, OneThreadMayBlockWhileAnotherIsInALongBatch) {
  ManualClock clock;
  Pipeline pipeline(clock);
  Pool& pool = pipeline.AddPool("two", {.threads = 2});
  pipeline.StepOnly();
  Inbox<Event>& inbox = pipeline.Open<Event>("stage", 0, {.capacity = 10, .capacity_bytes = 1000},
                                             MakeController("none"));
  std::latch in(1);
  std::latch out(1);
  auto made = std::make_unique<Slow>(&inbox, in, out);
  const Slow& stage = *made;
  pipeline.Run(inbox, pool, 8, std::move(made));
  const auto send = [&] {
    Event event{clock.Now()};
    ASSERT_TRUE(inbox.Reserve(1, 1));
    inbox.Commit({&event, 1});
  };
  send();
  std::thread other([&] { EXPECT_EQ(pool.Turn(1), 1U); });
  in.wait();
  send();
  EXPECT_EQ(pool.Turn(1), 0U) << "the other thread is in it";
  EXPECT_GT(pool.MayBlock(), Nanos(0));
  out.count_down();
  other.join();
  EXPECT_TRUE(pool.HasReady()) << "it has looked again";
  EXPECT_EQ(pool.Turn(1), 1U);
  EXPECT_EQ(stage.batches(), 2);
  EXPECT_EQ(inbox.credits().count(), 0);
}

}  // namespace
}  // namespace spillgate::flow
