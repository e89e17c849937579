#include "server/net/loop.h"

#include <sched.h>

#include <algorithm>

#include "core/base/check.h"

namespace spillgate::net {
namespace {

constexpr std::size_t kBatchesATurn = 256;
constexpr Nanos kLongestBlock = std::chrono::seconds(1);

thread_local const Loop* running_loop = nullptr;

int ToUv(unsigned states) {
  return ((states & Reactor::kReadable) != 0 ? UV_READABLE : 0) |
         ((states & Reactor::kWritable) != 0 ? UV_WRITABLE : 0);
}

}  // namespace

struct Loop::Watched {
  uv_poll_t poll;
  std::function<void(unsigned)> then;
  unsigned states;
};

struct Loop::Signal {
  uv_signal_t handle;
  std::function<void()> job;
};

Loop::Loop(const Clock& clock, flow::Pool& pool, Options options)
    : clock_(clock), pool_(pool), options_(std::move(options)) {
  SG_CHECK(uv_loop_init(&uv_) == 0);
  SG_CHECK(uv_poll_init(&uv_, &wake_watch_, pool_.wake().fd()) == 0);
  SG_CHECK(uv_timer_init(&uv_, &timer_) == 0);
  // The descriptor is read by Wake::Done; libuv only has to come back from its wait.
  uv_poll_start(&wake_watch_, UV_READABLE, [](uv_poll_t*, int, int) {});
  uv_unref(reinterpret_cast<uv_handle_t*>(&wake_watch_));
}

Loop::~Loop() {
  CloseHandles();
  SG_CHECK(uv_loop_close(&uv_) == 0);
}

void Loop::CloseHandles() {
  while (!watched_.empty()) Unwatch(watched_.begin()->first);
  for (const auto& signal : signals_) {
    uv_close(reinterpret_cast<uv_handle_t*>(&signal->handle), nullptr);
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_watch_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
  uv_run(&uv_, UV_RUN_DEFAULT);
}

void Loop::Every(Nanos period, std::function<void(Instant)> job) {
  periodic_.push_back({period, clock_.Now() + period, true, std::move(job)});
}

void Loop::WhenAwakeEvery(Nanos period, std::function<void(Instant)> job) {
  periodic_.push_back({period, clock_.Now() + period, false, std::move(job)});
}

void Loop::OnSignal(int signum, std::function<void()> job) {
  Signal& signal = *signals_.emplace_back(std::make_unique<Signal>());
  signal.job = std::move(job);
  SG_CHECK(uv_signal_init(&uv_, &signal.handle) == 0);
  signal.handle.data = &signal;
  uv_signal_start(
      &signal.handle, [](uv_signal_t* handle, int) { static_cast<Signal*>(handle->data)->job(); },
      signum);
}

bool Loop::OnThread() const {
  return running_loop == this;
}

void Loop::Run() {
  running_loop = this;
  pool_.BindToThread();
  Instant poll_until = clock_.Now();
  while (!stop_.load(std::memory_order_relaxed)) {
    active_ = false;
    uv_run(&uv_, UV_RUN_NOWAIT);
    if (has_posted_.load(std::memory_order_acquire)) RunPosted();
    if (pool_.Turn(kBatchesATurn) > 0) active_ = true;
    const Instant now = clock_.Now();
    RunPeriodic(now);
    if (wake_by_ <= now) wake_by_ = kNever;
    for (const auto& job : turn_end_) job(now);
    const Nanos poll = pool_.poll();
    const bool may_poll = poll > Nanos(0) && !(options_.others_busy && options_.others_busy());
    if (active_) poll_until = now + poll;
    if (may_poll && now < poll_until) {
      if (!active_) sched_yield();
      continue;
    }
    if (!active_ || !pool_.HasReady()) Block();
  }
  pool_.Unbind();
  running_loop = nullptr;
}

void Loop::Block() {
  pool_.wake().Prepare();
  const Nanos may_block = MayBlock(clock_.Now());
  if (may_block > Nanos(0)) RunOnce(may_block);
  pool_.wake().Done();
}

void Loop::RunOnce(Nanos at_most) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(at_most).count();
  // uv_run runs timers before it waits. One that is due by then, as libuv's clock stands at the
  // beginning of a turn and counts whole milliseconds, would be gone, and the wait without an end;
  // so it repeats.
  uv_update_time(&uv_);
  uv_timer_start(
      &timer_, [](uv_timer_t*) {}, static_cast<std::uint64_t>(ms), static_cast<std::uint64_t>(ms));
  uv_run(&uv_, UV_RUN_ONCE);
  uv_timer_stop(&timer_);
}

Nanos Loop::MayBlock(Instant now) const {
  if (stop_.load() || has_posted_.load(std::memory_order_acquire)) return Nanos(0);
  Nanos least = std::min(pool_.MayBlock(), kLongestBlock);
  if (wake_by_ != kNever) least = std::min(least, std::max(Nanos(0), wake_by_ - now));
  for (const Periodic& job : periodic_) {
    if (job.wakes) least = std::min(least, std::max(Nanos(0), job.due - now));
  }
  return least;
}

void Loop::Stop() {
  stop_.store(true);
  Wake();
}

void Loop::RunPosted() {
  std::vector<std::function<void()>> jobs;
  {
    MutexLock lock(mutex_);
    jobs.swap(posted_);
    has_posted_.store(false, std::memory_order_relaxed);
  }
  for (const auto& job : jobs) job();
  active_ = true;
}

void Loop::RunPeriodic(Instant now) {
  for (Periodic& job : periodic_) {
    if (now < job.due) continue;
    job.due = now + job.period;
    job.job(now);
  }
}

void Loop::Post(std::function<void()> job) {
  {
    MutexLock lock(mutex_);
    posted_.push_back(std::move(job));
    has_posted_.store(true, std::memory_order_release);
  }
  Wake();
}

Reactor::WatchId Loop::Watch(int fd, unsigned states, std::function<void(unsigned)> then) {
  // tidy: new: libuv has it until it is closed
  auto* watched = new Watched{.poll = {}, .then = std::move(then), .states = states};
  if (uv_poll_init(&uv_, &watched->poll, fd) != 0) {
    // tidy: new: libuv did not take it
    delete watched;
    return 0;
  }
  watched->poll.data = watched;
  const WatchId id = next_watch_++;
  watched_.emplace(id, watched);
  Change(id, states);
  return id;
}

void Loop::Change(WatchId watch, unsigned states) {
  const auto found = watched_.find(watch);
  if (found == watched_.end()) return;
  found->second->states = states;
  uv_poll_start(&found->second->poll, ToUv(states), [](uv_poll_t* poll, int status, int events) {
    auto* self = static_cast<Watched*>(poll->data);
    unsigned seen = status < 0 ? kBroken : 0;
    if ((events & UV_READABLE) != 0) seen |= kReadable;
    if ((events & UV_WRITABLE) != 0) seen |= kWritable;
    // libuv stops watching after an error; the owner is told once and unwatches.
    const std::function<void(unsigned)> then = self->then;  // it may unwatch itself
    then(seen);
  });
}

void Loop::Unwatch(WatchId watch) {
  const auto found = watched_.find(watch);
  if (found == watched_.end()) return;
  uv_poll_stop(&found->second->poll);
  uv_close(reinterpret_cast<uv_handle_t*>(&found->second->poll), [](uv_handle_t* handle) {
    // tidy: new: libuv has it until it is closed
    delete static_cast<Watched*>(handle->data);
  });
  watched_.erase(found);
}

}  // namespace spillgate::net
