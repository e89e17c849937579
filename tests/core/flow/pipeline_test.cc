// A toy node of three stages with a back edge: work flows source → worker → sink, and each piece of
// work needs one of two slots that come home against the stream.
#include "core/flow/pipeline.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <optional>
#include <variant>

namespace spillgate::flow {
namespace {

struct Work {
  int id = 0;
  Instant arrived{};
};
struct Done {
  int id = 0;
  Instant arrived{};
};
struct SlotHome {};

Meta MetaOf(const Done& done) {
  return {.arrived = done.arrived, .bytes = 1, .cls = 2};
}
void Arrive(Done& done, Instant now) {
  done.arrived = now;
}
void Arrive(SlotHome&, Instant) {}

// Holds work until a slot is free.
class Holder {
 public:
  using In = std::variant<Work, SlotHome>;
  Holder(int slots, Emit<Done> done) : slots_(slots), done_(std::move(done)) {}

  void Handle(std::span<In> batch, Instant now) {
    for (In& event : batch) {
      if (auto* work = std::get_if<Work>(&event)) {
        held_.push_back(*work);
      } else {
        ++slots_;
      }
    }
    std::vector<Done> out;
    while (slots_ > 0 && !held_.empty()) {
      --slots_;
      out.push_back({held_.front().id, held_.front().arrived});
      held_.erase(held_.begin());
    }
    done_(out, now);
  }
  void Flush(Instant now) {
    for (const Work& work : std::exchange(held_, {})) done_(Done{work.id, work.arrived}, now);
  }
  void Keep(Done&& done) {  // the sink is full: the work is held again and its slot is free
    held_.push_back({done.id, done.arrived});
    ++slots_;
  }
  int slots() const { return slots_; }

 private:
  int slots_;
  Emit<Done> done_;
  std::vector<Work> held_;
};

class Counting {
 public:
  using In = Done;
  Counting(AnyInbox* self, EmitBack<SlotHome> home, std::atomic<int>& count,
           std::vector<int>* order)
      : home_(std::move(home)), leave_(self), count_(count), order_(order) {}
  void Handle(std::span<In> batch, Instant now) {
    for (const Done& done : batch) {
      leave_.Note(MetaOf(done), now);
      if (order_ != nullptr) order_->push_back(done.id);
      home_(SlotHome{}, now);
    }
    leave_.Settle();
    count_ += static_cast<int>(batch.size());
  }
  void Flush(Instant) {}

 private:
  EmitBack<SlotHome> home_;
  Departure leave_;
  std::atomic<int>& count_;
  std::vector<int>* order_;
};

class Toy {
 public:
  Toy(const Clock& clock, std::int64_t capacity, bool two_pools, std::uint32_t threads,
      std::string_view controller = "none")
      : pipeline_(clock) {
    Pool& first = pipeline_.AddPool("first", {.threads = threads});
    Pool& second = two_pools ? pipeline_.AddPool("second", {.threads = threads}) : first;
    const InboxOptions options{
        .capacity = capacity, .capacity_bytes = 1 << 20, .back_capacity = 1 << 20};
    work_ = &pipeline_.Open<Holder::In>("holder", 0, options, MakeController(controller));
    auto& sink = pipeline_.Open<Done>("sink", 0, options, MakeController("none"));
    auto holder = std::make_unique<Holder>(
        2, Emit<Done>(work_, sink,
                      [this](Done&& done, Verdict, Instant) { stage_->Keep(std::move(done)); }));
    stage_ = holder.get();
    pipeline_.Run(*work_, first, 8, std::move(holder));
    pipeline_.Run(sink, second, 8,
                  std::make_unique<Counting>(&sink, EmitBack<SlotHome>(*work_), count, &order));
  }
  bool Submit(int id, Instant now) {
    if (!work_->Reserve(1, 1)) return false;
    Holder::In event = Work{id, now};
    work_->Commit({&event, 1});
    return true;
  }

  std::atomic<int> count{0};
  std::vector<int> order;
  Pipeline pipeline_;
  Inbox<Holder::In>* work_ = nullptr;
  Holder* stage_ = nullptr;
};

TEST(Pipeline, NothingIsLostAcrossThreadsAndEverySlotComesHome) {
  SteadyClock clock;
  for (const bool two_pools : {false, true}) {
    Toy toy(clock, 64, two_pools, 1);
    toy.pipeline_.StartThreads();
    int accepted = 0;
    for (int i = 0; i < 20000; ++i) {
      while (!toy.Submit(i, clock.Now())) std::this_thread::yield();
      ++accepted;
    }
    while (toy.count < accepted) std::this_thread::yield();
    toy.pipeline_.StopThreads();
    toy.pipeline_.Flush(clock.Now());
    EXPECT_EQ(toy.count, accepted);
    EXPECT_EQ(toy.stage_->slots(), 2);
    EXPECT_EQ(toy.work_->credits().count(), 0);
    EXPECT_EQ(toy.work_->credits().bytes(), 0);
  }
}

TEST(Pipeline, PoolsWithSeveralThreadsEnterAStageOneAtATime) {
  SteadyClock clock;
  Toy toy(clock, 256, false, 3);
  toy.pipeline_.StartThreads();
  constexpr int kEach = 5000;
  std::vector<std::thread> producers;
  for (int p = 0; p < 2; ++p) {
    producers.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        while (!toy.Submit(i, clock.Now())) std::this_thread::yield();
      }
    });
  }
  for (std::thread& producer : producers) producer.join();
  while (toy.count < 2 * kEach) std::this_thread::yield();
  toy.pipeline_.StopThreads();
  EXPECT_EQ(toy.count, 2 * kEach);
}

TEST(Pipeline, OneSeedIsOneOrderAndSeedsDiffer) {
  const auto run = [](std::uint64_t seed) {
    ManualClock clock;
    Toy toy(clock, 16, true, 1);
    toy.pipeline_.StepOnly();
    std::mt19937_64 random(seed);
    int next = 0;
    while (toy.count < 200) {
      if (next < 200 && random() % 2 == 0 && toy.Submit(next, clock.Now())) ++next;
      toy.pipeline_.Step(random, clock.Now());
    }
    return toy.order;
  };
  EXPECT_EQ(run(1), run(1));
  std::vector<int> sorted = run(2);
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> all(200);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(sorted, all);
}

TEST(Pipeline, AFullDownstreamHoldsWorkUpstreamAndResumes) {
  ManualClock clock;
  Toy toy(clock, 1, true, 1);  // one place in each inbox
  toy.pipeline_.StepOnly();
  std::mt19937_64 random(7);
  ASSERT_TRUE(toy.Submit(0, clock.Now()));
  EXPECT_FALSE(toy.Submit(1, clock.Now()));  // the place is kept until the work has left the stage
  int submitted = 1;
  while (toy.count < 50) {
    if (submitted < 50 && toy.Submit(submitted, clock.Now())) ++submitted;
    ASSERT_TRUE(toy.pipeline_.Step(random, clock.Now()) || submitted < 50) << toy.count;
  }
  while (toy.pipeline_.Step(random, clock.Now())) {
  }
  EXPECT_EQ(toy.stage_->slots(), 2);
}

TEST(Pipeline, FlushGivesUpWhatIsHeldInTheOrderOfTheStream) {
  ManualClock clock;
  Toy toy(clock, 64, true, 1);
  toy.pipeline_.StepOnly();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(toy.Submit(i, clock.Now()));
  toy.pipeline_.Flush(clock.Now());
  EXPECT_EQ(toy.count, 10);
  EXPECT_EQ(toy.work_->credits().count(), 0);
}

TEST(Pipeline, DelayAndOccupancyCoverWhatAStageHolds) {
  ManualClock clock;
  Toy toy(clock, 64, true, 1);
  toy.pipeline_.StepOnly();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(toy.Submit(i, clock.Now()));
  std::mt19937_64 random(1);
  Runnable* holder = toy.work_->runnable();
  holder->RunBatch(clock.Now(), 0);
  holder->RunBatch(clock.Now(), 0);
  EXPECT_EQ(toy.work_->load().queued, 0);
  EXPECT_EQ(toy.work_->load().held, 8);  // two had slots and left
  clock.Advance(std::chrono::milliseconds(3));
  while (toy.pipeline_.Step(random, clock.Now())) {
  }
  const StageStats& stats = toy.work_->stats();
  EXPECT_EQ(stats.handled[2].get(), 10U);
  EXPECT_EQ(stats.wait[2].sum_ns(), 8U * 3'000'000);
}

}  // namespace
}  // namespace spillgate::flow
