// World, second half: what must be true at rest, and what has happened.
#include "core/base/format.h"
#include "tests/sim/world.h"

namespace spillgate::sim {
namespace {

constexpr Nanos kCancelTakes = std::chrono::milliseconds(5);
constexpr Nanos kOffersTake = std::chrono::seconds(1);  // what a peer may have is not cancelled

template <class Counters>
std::uint64_t SumOf(const Counters& counters) {
  std::uint64_t sum = 0;
  for (const flow::Counter& each : counters) sum += each.get();
  return sum;
}

}  // namespace

void Happened::Add(const Happened& other) {
  refused += other.refused;
  parked += other.parked;
  spawns_waited += other.spawns_waited;
  from_reserve += other.from_reserve;
  expired += other.expired;
  out_of_reach += other.out_of_reach;
  past_quota += other.past_quota;
  cancelled += other.cancelled;
  retried += other.retried;
  unmatched += other.unmatched;
  killed += other.killed;
  accepted += other.accepted;
  repeated += other.repeated;
  forwarded += other.forwarded;
  nested += other.nested;
  handed_on += other.handed_on;
  held_up += other.held_up;
  fuses += other.fuses;
}

std::string World::WhatIsLeft(Side& side) const {
  Shared& shared = side.node->shared();
  std::string left = Format(
      "{} in flight, {} of the reserve, {} run, {} parked, {} ready, {} stuck, {} unanswered, "
      "client {};",
      shared.in_flight.count(), shared.spawn_reserve.count(), side.executor->running(),
      side.node->resolution().park().size(), side.node->scheduling().ready().size(),
      shared.signals.stuck.load(), side.ledger->open(),
      client_->unsettled() ? "unsettled" : "settled");
  for (const auto& inbox : side.node->flow().inboxes()) {
    left += Format(" {} {}/{}", inbox->name(), inbox->queued(), inbox->credits().count());
  }
  return left;
}

// With nothing else to do, the node has ended what was cancelled some ticks ago.
void World::CheckCancels(Side& side) {
  if (!side.ledger->any_cancelled()) return;
  const Nanos takes = pair_ ? kOffersTake : kCancelTakes;
  TaskTable& table = side.node->shared().table;
  MutexLock lock(table.mutex());
  for (const auto& [id, session] : table.sessions()) {
    for (const Record* at : {session->records, session->children}) {
      for (; at != nullptr; at = at->next_of_session) {
        if (!at->open() || !side.ledger->CancelledBefore(at->id, clock_.Now() - takes)) continue;
        side.ledger->Breach(Format("{} does not run, was cancelled and does not end: {}",
                                   ToString(at->id), WhatIsLeft(side)));
      }
    }
  }
}

// Everything that was taken has come home.
// A root has its window of unfinished tasks, and the reserve besides if it is the oldest that
// waits.
void World::CheckWindows(Side& side) {
  TaskTable& table = side.node->shared().table;
  MutexLock lock(table.mutex());
  for (const auto& [id, root] : table.roots()) {
    if (root->unfinished <= root->window + side.config.limits.spawn_reserve) continue;
    side.ledger->Breach(Format("root {} has {} unfinished tasks, and a window of {}", ToString(id),
                               root->unfinished, root->window));
  }
}

void World::CheckEmpty(Side& side) {
  Shared& shared = side.node->shared();
  Ledger& ledger = *side.ledger;
  const auto zero = [&](const std::string& what, std::int64_t value) {
    if (value != 0) ledger.Breach(Format("at rest, {} is {}", what, value));
  };
  for (const auto& inbox : side.node->flow().inboxes()) {
    zero(inbox->name() + "'s credit", inbox->credits().count());
    zero(inbox->name() + "'s credit in bytes", inbox->credits().bytes());
    // Where every stage has room for all that was accepted, nothing waits for a place.
    const auto fuses = static_cast<std::int64_t>(inbox->stats().fuses.load());
    if (!tiny_) zero("the count of blown fuses of " + inbox->name(), fuses);
  }
  zero("the in-flight count", shared.in_flight.count());
  zero("the in-flight bytes", shared.in_flight.bytes());
  zero("the reserve", shared.spawn_reserve.count());
  zero("the reserve in bytes", shared.spawn_reserve.bytes());
  zero("the number of stuck tasks", shared.signals.stuck.load());
  zero("the number of requests to come", shared.requests.count());
  zero("the park", static_cast<std::int64_t>(side.node->resolution().park().size()));
  zero("the park in bytes", static_cast<std::int64_t>(side.node->resolution().park().bytes()));
  zero("the ready set", static_cast<std::int64_t>(side.node->scheduling().ready().size()));
  if (side.node->scheduling().free() != side.node->offered().amounts) {
    ledger.Breach("at rest, not all resources are free");
  }
  for (FunctionId id = 1; id <= kNames; ++id) {
    zero("the running count of a function", side.node->scheduling().ready().Running(id));
  }
  std::uint64_t accepted = 0;
  std::uint64_t ended = 0;
  for (const SubmissionTally& tally : shared.tally.submission) accepted += SumOf(tally.accepted);
  for (const PublicationTally& tally : shared.tally.publication) ended += SumOf(tally.ended);
  if (accepted != ended) ledger.Breach(Format("{} were accepted, {} ended", accepted, ended));
  MutexLock lock(shared.table.mutex());
  zero("the number of requests", static_cast<std::int64_t>(shared.table.requests()));
}

void World::CheckRecords(Side& side, std::size_t expected, const std::string& when) {
  TaskTable& table = side.node->shared().table;
  MutexLock lock(table.mutex());
  if (table.records() != expected) {
    side.ledger->Breach(
        Format("{}, {} records are kept instead of {}", when, table.records(), expected));
  }
  if (table.sessions().size() != client_->live_sessions()) {
    side.ledger->Breach(Format("{}, {} sessions are kept instead of {}", when,
                               table.sessions().size(), client_->live_sessions()));
  }
  if (expected > 0) return;
  // While a session lives, there may be roots of it of which the client never heard.
  if (table.open_roots() != 0) side.ledger->Breach(when + ", roots are open");
  if (table.value_bytes() != 0) side.ledger->Breach(when + ", values are kept");
}

// What the client was told to be elsewhere is there.
void World::CheckForwarded() {
  for (const TaskId id : sides_.front()->ledger->forwarded()) {
    if (!pair_ || !sides_.back()->ledger->Accepted(id)) {
      sides_.front()->ledger->Breach(ToString(id) + " was forwarded, and nobody has it");
    }
  }
}

std::vector<std::string> World::Breaches() const {
  std::vector<std::string> all;
  for (const auto& side : sides_) {
    all.insert(all.end(), side->ledger->breaches().begin(), side->ledger->breaches().end());
  }
  return all;
}

Happened World::happened() const {
  Happened sum;
  for (const auto& side : sides_) {
    const Tally& tally = side->node->shared().tally;
    for (const SubmissionTally& each : tally.submission) {
      sum.refused += SumOf(each.refused);
      sum.past_quota += each.refused[static_cast<std::size_t>(Reason::kClientQuota)].get() +
                        each.refused[static_cast<std::size_t>(Reason::kRate)].get();
      sum.accepted += SumOf(each.accepted);
      sum.repeated += each.repeated.get();
      sum.spawns_waited += each.spawns_waited.get();
      sum.from_reserve += each.from_reserve.get();
    }
    sum.parked += tally.resolution.parked.get();
    sum.out_of_reach += tally.scheduling.out_of_reach.get();
    for (const ExecutionTally& each : tally.execution) {
      sum.killed += each.host_deaths.get();
      sum.retried += each.retried.get();
      sum.held_up += each.held_up.get();
    }
    for (const PublicationTally& each : tally.publication) {
      sum.expired += each.ended[static_cast<std::size_t>(Fate::kExpired)].get();
      sum.cancelled += each.ended[static_cast<std::size_t>(Fate::kCancelled)].get();
      sum.unmatched += each.unmatched.get();
      sum.forwarded += each.ended[static_cast<std::size_t>(Fate::kForwarded)].get();
    }
    sum.nested += side->executor->nested();
    sum.handed_on += side->executor->handed_on();
    for (const auto& inbox : side->node->flow().inboxes()) sum.fuses += inbox->stats().fuses.load();
  }
  return sum;
}

}  // namespace spillgate::sim
