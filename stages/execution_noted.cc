// Execution, of durable tasks that may run once at most: the journal has to know that they begin
// before they do. They keep their slots until it does, which takes as long as a sync. When a disk
// stands still, they leave them to others, and have their turn again when it works.
#include <algorithm>

#include "stages/ending.h"
#include "stages/execution.h"

namespace spillgate {
namespace {

// So many are looked at for each millisecond, whether they are doomed: a hundredth of a thread.
constexpr std::size_t kLooksEachMilli = 100;

}  // namespace

bool Execution::MustBeNoted(const Task& task) {
  return task.level != Level::kNone && task.max_retries == 0 && task.attempt == 0;
}

void Execution::NoteBegin(Placed&& placed, Instant now) {
  Task& task = *placed.task;
  if (IsDoomed(task, now)) return Run(std::move(placed.task), placed.nested_in, now);
  if (stands_ && LeavesSlot(placed)) return SetAside(std::move(placed.task), now);
  const auto position = journal_.Add(task.level, record::Started{.id = task.id});
  if (position.has_value()) {
    task.record->begun.store(true, std::memory_order_relaxed);
    uncommitted_.push_back({*position, std::move(placed)});
    return;
  }
  Fail(task, Reason::kJournal,
       "it may run once at most, and the journal has no room to note that it begins; submit it "
       "again later");
  Free(task.id, Nanos(0), Lesson::kNone);
  Finish(std::move(placed.task));
}

void Execution::CommitNoted(Instant now) {
  if (journal_.empty()) return;
  const Lsn first = journal_.Commit();
  for (Noted& each : uncommitted_) {
    noted_until_ = std::min(noted_until_, each.placed.task->deadline);
    each.lsn += first;
    unsynced_.push_back(std::move(each));
  }
  uncommitted_.clear();
  if (owed_ == 0 && !unsynced_.empty()) {
    owed_ = unsynced_.front().lsn;
    owed_since_ = now;
  }
}

void Execution::OnDurable(const Durable& durable, Instant now) {
  while (!unsynced_.empty() && unsynced_.front().lsn <= durable.synced) {
    Placed placed = std::move(unsynced_.front().placed);
    unsynced_.pop_front();
    PayForWait(*placed.task, now);
    Run(std::move(placed.task), placed.nested_in, now);
  }
  if (owed_ != 0 && durable.synced >= owed_) HasSynced(now);
}

// Twice the patience after each time that it was too short, or a disk with which every sync takes
// longer would have nothing begin, ever; less again when syncs are quick.
void Execution::HasSynced(Instant now) {
  if (now - owed_since_ < patience_ / 4) patience_ = std::max(kLongestSync, patience_ / 2);
  owed_ = unsynced_.empty() ? 0 : unsynced_.front().lsn;
  owed_since_ = now;
  if (!stands_) return;
  stands_ = false;
  shared_.signals.disk_stands.fetch_sub(1, std::memory_order_relaxed);
  for (Aside& each : aside_) {
    tally_.disk_deferrals.Count(DeferralTally::kRun, now - each.since);
    Return(std::move(each.task), now);
  }
  aside_.clear();
}

// One that runs in place of another does not: the thread of that one waits for it.
bool Execution::LeavesSlot(const Placed& placed) {
  return placed.task->leased() && placed.nested_in.is_none();
}

void Execution::LeaveSlots(Instant now) {
  if (stands_ || owed_ == 0 || now - owed_since_ <= patience_) return;
  stands_ = true;
  patience_ *= 2;
  shared_.signals.disk_stands.fetch_add(1, std::memory_order_relaxed);
  std::erase_if(unsynced_, [&](Noted& each) {
    if (!LeavesSlot(each.placed)) return false;
    SetAside(std::move(each.placed.task), now);
    return true;
  });
}

// It will be placed again, and has not begun until then.
void Execution::SetAside(TaskPtr task, Instant now) {
  TakeBack(*task);
  PayForWait(*task, now);
  Free(task->id, Nanos(0), Lesson::kNone);
  noted_until_ = std::min(noted_until_, task->deadline);
  aside_.push_back({std::move(task), now});
}

// Should the journal have no room to say so, the next process believes that it has run.
void Execution::TakeBack(Task& task) {
  if (!task.record->begun.load(std::memory_order_relaxed)) return;
  if (!journal_.Add(task.level, record::NotStarted{.id = task.id}).has_value()) return;
  task.record->begun.store(false, std::memory_order_relaxed);
}

bool Execution::WaitForDisk() const {
  return !unsynced_.empty() || !uncommitted_.empty() || !aside_.empty();
}

// What waits for the disk is let go of when it is doomed: the disk may take long.
void Execution::EndDoomedNoted(Instant now) {
  if ((now <= noted_until_ && !noted_cancelled_) || now < look_again_) return;
  noted_until_ = kNever;
  noted_cancelled_ = false;
  const auto ends = [&](TaskPtr& task) {
    if (!IsDoomed(*task, now)) {
      noted_until_ = std::min(noted_until_, task->deadline);
      return false;
    }
    EndDoomed(*task);
    PayForWait(*task, now);
    Free(task->id, Nanos(0), Lesson::kNone);
    Finish(std::move(task));
    return true;
  };
  std::erase_if(unsynced_, [&](Noted& each) { return ends(each.placed.task); });
  std::erase_if(aside_, [&](Aside& each) {
    const bool cancelled = each.task->record->cancelled.load(std::memory_order_relaxed);
    if (!ends(each.task)) return false;
    tally_.disk_deferrals.Count(cancelled ? DeferralTally::kCancelled : DeferralTally::kExpired,
                                now - each.since);
    return true;
  });
  const std::size_t left = unsynced_.size() + aside_.size();
  look_again_ = now + std::chrono::milliseconds(left / kLooksEachMilli);
}

// The node stops, and they have not run.
void Execution::AbandonNoted(Instant now) {
  for (Noted& each : std::exchange(unsynced_, {})) SetAside(std::move(each.placed.task), now);
  for (Aside& each : std::exchange(aside_, {})) {
    tally_.disk_deferrals.Count(DeferralTally::kCancelled, now - each.since);
    TakeBack(*each.task);
    Abandon(*each.task);
    Finish(std::move(each.task));
  }
}

}  // namespace spillgate
