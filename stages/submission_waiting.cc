// Submission: spawns that wait for room, and the reserve that keeps the oldest root going.
#include <algorithm>
#include <utility>

#include "stages/submission.h"

namespace spillgate {
namespace {

// Who seems stuck may be about to move: an answer is on its way to it.
constexpr Nanos kStuckPatience = std::chrono::milliseconds(100);
// At spawns that may have to wait on, in a round, and again at those behind them.
constexpr std::size_t kLooks = 64;

}  // namespace

void Submission::CountIn(const Group& group) {
  waiting_tasks_ += group.left();
  waiting_bytes_ += static_cast<std::int64_t>(group.frame.size());
  waiting_since_.insert(group.arrived);
}

void Submission::CountOut(const Group& group) {
  waiting_tasks_ -= group.left();
  waiting_bytes_ -= static_cast<std::int64_t>(group.frame.size());
  waiting_since_.erase(waiting_since_.find(group.arrived));
}

void Submission::ShowWaiting() {
  tally_.oldest_waiting.store(waiting_.empty() ? kNoRootWaits : waiting_.begin()->first,
                              std::memory_order_relaxed);
  tally_.waiting.Set(waiting_tasks_);
  tally_.waiting_bytes.Set(waiting_bytes_);
  const Instant since = waiting_since_.empty() ? kNever : *waiting_since_.begin();
  tally_.waiting_since.Set(since.time_since_epoch().count());
}

// Spawns that wait, the oldest root first. The first that still finds no room ends the round,
// unless nothing of its root can move without it: then the reserve serves it. To look at thousands
// whenever a place comes free would cost more than what the place is for, so a round looks at some,
// and then at as many from where the last one ended: at some time or other each is found that waits
// for nothing any more. Those may go on only if all that stand before them are held by their quotas
// and windows; whom there was no time to look at comes before them.
void Submission::RetryWaiting(Instant now) {
  bool oldest = true;
  bool full = false;
  bool some_went = false;
  auto at = waiting_.begin();
  for (std::size_t looks = 0; at != waiting_.end() && !full && looks < kLooks; ++looks) {
    const bool tries_anyway = oldest;
    some_went = (RetryNext(at, oldest, full, now) && !tries_anyway) || some_went;
  }
  if (at == waiting_.end()) return;
  shared_.signals.room_wanted.store(true, std::memory_order_relaxed);
  full = full || some_went;
  if (look_on_ == waiting_.end()) look_on_ = at;
  at = look_on_;
  for (std::size_t looks = 0; at != waiting_.end() && looks < kLooks; ++looks) {
    RetryNext(at, oldest, full, now);
  }
  look_on_ = at;
}

// Goes on to the one behind it; whether this one goes to have its tasks accepted, or its answer.
bool Submission::RetryNext(WaitingGroups::iterator& at, bool& oldest, bool& full, Instant now) {
  Group& group = at->second;
  if (MayWaitOn(group, now, group.refusal)) {
    const bool serve = std::exchange(oldest, false) && IsOldestOfNode(at->first);
    const QuotaRoom room = full ? QuotaRoom{} : RoomByQuotas(group, now);
    if (full || (!serve && room.tasks == 0)) {
      ++at;
      return false;
    }
    // To build all of them for each one that there is room for would cost more than they do.
    admission_.TakePlaces(group.asking(), room.tasks, group, now);
    if (group.refusal == Reason::kNone) group.refusal = room.bound;
    if (serve) TakeReserve(group, now);
    if (group.admitted > 0) Decode(group);
    full = group.refusal == Reason::kInFlight || group.refusal == Reason::kInFlightBytes;
  }
  CountOut(group);
  groups_.push_back(std::move(group));
  const bool is_next = look_on_ == at;
  at = waiting_.erase(at);
  if (is_next) look_on_ = at;
  return true;
}

// Whether there is somebody for whom it waits, and time.
bool Submission::MayWaitOn(const Group& group, Instant now, Reason& refusal) {
  MutexLock lock(shared_.table.mutex());
  const Record* parent = shared_.table.Find(group.view.child.parent);
  refusal = !GoesOn(group, parent) ? Reason::kUnknownRoot
                                   : (now < group.deadline ? Reason::kNone : Reason::kExpired);
  return refusal == Reason::kNone;
}

// Of all shards: one reserve serves one root. A shard says what it has a pass late; the next look
// mends that.
bool Submission::IsOldestOfNode(std::uint64_t order) const {
  return std::ranges::all_of(shared_.tally.submission, [&](const SubmissionTally& shard) {
    return &shard == &tally_ || order <= shard.oldest_waiting.load(std::memory_order_relaxed);
  });
}

// For as long as whoever seems stuck is given to move.
bool Submission::NothingHasEnded(Instant since, Instant now) {
  std::uint64_t ended = 0;
  for (const PublicationTally& shard : shared_.tally.publication) {
    for (const flow::Counter& fate : shard.ended) ended += fate.get();
  }
  if (std::exchange(have_ended_, ended) != ended) moved_at_ = now;
  return now >= After(std::max(moved_at_, since), kStuckPatience);
}

// If all unfinished tasks of its root wait for others, and so nothing will make room for this one.
// What does not wait for others may still be kept from running by those that do: all threads can be
// theirs. So where all that run wait, and nothing ends for a while, nothing can move either.
void Submission::TakeReserve(Group& group, Instant now) {
  bool window_is_full = false;
  bool client_is_full = false;
  bool tenant_is_full = false;
  const bool stands_still = NothingHasEnded(group.arrived, now) &&
                            shared_.signals.all_waited_at.load(std::memory_order_relaxed) != kNever;
  {
    MutexLock lock(shared_.table.mutex());
    // It may have ended since it was asked for whom this waits.
    const Record* parent = shared_.table.Find(group.view.child.parent);
    if (parent == nullptr || !parent->open()) return;
    const Root& root = *parent->root;
    const bool root_is_stuck =
        root.stuck.load(std::memory_order_relaxed) >= static_cast<std::int32_t>(root.unfinished);
    const bool node_is_stuck =
        shared_.signals.stuck.load(std::memory_order_relaxed) >= shared_.unfinished();
    window_is_full = root.unfinished >= root.window;
    client_is_full = ClientIsFull(group.session);
    tenant_is_full = TenantIsFull(root.tenant, SpawnPlacesOf(group));
    const bool some_quota = window_is_full || client_is_full || tenant_is_full;
    const bool is_next = root_is_stuck && (some_quota || node_is_stuck);
    if (!is_next && !stands_still) {
      group.stuck_since = kNever;
      return;
    }
  }
  const Reason full = client_is_full ? Reason::kClientQuota : Reason::kInFlight;
  GivePlacesBack(group, 0, window_is_full || tenant_is_full ? Reason::kQuota : full);
  flow::Credits& reserve = shared_.spawn_reserve;
  std::uint32_t wanted = group.left();
  while (wanted > 0 && !reserve.Reserve(wanted, std::int64_t{wanted} * group.bytes_each)) {
    wanted = reserve.room() < wanted ? static_cast<std::uint32_t>(reserve.room()) : wanted / 2;
  }
  group.admitted = wanted;
  group.from_reserve = wanted > 0;
  if (wanted > 0) {
    group.stuck_since = kNever;
    if (wanted == group.left()) group.refusal = Reason::kNone;
  } else if (group.stuck_since == kNever) {
    group.stuck_since = now;
  } else if (now >= After(group.stuck_since, kStuckPatience)) {
    group.refusal = Reason::kQuotaExceeded;
  }
}

}  // namespace spillgate
