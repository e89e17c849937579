// Scheduling with two CPUs and probes on its edges.
#pragma once

#include <utility>
#include <vector>

#include "stages/scheduling.h"
#include "tests/stages/bench.h"

namespace spillgate::testing {

class OnePeer final : public PeerLink {
 public:
  [[nodiscard]] bool HasPeers() const override { return there; }
  void Offer(const Task&, Instant) override {}
  bool there = false;
};

inline Resources Cpu(std::int64_t amount) {
  Resources resources;
  resources.amount[kCpu] = amount;
  return resources;
}

class SchedulingBench : public ::testing::Test {
 protected:
  using In = Scheduling::In;
  static Shared& Limited(Bench& bench) {
    bench.limits.reserve_after = std::chrono::milliseconds(10);
    return bench.shared;
  }
  explicit SchedulingBench(std::int64_t most_slots = 6, const Resources& total = Cpu(2000))
      : stage(Limited(bench), peers, {.total = total, .names = {}, .most_slots = most_slots},
              {.placed =
                   placed.emit([this](Placed&& e) { stage.Unplace(std::move(e), bench.now()); }),
               .spilled = spilled.emit([this](Spilled&& e) { stage.KeepSpilled(std::move(e)); }),
               .finished = finished.emit([this](Finished&& e) { stage.Keep(std::move(e)); }),
               .granted = granted.back()}) {}

  template <class... Events>
  void Handle(Events&&... events) {
    std::vector<In> batch = BatchOf<In>(std::forward<Events>(events)...);
    stage.Handle(batch, bench.now());
  }
  void Resolve(std::uint64_t seq, FunctionId function) {
    Handle(Resolved{bench.Accept(seq, function)});
  }
  void SetTarget(Nanos target) {
    bench.limits.target_delay_ns[Index(TaskClass::kNormal)] = target.count();
    ++bench.limits.changes;
    stage.Tick(bench.now());
  }
  // One that takes the whole node.
  void ResolveOf(std::uint64_t seq, TenantId tenant, TaskClass cls = TaskClass::kNormal) {
    TaskPtr task = bench.Accept(seq, two);
    task->root->tenant = tenant;
    task->cls = task->root->cls = cls;
    Handle(Resolved{std::move(task)});
  }
  // The lease of a placed task comes home, as execution sends it.
  [[nodiscard]] SlotFreed Freed(std::size_t i) {
    const Task& task = *placed.events[i].task;
    return {.task = task.id,
            .held = *task.shape,
            .function = task.function,
            .bytes = task.bytes,
            .root = task.root,
            .estimated = task.estimate,
            .cost = std::chrono::milliseconds(1),
            .prefetched = task.prefetched};
  }
  // So many one after the other, to their ends; the order in which they were placed.
  [[nodiscard]] std::vector<std::uint64_t> RunAll(std::size_t count) {
    for (std::size_t i = 0; i < count && i < placed.events.size(); ++i) Handle(Freed(i));
    std::vector<std::uint64_t> seqs = PlacedSeqs();
    seqs.resize(std::min(seqs.size(), count));
    return seqs;
  }
  [[nodiscard]] SlotLent Lent(std::size_t i, RunNotice::Kind kind, TaskId awaited = {}) {
    const Task& task = *placed.events[i].task;
    return {.notice = {kind, task.id, awaited},
            .held = *task.shape,
            .function = task.function,
            .prefetched = task.prefetched};
  }
  [[nodiscard]] std::vector<std::uint64_t> PlacedSeqs() const {
    std::vector<std::uint64_t> seqs;
    for (const Placed& event : placed.events) seqs.push_back(event.task->id.seq);
    return seqs;
  }
  using Seqs = std::vector<std::uint64_t>;

  Bench bench;
  const FunctionId one = bench.AddFunction("one", 1000);
  const FunctionId two = bench.AddFunction("two", 2000);
  const FunctionId huge = bench.AddFunction("huge", 3000);
  const FunctionId single = bench.AddFunction("single", 500, 1);
  const FunctionId nothing = bench.AddFunction("nothing", 0);
  OnePeer peers;
  Probe<Placed> placed;
  Probe<Spilled> spilled;
  Probe<Finished> finished;
  Probe<LeaseGranted> granted;
  Scheduling stage;
};

}  // namespace spillgate::testing
