// StepExecutor: runs tasks in simulated time. Each does what its program says, as frames to the
// node, and tells of blocked gets as a thread or worker does; a run can die, hang until it is
// interrupted, or be turned away. Nothing happens but in RunDue and Deliver, which the world calls
// between two steps of the node; so all is decided by the seed. One thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/ports/executor.h"
#include "schema/out_buffer.h"
#include "schema/submit.h"
#include "server/exec/node_ports.h"
#include "tests/sim/ledger.h"
#include "tests/sim/program.h"

namespace spillgate::sim {

class StepExecutor final : public Executor {
 public:
  StepExecutor(const Clock& clock, NodePorts ports, Ledger& ledger, Odds odds, std::uint64_t seed);

  void RunHere(Task& task, Instant now) override;
  void Start(TaskPtr task, TaskId nested_in, Instant now) override;
  void Grant(TaskId id, Instant now) override;
  void Interrupt(TaskId task, Reason why, Instant now) override;
  void Tick(Instant now) override;
  void Stop() override;

  // Does what is due; false if nothing was.
  bool RunDue(Instant now);
  [[nodiscard]] Instant NextDue() const;  // kNever: nothing
  void Deliver(ConnectionId to, const wire::FrameView& frame, Instant now);
  // From now on nothing dies, hangs or is turned away; what hangs goes on.
  void Heal(Instant now);

  [[nodiscard]] std::size_t running() const { return runs_.size() + ahead_.size(); }
  [[nodiscard]] std::uint64_t nested() const { return nested_; }
  [[nodiscard]] std::uint64_t handed_on() const { return handed_on_; }

 private:
  struct Child {
    TaskId id;
    std::uint32_t mark = 0;  // what its value begins with
    bool accepted = false;
  };
  struct Pending {  // an answer that is waited for
    std::uint32_t correlation = 0;
    std::vector<std::uint32_t> of;  // children that are missing
    std::size_t verdicts = 0;       // that are missing
    bool exact = false;             // a get without a timeout
    bool waits = false;             // for one WaitDone
    [[nodiscard]] bool open() const { return !of.empty() || verdicts > 0 || waits; }
  };
  struct Run {
    TaskPtr task;
    TaskId id;
    SessionId session = 0;
    ConnectionId connection = 0;
    Program program;
    std::size_t step = 0;
    Instant began;
    std::uint8_t attempt = 0;
    bool blocked = false;
    bool has_lease = false;  // one that it hands on when it ends
    bool lent = false;       // it has been blocked: to nobody
    bool hangs = false;
    bool refused = false;  // a spawn of it
    Reason stop = Reason::kNone;
    std::vector<Child> children;
    Pending pending;
    std::uint32_t next_correlation = 1;
  };
  enum class What : std::uint8_t { kGoOn, kPatience, kDeadline, kStop, kTurnAway, kDie };
  struct Event {
    ConnectionId run = 0;
    What what = What::kGoOn;
    std::uint32_t correlation = 0;  // kPatience: of the wait
  };

  struct Prefetched {
    TaskPtr task;
    Instant added;
  };

  void Begin(TaskPtr task, TaskId nested_in, Instant now);
  [[nodiscard]] TaskId HandOn(Run& run, Instant now);
  [[nodiscard]] TaskId HandToFirst(Instant now);
  [[nodiscard]] std::deque<Prefetched>::iterator FindAhead(TaskId id);
  void GiveBack(TaskPtr task, RunEnd end, Reason why, TaskId handed_to = {});
  static std::uint32_t MarkOf(const Seeded& seeded, FunctionId function, std::uint8_t returns);
  static std::string ValueOf(const Task& task, std::uint32_t index, std::uint32_t size);
  void At(Instant when, Event event) { due_.emplace(when, event); }
  void GoOnAfter(const Run& run, std::uint64_t most_us);
  void Happen(const Event& event, Instant now);
  void GoOn(Run& run, Instant now);
  [[nodiscard]] bool DoStep(Run& run, const Step& step, Instant now);  // true: go on at once
  void Spawn(Run& run, const Step& step);
  void AddChild(Run& run, const ChildPlan& plan, bool mixed, Sending& sending);
  void Ask(Run& run, const Step& step, Instant now);
  void Send(const Run& run, const wire::OutBuffer& frame);
  void OnVerdict(Run& run, const wire::Verdict& verdict);
  void OnResult(Run& run, const wire::ResultHead& head, ByteView bytes);
  void Block(Run& run);
  void Resume(Run& run);
  void Answered(Run& run);
  void SetOutcome(Task& task, const Program& program, bool refused) const;
  void End(Run& run, RunEnd end, Instant now);
  void EndStopped(Run& run, Reason why, Instant now);
  [[nodiscard]] Nanos Micros(std::uint64_t most) {
    return std::chrono::microseconds(random_() % (most + 1));
  }

  const Clock& clock_;
  const NodePorts ports_;
  Ledger& ledger_;
  Odds odds_;
  std::mt19937_64 random_;
  std::multimap<Instant, Event> due_;  // equal times in the order of insertion
  std::map<ConnectionId, std::unique_ptr<Run>> runs_;
  std::map<TaskId, ConnectionId> by_task_;
  std::deque<Prefetched> ahead_;  // without a lease
  std::uint64_t handed_on_ = 0;
  ConnectionId next_connection_ = kTaskConnection | 1;
  std::uint64_t nested_ = 0;
  wire::SubmitWriter writer_;
};

}  // namespace spillgate::sim
