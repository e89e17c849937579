#include "core/flow/pool.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <bit>

#include "core/base/check.h"

namespace spillgate::flow {
namespace {

constexpr std::size_t kMostRunnables = 64;
constexpr std::size_t kThreadBudget = 64;

// The pool whose stages the calling thread is running, if it is that pool's only thread.
thread_local const Pool* sole_pool = nullptr;
// Its address tells threads apart.
thread_local char this_thread = 0;

}  // namespace

void Runnable::MarkReady() {
  pool_->MarkReady(bit_);
}

bool Runnable::OnOwnThread() const {
  return pool_->OnOwnThread();
}

Pool::Pool(std::string name, const Clock& clock, PoolOptions options)
    : name_(std::move(name)), clock_(clock), options_(options), poll_ns_(options.poll.count()) {
  for (std::uint32_t i = 0; i < std::max(1U, options_.threads); ++i) {
    wakes_.push_back(std::make_unique<Wake>());
  }
}

Pool::~Pool() {
  Stop();
}

void Pool::Serve(Runnable& runnable) {
  SG_CHECK(by_bit_.size() < kMostRunnables);
  runnable.JoinPool(this, 1ULL << (kMostRunnables - 1 - by_bit_.size()));
  by_bit_.push_back(&runnable);
}

bool Pool::OnOwnThread() const {
  return sole_pool == this || bound_to_.load(std::memory_order_relaxed) == &this_thread;
}

void Pool::BindToThread() {
  bound_to_.store(&this_thread, std::memory_order_relaxed);
}

void Pool::Notify() {
  for (const auto& wake : wakes_) wake->Notify();
}

bool Pool::RunOne(Instant& now) {
  std::uint64_t candidates = ready_.load(std::memory_order_acquire);
  while (candidates != 0) {
    const int position = std::countr_zero(candidates);  // the lowest bit is the most downstream
    const std::uint64_t bit = 1ULL << position;
    candidates &= ~bit;
    Runnable& runnable = *by_bit_[kMostRunnables - 1 - static_cast<std::size_t>(position)];
    if (!runnable.TryEnter()) {
      // Another thread is in it, and looks again when it leaves; this one may block until then. But
      // it may just have left.
      ready_.fetch_and(~bit, std::memory_order_seq_cst);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (!runnable.TryEnter()) continue;
    }
    ready_.fetch_and(~bit, std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    now = runnable.RunBatch(now, 0);
    runnable.Exit();
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (runnable.HasWork()) LeaveWork(bit);
    return true;
  }
  return false;
}

// What came meanwhile, others may have left to this thread, and gone to sleep.
void Pool::LeaveWork(std::uint64_t bit) {
  ready_.fetch_or(bit, std::memory_order_seq_cst);
  if (options_.threads > 1) Notify();
}

bool Pool::TickAll(Instant now) {
  std::int64_t due = next_tick_ns_.load(std::memory_order_relaxed);
  const std::int64_t now_ns = now.time_since_epoch().count();
  if (now_ns < due) return false;
  const std::int64_t next = now_ns + options_.tick.count();
  if (!next_tick_ns_.compare_exchange_strong(due, next, std::memory_order_relaxed)) return false;
  for (Runnable* runnable : by_bit_) {
    if (!runnable->TryEnter()) continue;
    runnable->Tick(now);
    runnable->Exit();
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (runnable->HasWork()) LeaveWork(runnable->bit());
  }
  return true;
}

bool Pool::TickIsDue(Instant now) const {
  return now.time_since_epoch().count() >= next_tick_ns_.load(std::memory_order_relaxed);
}

std::size_t Pool::Turn(std::size_t budget) {
  const Pool* outer = sole_pool;
  if (options_.threads <= 1) sole_pool = this;
  const Instant begin = clock_.Now();
  Instant now = begin;
  // Or the first batch would seem to have taken the time of all ticks.
  if (TickAll(now)) now = clock_.Now();
  std::size_t batches = 0;
  while (batches < budget && (batches == 0 || !TickIsDue(now)) && RunOne(now)) ++batches;
  if (batches > 0) {
    busy_ns_.fetch_add(static_cast<std::uint64_t>((now - begin).count()),
                       std::memory_order_relaxed);
  }
  sole_pool = outer;
  return batches;
}

Nanos Pool::MayBlock() const {
  if (HasReady()) return Nanos(0);
  const bool occupied = std::any_of(by_bit_.begin(), by_bit_.end(),
                                    [](const Runnable* runnable) { return runnable->Occupied(); });
  return occupied ? options_.tick : Nanos::max();
}

void Pool::Start() {
  for (std::size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this, i] { ThreadMain(i); });
    const std::string label = ("sg-" + name_).substr(0, 15);
    pthread_setname_np(threads_.back().native_handle(), label.c_str());
  }
}

void Pool::Stop() {
  stop_.store(true);
  for (std::thread& thread : threads_) {
    Notify();
    if (thread.joinable()) thread.join();
  }
  threads_.clear();
}

void Pool::ThreadMain(std::size_t index) {
  Wake& wake = *wakes_[index];
  Instant poll_until = clock_.Now();
  while (!stop_.load(std::memory_order_relaxed)) {
    if (Turn(kThreadBudget) > 0) {
      if (poll() > Nanos(0)) poll_until = clock_.Now() + poll();
      continue;
    }
    if (poll() > Nanos(0) && clock_.Now() < poll_until) {
      sched_yield();
      continue;
    }
    wake.Prepare();
    const Nanos may_block = MayBlock();
    if (may_block > Nanos(0) && !stop_.load()) {
      wake.Wait(may_block == Nanos::max() ? Nanos(-1) : may_block);
    }
    wake.Done();
  }
}

}  // namespace spillgate::flow
