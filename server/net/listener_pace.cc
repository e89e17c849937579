// Listener, second half: who is read, and when. A connection is not read while submission is full,
// while its peer does not read its replies, and while it rests for what it was refused. Each pause
// is counted, once; where the last time that is known may be from before the loop slept, it is
// read.
#include <algorithm>
#include <utility>

#include "server/net/listener.h"

namespace spillgate::net {
namespace {

constexpr Nanos kLookForRoom = std::chrono::milliseconds(1);

}  // namespace

// Takes up a connection that was held back, once it has read enough. It may be closed by what it
// had sent meanwhile, and the visitor gone with it.
void Listener::CatchUp(Visitor& visitor) {
  const bool behind = visitor.pauses.since(SocketTally::kUnread) != kNever;
  if (!behind || !visitor.connection->caught_up()) return;
  behind_[SlotOf(visitor.connection->id())].store(false, std::memory_order_relaxed);
  visitor.pauses.End(SocketTally::kUnread, DeferralTally::kRun, clock_.Now(), tally_);
  door_.OnDrained(visitor);
  Resume(visitor);
}

// It had no chance to go on with what it had begun: its time for that begins now.
void Listener::Resume(Visitor& visitor) {
  if (ending_ || visitor.refusals.rests_until > now_) return;
  visitor.last_read = clock_.Now();
  visitor.connection->ResumeReading();
}

// Who does not read its replies is not read either, and not pushed to.
void Listener::HoldBack(Visitor& visitor) {
  const bool known = visitor.pauses.since(SocketTally::kUnread) != kNever;
  if (!visitor.connection->behind() || known) return;
  behind_[SlotOf(visitor.connection->id())].store(true, std::memory_order_relaxed);
  visitor.pauses.Begin(SocketTally::kUnread, clock_.Now(), tally_);
  visitor.connection->PauseReading();
}

// The frames that are coming in have a bound together; who began one past it waits for the others,
// who have a time to go on with theirs. The first one always may.
bool Listener::MayTake(Connection& connection, std::size_t bytes) {
  const bool full = large_bytes_ > 0 && large_bytes_ + bytes > options_.incoming_bytes;
  if (full) {
    connection.PauseReading();
    paused_.push_back(connection.id());
  } else {
    large_bytes_ += bytes;
  }
  if (connection.visitor() != nullptr) NoteLarge(*connection.visitor(), full);
  return !full;
}

// It asks again each turn, and has waited all the while.
void Listener::NoteLarge(Visitor& visitor, bool waits) {
  const bool waited = visitor.pauses.since(SocketTally::kLarge) != kNever;
  if (waits && !waited) {
    visitor.pauses.Begin(SocketTally::kLarge, clock_.Now(), tally_);
  } else if (!waits && waited) {
    visitor.pauses.End(SocketTally::kLarge, DeferralTally::kRun, clock_.Now(), tally_);
  }
}

void Listener::ResumePaused(Instant now) {
  if (paused_.empty()) return;
  // Submission on a thread of its own wakes nobody when it has room again.
  if (!door_.HasRoom()) {
    NoteFull(now);
    return loop_.WakeBy(After(now, kLookForRoom));
  }
  yielded_ = false;
  noted_ = 0;
  for (const ConnectionId id : std::exchange(paused_, {})) {
    const auto found = visitors_.find(id);
    if (found == visitors_.end()) continue;
    Visitor& visitor = found->second;
    visitor.pauses.End(SocketTally::kFull, DeferralTally::kRun, now, tally_);
    if (visitor.pauses.since(SocketTally::kUnread) == kNever) Resume(visitor);
  }
  if (yielded_) loop_.Post([] {});  // or the loop would wait for bytes while it has some
}

// Those that have come since this was last called: whatever they were paused for, they wait for
// room by now.
void Listener::NoteFull(Instant now) {
  for (; noted_ < paused_.size(); ++noted_) {
    const auto found = visitors_.find(paused_[noted_]);
    if (found == visitors_.end()) continue;
    found->second.pauses.Begin(SocketTally::kFull, now, tally_);
  }
}

// Saying no has its part of the loop's time; beyond it the noisiest are not read for a while. In
// whatever order they are looked at: those that rest already are compared with as well.
void Listener::ShareRefusals(Instant now) {
  refusals_.EndTurn(turn_.Busy(now), now);
  turn_ = {};
  if (!resting_.empty()) ResumeRested(now);
  if (!refusals_.Over()) return;
  for (auto& [id, visitor] : visitors_) {
    if (refusals_.ShouldRest(visitor.refusals, now)) LetRest(visitor, now);
  }
}

void Listener::LetRest(Visitor& visitor, Instant now) {
  loop_.WakeBy(refusals_.Rest(visitor.refusals, now));
  visitor.pauses.Begin(SocketTally::kRefusals, now, tally_);
  visitor.connection->PauseReading();
  resting_.push_back(visitor.connection->id());
  rests_.fetch_add(1, std::memory_order_relaxed);
}

void Listener::ResumeRested(Instant now) {
  for (const ConnectionId id : std::exchange(resting_, {})) {
    const auto found = visitors_.find(id);
    if (found == visitors_.end()) continue;
    if (found->second.refusals.rests_until > now) {
      resting_.push_back(id);
      loop_.WakeBy(found->second.refusals.rests_until);
    } else {
      found->second.pauses.End(SocketTally::kRefusals, DeferralTally::kRun, now, tally_);
      paused_.push_back(id);  // if there is room for what it sends
    }
  }
}

}  // namespace spillgate::net
