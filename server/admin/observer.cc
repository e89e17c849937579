#include "server/admin/observer.h"

#include <algorithm>

#include "server/admin/process.h"

namespace spillgate::admin {
namespace {

constexpr double kSaturated = 0.9;                        // of a bound
constexpr Nanos kStalledAfter = std::chrono::seconds(1);  // with events waiting and none leaving
constexpr Nanos kLeastWindow = std::chrono::milliseconds(100);

std::uint64_t Rise(std::uint64_t before, std::uint64_t now) {
  return now > before ? now - before : 0;
}

bool NearlyFull(std::int64_t used, std::int64_t limit) {
  return limit > 0 && static_cast<double>(used) >= kSaturated * static_cast<double>(limit);
}

template <class To, class From>
void AddCounters(To& to, const From& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i].get();
}

}  // namespace

Observer::Observer(const flow::Pipeline& pipeline, const Tally& tally, NodeIdentity identity,
                   std::function<NodeFigures(Instant)> figures)
    : pipeline_(pipeline),
      tally_(tally),
      identity_(std::move(identity)),
      figures_(std::move(figures)) {
  before_.at = last_.at = identity_.started;
}

void Observer::Sample(Instant now) {
  before_ = std::move(last_);
  last_.at = now;
  last_.counts.clear();
  for (const auto& inbox : pipeline_.inboxes()) {
    last_.counts.push_back(CountsOf(Read(*inbox, now)));
  }
}

Snapshot Observer::Take(Instant now) const {
  Snapshot snapshot{.node_name = identity_.name,
                    .version = identity_.version,
                    .epoch = identity_.epoch,
                    .uptime = now - identity_.started};
  const Nanos window = now - before_.at;
  for (std::size_t i = 0; i < pipeline_.inboxes().size(); ++i) {
    const flow::AnyInbox& inbox = *pipeline_.inboxes()[i];
    StageFigures figures = Read(inbox, now);
    const Counts before = i < before_.counts.size() ? before_.counts[i] : Counts{};
    if (window >= kLeastWindow) figures.rates = RatesSince(before, CountsOf(figures), window);
    figures.state = Judge(figures, window);
    auto stage = std::find_if(snapshot.stages.begin(), snapshot.stages.end(),
                              [&](const Stage& s) { return s.name == inbox.name(); });
    if (stage == snapshot.stages.end()) {
      snapshot.stages.push_back(
          {.name = inbox.name(), .controller = std::string(inbox.controller_name())});
      stage = snapshot.stages.end() - 1;
      if (const flow::DryRun* dry = inbox.dry_run()) stage->dry_run = dry->controller->name();
    }
    stage->all.Add(figures);
    stage->shards.push_back(figures);
  }
  for (const auto& pool : pipeline_.pools()) {
    snapshot.pools.push_back({.name = pool->name(),
                              .threads = std::max(1U, pool->options().threads),
                              .busy_ns = pool->busy_ns()});
  }
  snapshot.tasks = ReadTasks(now);
  snapshot.node = figures_(now);
  if (snapshot.node.park_oldest < now) snapshot.park_oldest_age = now - snapshot.node.park_oldest;
  snapshot.process = ReadProcess();
  return snapshot;
}

StageFigures Observer::Read(const flow::AnyInbox& inbox, Instant now) const {
  const flow::StageStats& stats = inbox.stats();
  const flow::Load load = inbox.load();
  StageFigures figures{.queued = load.queued,
                       .held = load.held,
                       .capacity = load.capacity,
                       .bytes = load.bytes,
                       .capacity_bytes = load.capacity_bytes};
  const Instant oldest(Nanos(stats.oldest_ns.load(std::memory_order_relaxed)));
  if (figures.occupied() > 0 && oldest < now) figures.oldest_age = now - oldest;
  figures.arrived = stats.arrived.load(std::memory_order_relaxed);
  figures.kept = stats.kept.load(std::memory_order_relaxed);
  figures.dropped = stats.dropped.load(std::memory_order_relaxed);
  figures.fuses = stats.fuses.load(std::memory_order_relaxed);
  figures.batches = stats.batches.get();
  figures.batch_most = stats.batch_most.load(std::memory_order_relaxed);
  figures.batch_fits = stats.batch_fits.load(std::memory_order_relaxed);
  figures.busy_ns = stats.busy_ns.get();
  for (std::size_t c = 0; c < kClasses; ++c) {
    figures.handled[c] = stats.handled[c].get();
    figures.wait[c].Add(stats.wait[c]);
    figures.service[c].Add(stats.service[c]);
  }
  if (const flow::DryRun* dry = inbox.dry_run()) {
    AddCounters(figures.dry_run_refused, dry->refused);
  }
  figures.admits_up_to = stats.admits_up_to.load(std::memory_order_relaxed);
  figures.retry_after = Nanos(stats.retry_after_ns.load(std::memory_order_relaxed));
  const auto here = static_cast<std::uint64_t>(std::max<std::int64_t>(0, figures.occupied()));
  figures.left = Rise(here, figures.arrived);
  if (inbox.name() == kRefusingStage && inbox.shard() < tally_.submission.size()) {
    CountTasks(tally_.submission[inbox.shard()], figures);
  }
  return figures;
}

// Its events are frames; what people compare with the other stages is the tasks in them.
void Observer::CountTasks(const SubmissionTally& tally, StageFigures& figures) {
  AddCounters(figures.refused, tally.refused);
  figures.left = tally.repeated.get();
  for (const flow::Counter& accepted : tally.accepted) figures.left += accepted.get();
  figures.arrived = figures.left + figures.refused_in_all();
}

void Observer::ReadSubmissions(TaskFigures& tasks, Instant now) const {
  Instant oldest = kNever;
  for (const SubmissionTally& shard : tally_.submission) {
    AddCounters(tasks.accepted, shard.accepted);
    AddCounters(tasks.roots_refused, shard.roots_refused);
    tasks.repeated += shard.repeated.get();
    tasks.spawns_waited += shard.spawns_waited.get();
    tasks.spawns_waiting += shard.waiting.get();
    tasks.spawns_waiting_bytes += shard.waiting_bytes.get();
    tasks.from_reserve += shard.from_reserve.get();
    oldest = std::min(oldest, Instant(Nanos(shard.waiting_since.get())));
  }
  if (oldest < now) tasks.spawns_oldest_age = now - oldest;
}

TaskFigures Observer::ReadTasks(Instant now) const {
  TaskFigures tasks;
  ReadSubmissions(tasks, now);
  tasks.parked = tally_.resolution.parked.get();
  auto& [slack, arguments, spawn, disk, retry, refusals, full, large, unread] = tasks.deferrals;
  slack.Add(tally_.scheduling.deferrals);
  arguments.Add(tally_.resolution.deferrals);
  for (const SubmissionTally& shard : tally_.submission) spawn.Add(shard.deferrals);
  refusals.Add(tally_.sockets.deferrals[SocketTally::kRefusals]);
  full.Add(tally_.sockets.deferrals[SocketTally::kFull]);
  large.Add(tally_.sockets.deferrals[SocketTally::kLarge]);
  unread.Add(tally_.sockets.deferrals[SocketTally::kUnread]);
  tasks.out_of_reach = tally_.scheduling.out_of_reach.get();
  tasks.prefetched = tally_.scheduling.prefetched.get();
  for (const ExecutionTally& shard : tally_.execution) {
    tasks.held_up += shard.held_up.get();
    tasks.started += shard.started.get();
    tasks.host_deaths += shard.host_deaths.get();
    tasks.retried += shard.retried.get();
    tasks.aside += shard.aside.get();
    tasks.resting += shard.resting.get();
    disk.Add(shard.disk_deferrals);
    retry.Add(shard.retry_deferrals);
  }
  for (const PublicationTally& shard : tally_.publication) {
    AddCounters(tasks.ended, shard.ended);
    AddCounters(tasks.unsuccessful, shard.unsuccessful);
    tasks.late += shard.late.get();
    tasks.unmatched += shard.unmatched.get();
    AddCounters(tasks.wasted_ns, shard.wasted_ns);
    AddCounters(tasks.saved_ns, shard.saved_ns);
  }
  return tasks;
}

Observer::Counts Observer::CountsOf(const StageFigures& figures) {
  return {.arrived = figures.arrived,
          .left = figures.left,
          .shed = figures.shed(),
          .busy_ns = figures.busy_ns};
}

StageRates Observer::RatesSince(const Counts& before, const Counts& now, Nanos window) {
  const double seconds = std::chrono::duration<double>(window).count();
  const auto a_second = [&](std::uint64_t b, std::uint64_t n) {
    return static_cast<double>(Rise(b, n)) / seconds;
  };
  return {.in_per_s = a_second(before.arrived, now.arrived),
          .out_per_s = a_second(before.left, now.left),
          .shed_per_s = a_second(before.shed, now.shed),
          .utilisation = std::min(1.0, a_second(before.busy_ns, now.busy_ns) / 1e9)};
}

StageState Observer::Judge(const StageFigures& figures, Nanos window) {
  const bool nothing_left = figures.rates.out_per_s == 0;
  if (figures.queued > 0 && nothing_left && window >= kStalledAfter &&
      figures.oldest_age >= kStalledAfter) {
    return StageState::kStalled;
  }
  if (NearlyFull(figures.occupied(), figures.capacity) ||
      NearlyFull(figures.bytes, figures.capacity_bytes)) {
    return StageState::kSaturated;
  }
  if (figures.rates.shed_per_s > 0) return StageState::kShedding;
  const bool idle = figures.occupied() == 0 && figures.rates.in_per_s == 0 && nothing_left;
  return idle ? StageState::kIdle : StageState::kOk;
}

}  // namespace spillgate::admin
