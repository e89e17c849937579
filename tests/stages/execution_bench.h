// The execution stage with an executor that does nothing by itself, and probes on its edges.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "stages/execution.h"
#include "tests/stages/bench.h"

namespace spillgate::testing {

// Keeps what is started until the test says how it ended.
class HeldRuns final : public Executor {
 public:
  void RunHere(Task& task, Instant) override {
    ++ran_here;
    task.outcome.fate = Fate::kDone;
  }
  [[nodiscard]] std::uint8_t DeathsOf(TaskId task) const override {
    return task == suspect ? std::uint8_t{1} : std::uint8_t{0};
  }
  void Start(TaskPtr task, TaskId in_place_of, Instant) override {
    nested_in = in_place_of;
    const TaskId id = task->id;
    runs[id] = std::move(task);
    ++starts;
  }
  void Grant(TaskId task, Instant) override { grants.push_back(task); }
  [[nodiscard]] PlacesLeft Left() const override { return left; }
  void Interrupt(TaskId task, Reason why, Instant) override { interrupts.push_back({task, why}); }
  void Tick(Instant) override {}
  void Stop() override {}

  std::map<TaskId, TaskPtr> runs;
  std::vector<std::pair<TaskId, Reason>> interrupts;
  std::vector<TaskId> grants;
  PlacesLeft left;
  TaskId nested_in;
  TaskId suspect;
  int starts = 0;
  int ran_here = 0;
};

class ExecutionBench : public ::testing::Test {
 protected:
  using In = Execution::In;

  ExecutionBench()
      : stage(bench.shared, bench.tally.execution[0], runs, 1,
              {.finished = finished.emit([this](Finished&& e) { stage.Keep(std::move(e)); }),
               .slot_freed = freed.back(),
               .slot_lent = lent.back(),
               .returned = returned.back(),
               .departed = flow::Departure(nullptr)}) {
    bench.limits.retry_backoff = std::chrono::milliseconds(4);
    bench.limits.retry_backoff_max = std::chrono::milliseconds(8);
  }

  template <class... Events>
  void Handle(Events&&... events) {
    std::vector<In> batch = BatchOf<In>(std::forward<Events>(events)...);
    stage.Handle(batch, bench.now());
  }
  void Place(std::uint64_t seq) { Handle(Placed{bench.Accept(seq, function), {}}); }
  [[nodiscard]] TaskId Id(std::uint64_t seq) const { return {Bench::kSession, seq}; }
  [[nodiscard]] Ran End(std::uint64_t seq, RunEnd end, Fate fate = Fate::kDone) {
    TaskPtr task = std::move(runs.runs.at(Id(seq)));
    runs.runs.erase(Id(seq));
    if (end == RunEnd::kEnded) task->outcome.fate = fate;
    return Ran{{std::move(task), end, std::chrono::milliseconds(2), "killed by SIGSEGV"}};
  }
  [[nodiscard]] Noticed Notice(std::uint64_t seq, RunNotice::Kind kind, TaskId awaited = {}) const {
    return Noticed{{kind, Id(seq), awaited}};
  }
  void TickAfter(std::chrono::milliseconds time) {
    bench.clock.Advance(time);
    stage.Tick(bench.now());
  }

  Bench bench;
  const FunctionId function = bench.AddFunction("f", 1000);
  const FunctionId here = bench.AddFunction("here", 0, 0, Host::kInline);
  HeldRuns runs;
  Probe<Finished> finished;
  Probe<SlotFreed> freed;
  Probe<SlotLent> lent;
  Probe<Returned> returned;
  Execution stage;
};

}  // namespace spillgate::testing
