// Pipeline: owns every inbox, stage and pool of one node. Wire it (AddPool, Open in the order a
// task travels, Run), then either Start its threads or, in a test, Step it on one thread by seed.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/flow/batch_limit.h"
#include "core/flow/emit.h"
#include "core/flow/inbox.h"
#include "core/flow/pool.h"

namespace spillgate::flow {

// A stage: any type with `using In`, Handle, and Flush (give up, in order, whatever it still
// holds). It may have Tick(now), called each millisecond while the pool is awake; Idle(), false
// while it holds something that no inbox counts (the park); and Oldest(), the arrival of the oldest
// event that it holds (kNever if none), for metrics. Handle is also called with an empty
// batch when a place downstream came free.
template <class S>
concept StageLike = requires(S s, std::span<typename S::In> batch, Instant now) {
  s.Handle(batch, now);
  s.Flush(now);
};

template <StageLike S>
class StageRunner final : public Runnable {
 public:
  using In = typename S::In;

  StageRunner(Inbox<In>& inbox, std::unique_ptr<S> stage, const Clock& clock, std::size_t batch)
      : inbox_(inbox), stage_(std::move(stage)), clock_(clock) {
    set_batch(batch);
    batch_.reserve(batch);
  }

  Instant RunBatch(Instant now, std::size_t most) override {
    StageStats& stats = inbox_.stats();
    const std::size_t limit = limit_.Of(stats.batch_most.load(std::memory_order_relaxed));
    batch_.clear();
    inbox_.Take(batch_, most == 0 ? limit : std::min(most, limit));
    std::array<std::uint64_t, kMaxClasses> before;
    for (std::size_t c = 0; c < kMaxClasses; ++c) before[c] = stats.handled[c].get();
    stage_->Handle(std::span<In>(batch_), now);
    const Instant after = clock_.Now();
    limit_.Took(batch_.size(), after - now);
    Account(before, after - now);
    return after;
  }

  void Tick(Instant now) override {
    inbox_.controller().Tick(now);
    inbox_.stats().batch_fits.store(limit_.fits(), std::memory_order_relaxed);
    if (const DryRun* dry = inbox_.dry_run()) dry->controller->Tick(now);
    if constexpr (requires { stage_->Tick(now); }) stage_->Tick(now);
    if constexpr (requires { stage_->Oldest(); }) {
      inbox_.PublishVitals(now, stage_->Oldest());
    } else {
      inbox_.PublishVitals(now, std::nullopt);
    }
  }
  void Flush(Instant now) override { stage_->Flush(now); }
  bool HasWork() const override { return inbox_.waiting() > 0; }
  bool Occupied() const override {
    if (inbox_.waiting() > 0 || inbox_.load().held > 0) return true;
    if constexpr (requires { stage_->Idle(); }) return !stage_->Idle();
    return false;
  }

  [[nodiscard]] S& stage() { return *stage_; }
  // The most events at a time.
  void set_batch(std::size_t batch) {
    inbox_.stats().batch_most.store(batch, std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t batch() const {
    return inbox_.stats().batch_most.load(std::memory_order_relaxed);
  }

 private:
  void Account(const std::array<std::uint64_t, kMaxClasses>& before, Nanos busy) {
    StageStats& stats = inbox_.stats();
    stats.batches.Add(1);
    stats.busy_ns.Add(static_cast<std::uint64_t>(busy.count()));
    std::uint64_t left = 0;
    std::array<std::uint64_t, kMaxClasses> by_class;
    for (std::size_t c = 0; c < kMaxClasses; ++c) {
      by_class[c] = stats.handled[c].get() - before[c];
      left += by_class[c];
    }
    if (left == 0) return;
    const Nanos each = busy / static_cast<std::int64_t>(left);
    for (std::size_t c = 0; c < kMaxClasses; ++c) {
      if (by_class[c] > 0) stats.service[c].Add(each, by_class[c]);
    }
  }

  Inbox<In>& inbox_;
  std::unique_ptr<S> stage_;
  const Clock& clock_;
  BatchLimit limit_;
  std::vector<In> batch_;
};

class Pipeline {
 public:
  explicit Pipeline(const Clock& clock) : clock_(clock) {}
  ~Pipeline() { StopThreads(); }

  Pool& AddPool(std::string name, PoolOptions options);
  [[nodiscard]] Pool* FindPool(std::string_view name);

  // Names the stage; `name` is its config section and its metric label.
  template <class In>
  Inbox<In>& Open(std::string name, std::uint32_t shard, InboxOptions options,
                  std::unique_ptr<Controller> controller) {
    auto inbox =
        std::make_unique<Inbox<In>>(std::move(name), shard, options, std::move(controller));
    Inbox<In>& opened = *inbox;
    inboxes_.push_back(std::move(inbox));
    return opened;
  }

  template <StageLike S>
  StageRunner<S>& Run(Inbox<typename S::In>& inbox, Pool& pool, std::size_t batch,
                      std::unique_ptr<S> stage) {
    auto runner = std::make_unique<StageRunner<S>>(inbox, std::move(stage), clock_, batch);
    StageRunner<S>& running = *runner;
    inbox.set_runnable(&running);
    pool.Serve(running);
    runnables_.push_back(std::move(runner));
    return running;
  }

  void StartThreads();
  void StopThreads();

  // After the threads have stopped: runs every stage until all inboxes are empty, and lets each
  // give up what it holds, in the order tasks travel.
  void Flush(Instant now);

  // Tests: one batch of a random size of one random ready stage. False when no stage is ready.
  bool Step(std::mt19937_64& random, Instant now);
  void StepOnly();
  void TickAll(Instant now);

  [[nodiscard]] const std::vector<std::unique_ptr<AnyInbox>>& inboxes() const { return inboxes_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Pool>>& pools() const { return pools_; }

 private:
  const Clock& clock_;
  std::vector<std::unique_ptr<AnyInbox>> inboxes_;
  std::vector<std::unique_ptr<Runnable>> runnables_;
  std::vector<std::unique_ptr<Pool>> pools_;
};

}  // namespace spillgate::flow
