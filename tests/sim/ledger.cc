// Ledger, first half: what is sent, and the runs.
#include "tests/sim/ledger.h"

#include "core/base/format.h"

namespace spillgate::sim {
namespace {

constexpr std::size_t kMostBreaches = 20;
constexpr std::uint32_t kMostRuns = 4;  // the first, and workers.max_retries

std::string Text(ByteView bytes) {
  return std::string(AsText(bytes));
}

}  // namespace

void Ledger::Breach(std::string what) {
  if (breaches_.size() < kMostBreaches) breaches_.push_back(node_ + ": " + std::move(what));
}

const Ledger::Entry* Ledger::Find(TaskId id) const {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

bool Ledger::Accepted(TaskId id) const {
  const Entry* entry = Find(id);
  return entry != nullptr && entry->accepted;
}

std::size_t Ledger::unreleased() const {
  std::size_t count = 0;
  for (const auto& [id, entry] : entries_) {
    const bool kept = entry.accepted && !entry.released && !entry.is_root && !id.is_child();
    if (kept && !ended_sessions_.contains(id.session)) ++count;
  }
  return count;
}

void Ledger::OnSent(Sending sending) {
  if (sending.broken != Sending::Broken::kFixedPart) {
    for (std::size_t i = 0; i < sending.ids.size(); ++i) {
      Entry& entry = entries_[sending.ids[i]];
      entry.parent = sending.parent;
      entry.spawned_in = sending.run;
      entry.root = sending.root;
      entry.is_root = sending.is_root;
      entry.is_put = sending.put.has_value();
      if (i < sending.args.size()) entry.args = sending.args[i];
      if (sending.put.has_value()) {
        entry.fate = Fate::kDone;
        entry.values = {*sending.put};
      }
    }
  }
  const Key key{sending.connection, sending.correlation};
  Open& open = sendings_[key];
  open.verdicts.assign(sending.ids.size(), 0);
  open.sending = std::move(sending);
}

void Ledger::OnAsked(Asking asking, Instant) {
  OpenAsking& open = askings_[{asking.connection, asking.correlation}];
  open.answered.assign(asking.ids.size(), false);
  for (const ObjectId& id : asking.ids) open.accepted.push_back(Accepted(id.task));
  open.asking = std::move(asking);
}

void Ledger::OnReleased(TaskId id) {
  const auto found = entries_.find(id);
  if (found != entries_.end()) found->second.released = true;
}

void Ledger::OnConnectionGone(ConnectionId connection) {
  gone_.insert(connection);
  std::erase_if(askings_, [&](const auto& each) { return each.first.first == connection; });
}

void Ledger::Count(Entry& entry, int by) {
  entry.counted = by > 0;
  if (by > 0) {
    committed_ += entry.held;
  } else {
    committed_ -= entry.held;
  }
  committed_slots_[entry.function] += static_cast<std::uint32_t>(by);
}

void Ledger::OnStart(const Task& task, bool in_place, Instant now) {
  const auto found = entries_.find(task.id);
  if (found == entries_.end() || !found->second.accepted) {
    return Breach(Format("{} runs but was never accepted", ToString(task.id)));
  }
  Entry& entry = found->second;
  if (entry.running) Breach(Format("{} runs twice at the same time", ToString(task.id)));
  if (entry.reported) Breach(Format("{} runs again after it has ended", ToString(task.id)));
  if (entry.told != Fate::kOpen) {
    Breach(Format("{} runs after its outcome was told", ToString(task.id)));
  }
  if (++entry.runs > kMostRuns) Breach(Format("{} ran {} times", ToString(task.id), entry.runs));
  if (now > task.deadline) Breach(Format("{} began after its deadline", ToString(task.id)));
  if (ReachedByCancel(entry)) {
    Breach(Format("{} began after its cancel was acknowledged", ToString(task.id)));
  }
  const Entry* parent = Find(entry.parent);
  if (parent != nullptr && parent->told != Fate::kOpen && entry.spawned_in < parent->runs) {
    Breach(Format("{} began after its parent's end, whose last run has not spawned it",
                  ToString(task.id)));
  }
  CheckArguments(task);
  entry.running = true;
  entry.interrupted = false;
  entry.function = task.function;
  entry.held = *task.shape;
  running_.insert(task.id);
  entry.exempt |= in_place;
  if (entry.exempt) return;
  Count(entry, 1);
  if (!committed_.Fits(total_)) {
    Breach(Format("{} began with more resources in use than there are", ToString(task.id)));
  }
  const std::uint32_t slots = task.function->slot_limit;
  if (slots != 0 && committed_slots_[task.function] > slots) {
    Breach(Format("{} began beyond the {} slots of its function", ToString(task.id), slots));
  }
}

// A task runs when, and only when, its arguments exist, and gets their values.
void Ledger::CheckArguments(const Task& task) {
  for (std::size_t i = 0; i < task.args.size(); ++i) {
    if (task.args[i].kind != ArgRef::kObject) continue;
    const ObjectId object = task.args[i].object();
    const Entry* made = Find(object.task);
    if (made == nullptr || made->fate != Fate::kDone || object.index >= made->values.size()) {
      Breach(Format("{} began without its argument {}", ToString(task.id), ToString(object.task)));
    } else if (Text(task.objects[i].view()) != made->values[object.index]) {
      Breach(Format("{} got a wrong value of {}", ToString(task.id), ToString(object.task)));
    }
  }
}

// The node has acknowledged the cancel of the task, of something above it, or of its root.
bool Ledger::ReachedByCancel(const Entry& entry, Instant then) const {
  for (const Entry* at = &entry; at != nullptr; at = Find(at->parent)) {
    if (at->cancelled < then) return true;
    const Entry* root = at->root.is_none() ? nullptr : Find(at->root);
    if (root != nullptr && root->cancelled < then) return true;
  }
  return false;
}

bool Ledger::CancelledBefore(TaskId id, Instant then) const {
  const Entry* entry = Find(id);
  return entry != nullptr && !entry->running && ReachedByCancel(*entry, then);
}

// It lends its slot, and will take it back whether or not there is one: so from now on, also in
// further runs, it is not counted.
void Ledger::OnBlocked(TaskId id) {
  Entry& entry = entries_[id];
  entry.exempt = true;
  if (entry.counted) Count(entry, -1);
}

void Ledger::OnInterrupted(TaskId id) {
  entries_[id].interrupted = true;
}

void Ledger::OnEnd(const Task& task, RunEnd end) {
  Entry& entry = entries_[task.id];
  if (!entry.running) return Breach(Format("{} ended without a run", ToString(task.id)));
  entry.running = false;
  running_.erase(task.id);
  if (entry.counted) Count(entry, -1);
  if (end != RunEnd::kEnded) return;
  entry.reported = true;
  entry.fate = task.outcome.fate;
  entry.reason = task.outcome.reason;
  if (entry.fate != Fate::kDone) return;
  entry.values = {Text(task.outcome.value.view())};
  if (task.outcome.further == nullptr) return;
  for (const Value& value : *task.outcome.further) entry.values.push_back(Text(value.view()));
}

void Ledger::OnNodeIdle(Instant now) {
  for (auto& [key, open] : askings_) open.seen = std::min(open.seen, now);
  if (!any_cancelled_) return;
  for (const TaskId id : running_) {
    const Entry& entry = entries_.at(id);
    if (!entry.interrupted && ReachedByCancel(entry)) {
      Breach(Format("{} goes on although its cancel was acknowledged", ToString(id)));
    }
  }
}

void Ledger::OnTick(const std::function<bool(ConnectionId)>& reads, Instant now) {
  for (auto& [key, open] : askings_) {
    const Asking& asking = open.asking;
    if (open.seen != kNever && !reads(asking.connection)) open.seen = now;
    const bool waits =
        asking.type == wire::FrameType::kGet || asking.type == wire::FrameType::kWait;
    if (!waits || open.seen == kNever || After(open.seen, asking.timeout) >= now) continue;
    Breach(Format("a {} of {} ids overran its time by {} us", wire::ToString(asking.type),
                  asking.ids.size(),
                  std::chrono::duration_cast<std::chrono::microseconds>(
                      now - After(open.seen, asking.timeout))
                      .count()));
    open.seen = kNever;
  }
}

void Ledger::CheckAnswered() {
  for (const auto& [key, open] : sendings_) {
    Breach(Format("no verdict on {} of frame {} from connection {:x}",
                  ToString(open.sending.ids.front()), key.second, key.first));
  }
  for (const auto& [key, open] : askings_) {
    Breach(Format("no answer to {} {} of connection {:x}", wire::ToString(open.asking.type),
                  key.second, key.first));
  }
}

}  // namespace spillgate::sim
