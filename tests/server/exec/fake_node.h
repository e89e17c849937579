// FakeNode: just enough of a node to run tasks that spawn tasks: slots, a ready list, records,
// gets, waits, cancels and a window of unfinished tasks, all on one thread that also drives the
// reactor of the worker pool. It keeps a ledger: each start gets exactly one report. For tests of
// what executes tasks.
#pragma once

#include <deque>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/model/prefetch.h"
#include "core/model/task.h"
#include "schema/messages.h"
#include "schema/replies.h"
#include "schema/submit.h"
#include "server/exec/function_library.h"
#include "server/exec/hosts.h"
#include "tests/server/exec/poll_reactor.h"

namespace spillgate::testing {

struct Ended {
  Fate fate = Fate::kOpen;
  Reason reason = Reason::kNone;
  std::string value;
  std::vector<std::string> further;
  std::string message;
  int runs = 0;
  std::vector<std::string> deaths;  // what the reports said
  Nanos wall{0};                    // of the last run
};

struct Ledger {
  int starts = 0;
  int reports = 0;
  int strays = 0;  // reports on what was not running
  int turned_away = 0;
  int blocked = 0;
  int resumed = 0;
  int prefetched = 0;
  int held_up = 0;
  int nested = 0;        // starts in the place of a blocked task
  int gone = 0;          // connections
  int most_running = 0;  // leased at the same time
};

// The worker program of this build, and a shared library that was built beside it.
[[nodiscard]] std::string WorkerProgram();
[[nodiscard]] std::string LibraryPath(const std::string& name);

class FakeNode {
 public:
  struct Options {
    int slots = 2;
    int window = 1 << 20;   // unfinished tasks; a spawn past it waits
    int retries = 0;        // of a task whose worker died
    bool offers = true;     // heeds what blocked tasks would run in place
    bool prefetch = false;  // for threads
    ThreadExecutorOptions threads;
    WorkerOptions workers;
    std::map<std::string, Host> hosts;        // instead of what the library says
    std::vector<std::string> libraries;       // run in workers
    std::vector<const sg_library*> tables{};  // besides the built-in one
  };

  explicit FakeNode(Options options);
  ~FakeNode();

  struct Extras {
    Nanos deadline{0};
    std::uint8_t returns = 1;
    std::int64_t memory = 0;
  };
  TaskId Submit(const std::string& function, const std::vector<std::string>& args) {
    return Submit(function, args, Extras());
  }
  TaskId Submit(const std::string& function, const std::vector<std::string>& args, Extras extras);
  // What became of it; kOpen if it has not ended by then.
  Ended Await(TaskId id, Nanos at_most = std::chrono::seconds(60));
  // Submit and Await.
  Ended Call(const std::string& function, const std::vector<std::string>& args = {}) {
    return Await(Submit(function, args));
  }
  Ended Call(const std::string& function, const std::vector<std::string>& args, Extras extras) {
    return Await(Submit(function, args, extras));
  }
  void Cancel(TaskId id);
  // On the node's thread, to its end; all in one go.
  void OnLoop(const std::function<void()>& job);
  // Waits until that holds on the node's thread; false if it does not by then.
  [[nodiscard]] bool Until(std::function<bool()> holds, Nanos at_most = std::chrono::seconds(60));
  // For those two: whether the executor has the task, whether it is blocked, what it has spawned.
  [[nodiscard]] bool Running(TaskId id);
  [[nodiscard]] bool Blocked(TaskId id);
  [[nodiscard]] std::size_t Children(TaskId id);
  [[nodiscard]] Ledger ledger();
  [[nodiscard]] Hosts& hosts() { return *hosts_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  // Stops the executor and waits until all its reports are in and all workers have gone; false if
  // that takes too long.
  [[nodiscard]] bool Stop();

 private:
  struct Waiter {
    ConnectionId to;
    std::uint32_t correlation;
    std::uint32_t index;  // of the return
    Instant until;
  };
  struct WaitState {
    ConnectionId to;
    std::uint32_t correlation;
    std::vector<TaskId> ids;
    std::uint32_t needed;
    Instant until;
  };
  struct Entry {
    TaskPtr task;  // while it is not running
    TaskId parent;
    Instant deadline = kNever;
    Ended ended;
    Outcome outcome;
    bool running = false;
    const Function* function = nullptr;  // of what runs
    bool blocked = false;
    bool cancelled = false;
    std::vector<TaskId> children;
    std::vector<std::pair<TaskId, std::uint32_t>> dependants;  // and which of their arguments
    std::vector<Waiter> gets;
    std::vector<std::promise<Ended>> awaited;
  };
  struct Awaited {
    std::function<bool()> holds;
    std::shared_ptr<std::promise<void>> told;
  };
  struct Spawn {
    ConnectionId from;
    Buffer frame;
  };

  void Add(const FunctionLibrary& library);
  [[nodiscard]] NodePorts Ports();
  void Main();
  void Turn();
  void OnFrame(ConnectionId from, Buffer frame);
  [[nodiscard]] bool OnSubmit(ConnectionId from, const Buffer& frame);
  void OnGet(ConnectionId from, const wire::FrameView& frame);
  void OnWait(ConnectionId from, const wire::FrameView& frame);
  void AnswerWaits(Instant now);
  void ExpireGets(Instant now);
  void OnCancel(TaskId id);
  void OnGone(ConnectionId connection);
  void Accept(TaskId id, TaskPtr task);
  void SetArgument(Entry& entry, TaskId id, std::uint32_t at, const Outcome& from);
  void Place(TaskId id, TaskId nested_in);
  void PlaceAhead(TaskId id);
  void LeaseHome(TaskId id, TaskId handed_to);
  void Dispatch();
  void OnReport(RunReport report);
  void OnNotice(const RunNotice& notice);
  void End(TaskId id, Outcome outcome);
  void EndWith(TaskId id, Fate fate, Reason reason, std::string message);
  void SendResult(const Waiter& waiter, TaskId id, const Outcome& outcome);
  void SendNoResult(const Waiter& waiter, TaskId id, Reason reason);
  void TryWaitingSpawns();
  [[nodiscard]] std::vector<TaskPtr> TasksOf(const Buffer& frame, std::vector<TaskId>& ids);

  const Options options_;
  const SteadyClock clock_;
  Slab<Root> roots_;
  Slab<Task> tasks_;
  RootPtr root_;
  std::vector<std::unique_ptr<FunctionLibrary>> libraries_;
  std::map<std::string, std::unique_ptr<Function>> functions_;
  std::vector<const Function*> by_id_;
  std::vector<std::unique_ptr<Resources>> shapes_;
  PollReactor reactor_;
  std::unique_ptr<Hosts> hosts_;
  std::map<TaskId, Entry> entries_;
  std::deque<TaskId> ready_;
  std::deque<Spawn> waiting_spawns_;
  std::vector<WaitState> waits_;
  std::vector<Awaited> awaited_;
  int free_ = 0;
  Prefetch prefetch_;
  std::set<const Function*> waiting_functions_;
  int unfinished_ = 0;
  int leased_ = 0;
  Ledger ledger_;
  bool stopped_ = false;
  std::uint64_t next_seq_ = 1;
  std::thread loop_;
};

}  // namespace spillgate::testing
