#include "client/lib/driver.h"

#include <sched.h>

#include <algorithm>

#include "core/base/format.h"
#include "core/base/links.h"

namespace spillgate::client {
namespace {

using Sleepers = spillgate::Link<&Waiter::next, &Waiter::previous>;

// A yield among idle threads takes a microsecond; one that takes so long gave the core to others.
constexpr Nanos kLongYield = std::chrono::microseconds(200);
constexpr Nanos kNoPolling = std::chrono::milliseconds(50);
constexpr Nanos kTick = std::chrono::milliseconds(10);

}  // namespace

// ---- callers

bool Driver::Await(Waiter& waiter, Instant until) {
  while (!waiter.done()) {
    const Instant now = clock_.Now();
    if (closed_.load(std::memory_order_relaxed) || now >= until) return Leave(false);
    if (!driven_.load(std::memory_order_relaxed) && link_ != nullptr) {
      Lead(waiter, until);
    } else {
      StandBy(waiter, until, now);
    }
  }
  return Leave(true);
}

// Who was to drive next may be the one that leaves.
bool Driver::Leave(bool result) {
  if (sleepers_ != nullptr && !driven_.load(std::memory_order_relaxed)) PassOn();
  return result;
}

void Driver::Lead(Waiter& waiter, Instant until) {
  driven_.store(true, std::memory_order_relaxed);
  ++activity_;
  Drive(&waiter, until);
  driven_.store(false, std::memory_order_release);
  PassOn();
}

// Somebody else drives. Who has just begun to wait looks for a while, like one who drives; the
// client's own thread makes room for it.
void Driver::StandBy(Waiter& waiter, Instant until, Instant now) {
  Sleepers::PushFront(sleepers_, &waiter);
  if (thread_drives_) wake_.Notify();
  const bool polls = now >= no_poll_until_ && link_ != nullptr;
  mutex_.unlock();
  const Instant end = polls ? now + options_.poll : now;
  while (now < end && !waiter.done() && driven_.load(std::memory_order_acquire)) {
    sched_yield();
    now = clock_.Now();
  }
  const bool worth_a_look = waiter.done() || (!driven_.load(std::memory_order_acquire) && polls);
  if (!worth_a_look) waiter.parker.Park(until - now);
  mutex_.lock();
  Sleepers::Remove(sleepers_, &waiter);
}

void Driver::Kick(bool batch) {
  if (!session_.fresh() || link_ == nullptr) return;
  if (driven_.load(std::memory_order_relaxed)) return wake_.Notify();
  // With nothing under way there is nothing to wait for; else a little company makes larger
  // frames, and the thread sends them.
  if (batch || !session_.under_way()) return SendInline();
  CallThread();
}

void Driver::SendInline() {
  driven_.store(true, std::memory_order_relaxed);
  ++activity_;
  session_.Collect(clock_.Now(), false, out_);
  mutex_.unlock();
  const bool alive = link_->Send(out_);
  mutex_.lock();
  if (!alive) Lost(link_->problem());
  driven_.store(false, std::memory_order_release);
  PassOn();
  // It looks after what is under way, should this caller not come back for it.
  if (long_nap_) CallThread();
}

void Driver::Turn() {
  if (driven_.load(std::memory_order_relaxed) || link_ == nullptr) return wake_.Notify();
  driven_.store(true, std::memory_order_relaxed);
  ++activity_;
  Instant now = clock_.Now();
  if (!Exchange(now, true)) Lost(link_->problem());
  Ring();
  driven_.store(false, std::memory_order_release);
  PassOn();
}

// Nobody drives now. One who waits goes on; or the thread, if there is something that will not
// wait for the next caller.
void Driver::PassOn() {
  if (!session_.callbacks().empty()) CallThread();
  for (Waiter* waiter = sleepers_; waiter != nullptr; waiter = waiter->next) {
    if (waiter->done()) continue;
    if (waiter->parker.Signal()) Parker::Ring(waiter->parker.address());
    return;
  }
  const bool urgent = link_ == nullptr || session_.fresh() || session_.unsent() > 0 ||
                      session_.has_callbacks() || !out_.empty();
  if (urgent) CallThread();
}

void Driver::CallThread() {
  if (called_) return;
  called_ = true;
  if (thread_drives_) wake_.Notify();
  if (thread_parker_.Signal()) Parker::Ring(thread_parker_.address());
}

void Driver::Dropped() {
  if (!closed_.load(std::memory_order_seq_cst)) return;
  std::shared_ptr<Driver> last;
  MutexLock lock(mutex_);
  session_.TakeDropped();
  if (session_.live_states() == 0) last = std::move(self_);
}

// ---- driving

void Driver::Drive(Waiter* waiter, Instant until) {
  Instant now = clock_.Now();
  Instant last = now;  // when something happened
  bool idle = false;
  heard_ = std::max(heard_, now - options_.ping_after);  // while nobody listened it was not silent
  while (true) {
    const std::size_t unsent = out_.size();
    if (!Exchange(now, idle)) return Lost(link_->problem());
    Ring();
    const bool happened = link_->received() || out_.size() != unsent;
    if (happened) last = now;
    if (MayStop(waiter, now, until, idle)) return;
    if (now >= next_tick_) {
      next_tick_ = After(now, kTick);
      session_.OnTime(now);
      if (!IsAlive(now)) return Lost(link_->problem());
    }
    if (happened) {
      idle = false;
    } else if (now - last < options_.poll && now >= no_poll_until_ && Yield(now)) {
      continue;
    } else if (!idle) {
      idle = true;  // leaves nothing unsaid before it sleeps
    } else {
      Sleep(now, until, waiter == nullptr);
      last = now;
      idle = false;
    }
  }
}

// Says what is to be said and takes in what has come. False: the link is broken.
bool Driver::Exchange(Instant& now, bool idle) {
  session_.Collect(now, idle, out_);
  mutex_.unlock();
  bool alive = link_->Send(out_);
  alive = link_->Receive() && alive;
  now = clock_.Now();
  mutex_.lock();
  return TakeIn(now) && alive;
}

bool Driver::TakeIn(Instant now) {
  if (link_->received()) heard_ = now;
  bool good = true;
  while (good) {
    const std::optional<wire::FrameView> frame = link_->NextFrame();
    if (!frame.has_value()) break;
    good = session_.OnFrame(*frame, now);
  }
  session_.EndTurn(now);
  if (!good) link_->Break(FailureKind::kProtocol, session_.problem());
  return good && !link_->broken();
}

bool Driver::MayStop(const Waiter* waiter, Instant now, Instant until, bool idle) {
  if (waiter != nullptr) {
    return waiter->done() || now >= until || closed_.load(std::memory_order_relaxed);
  }
  const bool wanted = stop_ || sleepers_ != nullptr || !session_.callbacks().empty();
  return wanted || (idle && !session_.has_work() && !session_.has_callbacks());
}

bool Driver::Yield(Instant& now) {
  mutex_.unlock();
  sched_yield();
  const Instant after = clock_.Now();
  mutex_.lock();
  if (after - now > kLongYield) no_poll_until_ = After(after, kNoPolling);
  now = after;
  return true;
}

void Driver::Sleep(Instant& now, Instant until, bool thread) {
  wake_.Prepare();
  if (!session_.fresh() && !(thread && (sleepers_ != nullptr || stop_))) {
    const int pings = now - heard_ < options_.ping_after ? 1 : 2;
    Instant next =
        std::min({until, session_.NextTime(now), After(heard_, pings * options_.ping_after)});
    if (session_.under_way() || session_.unsent() > 0) next = std::min(next, After(now, kTick));
    mutex_.unlock();
    link_->Sleep(wake_.fd(), !out_.empty(), next - now);
    mutex_.lock();
  }
  wake_.Done();
  now = clock_.Now();
}

// Those whom the session has made ready, without the lock.
void Driver::Ring() {
  if (session_.woken().empty()) return;
  const std::vector<const void*> woken = std::exchange(session_.woken(), {});
  mutex_.unlock();
  for (const void* sleeper : woken) Parker::Ring(sleeper);
  mutex_.lock();
}

// A node that says nothing is asked; one that does not answer is gone.
bool Driver::IsAlive(Instant now) {
  const Nanos silence = now - heard_;
  if (silence < options_.ping_after) return true;
  if (silence >= 2 * options_.ping_after) {
    link_->Break(FailureKind::kUnavailable,
                 Format("the node has said nothing for {} s",
                        std::chrono::duration_cast<std::chrono::seconds>(silence).count()));
    return false;
  }
  if (pinged_ < heard_) {
    pinged_ = now;
    wire::Encode(wire::Ping{}, session_.NextCorrelation(), out_);
  }
  return true;
}

void Driver::Lost(const Failure& why) {
  last_problem_ = why;
  link_.reset();
  out_.Clear();
  down_since_ = clock_.Now();
  session_.OnLost(down_since_);
  CallThread();
}

}  // namespace spillgate::client
