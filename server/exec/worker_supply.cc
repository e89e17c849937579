// WorkerPool, second half: how many workers there are, and what is done when no more can be had.
#include <algorithm>
#include <utility>

#include "core/base/format.h"
#include "core/base/log.h"
#include "core/model/warm_workers.h"
#include "server/exec/worker_pool.h"

namespace spillgate {
namespace {

// Between attempts to start a worker after one that failed; doubled each time.
constexpr Nanos kFirstPause = std::chrono::milliseconds(20);
constexpr Nanos kLongestPause = std::chrono::seconds(5);
constexpr std::uint32_t kMostDoublings = 8;
// So many failures in a row, and no worker left: what waits is turned away.
constexpr std::uint32_t kBroken = 3;
constexpr std::size_t kMostNamed = 8;  // tasks in a message

WarmWorkers RuleOf(const WorkerOptions& options) {
  return {.prestart = options.prestart, .max = options.max, .idle = options.idle};
}

}  // namespace

std::uint32_t WorkerPool::Starting() const {
  std::uint32_t starting = 0;
  for (const auto& [connection, worker] : workers_) starting += worker->starting() ? 1 : 0;
  return starting;
}

HostCounts WorkerPool::Counts() const {
  HostCounts counts{.limit = around_.options.max, .started = started_, .died = died_};
  for (const auto& [connection, worker] : workers_) {
    counts.starting += worker->starting() ? 1 : 0;
    counts.idle += worker->idle() ? 1 : 0;
    counts.busy += worker->busy() ? 1 : 0;
    counts.blocked += worker->blocked() ? 1 : 0;
  }
  return counts;
}

void WorkerPool::List(std::vector<pid_t>& to) const {
  for (const auto& [connection, worker] : workers_) to.push_back(worker->process_number());
}

bool WorkerPool::Broken(Instant now) const {
  return failed_starts_ >= kBroken && workers_.empty() && now < no_start_before_;
}

void WorkerPool::Grow(Instant now) {
  const WarmWorkers rule = RuleOf(around_.options);
  while (rule.Wants(waiting_.size(), Starting(), workers_.size())) {
    if (now < no_start_before_) return OnTimer(no_start_before_);
    StartOne(now);
  }
}

void WorkerPool::StartOne(Instant now) {
  Result<std::unique_ptr<WorkerProcess>> process = WorkerProcess::Start(around_.options);
  if (!process.ok()) {
    OnFailedStart(process.error().message, now);
    return;
  }
  processes_.fetch_add(1, std::memory_order_relaxed);
  ++started_;
  auto made = std::make_unique<Worker>(around_, *this, ++last_number_, std::move(process).value());
  Worker& worker = *made;
  workers_.emplace(worker.connection(), std::move(made));
  if (worker.Open(now)) return;
  worker.Kill("cannot be watched by the loop");
  OnGone(worker);
}

void WorkerPool::OnFailedStart(std::string why, Instant now) {
  const std::uint32_t doublings = std::min(failed_starts_++, kMostDoublings);
  no_start_before_ = After(now, std::min(kFirstPause * (1 << doublings), kLongestPause));
  OnTimer(no_start_before_);
  why_no_start_ =
      Format("no worker process can be started from {} (workers.program in the node's config): {}",
             around_.options.program, why);
  if (failed_starts_ == 1 || failed_starts_ == kBroken) log::Warn("workers", why_no_start_);
  if (Broken(now)) TurnAllAway(why_no_start_);
}

void WorkerPool::TurnAllAway(const std::string& why) {
  while (!waiting_.empty()) TurnAway(TakeWaiting(0), Reason::kNoWorker, why);
}

// Those that were used last come first. They stay, for their libraries are loaded and their memory
// is warm.
std::vector<Worker*> WorkerPool::Idle() const {
  std::vector<Worker*> idle;
  for (const auto& [connection, worker] : workers_) {
    if (worker->idle()) idle.push_back(worker.get());
  }
  std::sort(idle.begin(), idle.end(),
            [](const Worker* a, const Worker* b) { return a->idle_since() > b->idle_since(); });
  return idle;
}

// Under load nobody is idle for long: whoever comes to be is asked before it gets another task.
void WorkerPool::EndSurplus(Instant now) {
  const WarmWorkers rule = RuleOf(around_.options);
  if (rule.Surplus(workers_.size()) == 0) return;
  std::size_t staying = 0;
  for (const auto& [connection, worker] : workers_) staying += worker->leaving() ? 0 : 1;
  std::vector<Worker*> idle = Idle();
  for (std::size_t left = rule.Surplus(staying); left > 0 && !idle.empty(); --left) {
    idle.back()->Leave(now);
    idle.pop_back();
  }
}

void WorkerPool::EndIdle(Instant now) {
  const std::vector<Worker*> idle = Idle();
  std::size_t kept = workers_.size() - idle.size();
  const WarmWorkers rule = RuleOf(around_.options);
  for (Worker* worker : idle) {
    const Instant until = rule.StaysUntil(kept++, worker->idle_since());
    if (now >= until) {
      worker->Leave(now);
    } else if (until != kNever) {
      OnTimer(until);
    }
  }
}

void WorkerPool::CheckStuck(Instant now) {
  if (stuck_since_ == kNever || now - stuck_since_ < around_.options.nested_patience) return;
  stuck_since_ = kNever;
  Worker* newest = nullptr;
  for (const auto& [connection, worker] : workers_) {
    if (worker->stack().empty()) continue;
    const WorkerRun& run = worker->stack().back();
    if (run.wait == 0 || run.asked == 0 || run.gave_up) continue;
    if (newest == nullptr || run.blocked_since > newest->stack().back().blocked_since) {
      newest = worker.get();
    }
  }
  if (newest != nullptr) newest->FailWait(WhyStuck(*newest));
}

std::string WorkerPool::WhyStuck(const Worker& victim) const {
  std::string chain;
  std::size_t named = 0;
  const std::vector<WorkerRun>& stack = victim.stack();
  for (auto run = stack.rbegin(); run != stack.rend() && named < kMostNamed; ++run, ++named) {
    chain += Format("{}{}", named == 0 ? "" : ", in the place of ", ToString(run->id));
  }
  std::string others;
  for (const auto& [connection, worker] : workers_) {
    if (worker.get() == &victim || worker->stack().empty() || named++ >= 2 * kMostNamed) continue;
    others += Format(" {}", ToString(worker->stack().back().id));
  }
  return Format(
      "all {} workers (of {} at most) are blocked, none has room for what waits to run; this get "
      "is the newest: {}; others:{}. Let tasks wait for fewer, or raise workers.max or "
      "workers.nested_stack",
      workers_.size(), around_.options.max, chain, others.empty() ? " none" : others);
}

}  // namespace spillgate
