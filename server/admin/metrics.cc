#include "server/admin/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "server/admin/families.h"

namespace spillgate::admin {
namespace {

// Waits: 8 µs to 8.6 s, a factor of two where latency limits lie (131 µs to 134 ms) and of four
// outside.
constexpr std::array<int, 16> kWaitBuckets{13, 15, 17, 18, 19, 20, 21, 22,
                                           23, 24, 25, 26, 27, 29, 31, 33};
constexpr std::array<int, 5> kDeferralBuckets{20, 25, 30, 35, 40};  // 1 ms to 18 min
// Busy time an event: a fraction of a microsecond as a rule, seconds where functions run inline.
// Few, as each is a series for every stage and class.
constexpr std::array<int, 8> kServiceBuckets{8, 10, 12, 14, 17, 21, 26, 33};

double Seconds(Nanos nanos) {
  return std::chrono::duration<double>(nanos).count();
}
double Seconds(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e9;
}

// One gauge or counter for each stage: `read` takes StageFigures.
template <class Read>
void EachStage(Families& families, const Snapshot& snapshot, Read read) {
  for (const Stage& stage : snapshot.stages) families.Add({{"stage", stage.name}}, read(stage.all));
}

// The reasons that are always shown, and any other that has counted: sums must not lack something.
std::vector<Reason> Listed(std::vector<Reason> always, const CountByReason& counts) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto reason = static_cast<Reason>(i);
    const bool listed = std::find(always.begin(), always.end(), reason) != always.end();
    if (counts[i] > 0 && !listed) always.push_back(reason);
  }
  return always;
}

void StageGauges(Families& f, const Snapshot& s) {
  f.Gauge("stage_queue_depth", "Events in the inbox of the stage");
  EachStage(f, s, [](const StageFigures& x) { return x.queued; });
  f.Gauge("stage_held", "Events that the stage has taken and not yet emitted");
  EachStage(f, s, [](const StageFigures& x) { return x.held; });
  f.Gauge("stage_capacity", "Most events in the inbox and held together");
  EachStage(f, s, [](const StageFigures& x) { return x.capacity; });
  f.Gauge("stage_bytes", "Bytes of the events in the inbox and held");
  EachStage(f, s, [](const StageFigures& x) { return x.bytes; });
  f.Gauge("stage_capacity_bytes", "Most bytes in the inbox and held together");
  EachStage(f, s, [](const StageFigures& x) { return x.capacity_bytes; });
  f.Gauge("stage_oldest_event_age_seconds", "Time since the oldest event there arrived");
  EachStage(f, s, [](const StageFigures& x) { return Seconds(x.oldest_age); });
  f.Gauge("stage_retry_after_seconds", "What the controller tells those that are refused to wait");
  for (const Stage& stage : s.stages) {
    if (stage.name != kRefusingStage) continue;
    f.Add({{"stage", stage.name}}, Seconds(stage.all.retry_after));
  }
  f.Gauge("stage_shards", "Copies of the stage that run side by side");
  for (const Stage& stage : s.stages) f.Add({{"stage", stage.name}}, stage.shards.size());
}

void StageCounters(Families& f, const Snapshot& s) {
  f.Counter("stage_events_arrived_total", "Tasks that came to the stage");
  EachStage(f, s, [](const StageFigures& x) { return x.arrived; });
  f.Counter("stage_events_handled_total", "Tasks that left the stage");
  for (const Stage& stage : s.stages) {
    for (std::size_t c = 0; c < kClasses; ++c) {
      f.Add({{"stage", stage.name}, {"class", kClassNames[c]}}, stage.all.handled[c]);
    }
  }
  f.Counter("stage_events_kept_total", "Events that had to stay with the stage before");
  EachStage(f, s, [](const StageFigures& x) { return x.kept; });
  f.Counter("stage_events_dropped_total", "Doomed events that went to publication instead");
  EachStage(f, s, [](const StageFigures& x) { return x.dropped; });
  f.Counter("stage_fuses_blown_total",
            "Events kept for want of a place that was promised: a bug, unless a reload has just "
            "lowered a bound");
  EachStage(f, s, [](const StageFigures& x) { return x.fuses; });
  f.Counter("stage_batches_total", "Batches that the stage ran");
  EachStage(f, s, [](const StageFigures& x) { return x.batches; });
  f.Counter("stage_busy_seconds_total", "Time spent running batches");
  EachStage(f, s, [](const StageFigures& x) { return Seconds(x.busy_ns); });
  f.Counter("stage_events_refused_total", "Tasks that the stage refused");
  for (const Stage& stage : s.stages) {
    if (stage.name != kRefusingStage) continue;
    for (const Reason reason : Listed(RefusalReasons(), stage.all.refused)) {
      f.Add({{"stage", stage.name}, {"reason", ToString(reason)}},
            stage.all.refused[static_cast<std::size_t>(reason)]);
    }
  }
}

// Of the one that is on trial; what one before it had counted ends with it.
void DryRuns(Families& f, const Snapshot& s) {
  const auto is_on = [](const Stage& stage) { return !stage.dry_run.empty(); };
  if (std::none_of(s.stages.begin(), s.stages.end(), is_on)) return;
  f.Counter("controller_dry_run_refused_tasks_total",
            "Tasks that the controller on trial would have refused");
  for (const Stage& stage : s.stages) {
    if (stage.dry_run.empty()) continue;
    for (std::size_t c = 0; c < kClasses; ++c) {
      f.Add({{"stage", stage.name}, {"class", kClassNames[c]}, {"controller", stage.dry_run}},
            stage.all.dry_run_refused[c]);
    }
  }
}

void StageHistograms(Families& f, const Snapshot& s) {
  f.Histogram("stage_wait_seconds", "From the arrival of a task at the stage to its emission");
  for (const Stage& stage : s.stages) {
    for (std::size_t c = 0; c < kClasses; ++c) {
      f.Add({{"stage", stage.name}, {"class", kClassNames[c]}}, stage.all.wait[c], kWaitBuckets);
    }
  }
  f.Histogram("stage_service_seconds", "Busy time of the stage for each task");
  for (const Stage& stage : s.stages) {
    for (std::size_t c = 0; c < kClasses; ++c) {
      f.Add({{"stage", stage.name}, {"class", kClassNames[c]}}, stage.all.service[c],
            kServiceBuckets);
    }
  }
}

void Pools(Families& f, const Snapshot& s) {
  f.Gauge("pool_threads", "Threads that serve the stages of the pool");
  for (const PoolFigures& pool : s.pools) {
    f.Add({{"pool", pool.name}}, std::uint64_t{pool.threads});
  }
  f.Counter("pool_busy_seconds_total", "Time that those threads spent running stages");
  for (const PoolFigures& pool : s.pools) f.Add({{"pool", pool.name}}, Seconds(pool.busy_ns));
}

void Deferrals(Families& f, const TaskFigures& t) {
  f.Counter("deferrals_total",
            "Tasks that waited for a millisecond at least, and times that connections were not "
            "read (socket_*): what for, and how it ended");
  for (std::size_t reason = 0; reason < kDeferralReasons.size(); ++reason) {
    for (std::size_t how = 0; how < kDeferralOutcomes.size(); ++how) {
      f.Add({{"reason", kDeferralReasons[reason]}, {"outcome", kDeferralOutcomes[how]}},
            t.deferrals[reason].outcomes[how]);
    }
  }
  f.Histogram("deferral_seconds", "How long they waited");
  for (std::size_t reason = 0; reason < kDeferralReasons.size(); ++reason) {
    f.Add({{"reason", kDeferralReasons[reason]}}, t.deferrals[reason].ages, kDeferralBuckets);
  }
  f.Gauge("tasks_aside", "Tasks that left their slots until a disk that stands still works",
          t.aside);
  f.Gauge("tasks_resting", "Tasks that wait to run again after the death of their worker",
          t.resting);
}

void Tasks(Families& f, const Snapshot& s) {
  const TaskFigures& t = s.tasks;
  f.Counter("tasks_accepted_total", "Tasks accepted");
  for (std::size_t c = 0; c < kClasses; ++c) f.Add({{"class", kClassNames[c]}}, t.accepted[c]);
  f.Counter("roots_refused_total", "Roots refused as there was no room or no time for them");
  for (std::size_t c = 0; c < kClasses; ++c) {
    f.Add({{"class", kClassNames[c]}}, t.roots_refused[c]);
  }
  f.Counter("tasks_repeated_total", "Tasks submitted again that were known already", t.repeated);
  f.Counter("tasks_parked_total", "Tasks that had to wait in the park", t.parked);
  Deferrals(f, t);
  f.Counter("tasks_out_of_reach_total", "Tasks dropped as they could not end by their deadline",
            t.out_of_reach);
  f.Counter("tasks_prefetched_total", "Tasks placed before a slot was free for them", t.prefetched);
  f.Counter("tasks_held_up_total",
            "Prefetched tasks that were placed anew, as their turn came late", t.held_up);
  f.Counter("task_runs_total", "Runs begun, first and further ones", t.started);
  f.Counter("task_runs_died_total", "Runs that ended with their worker", t.host_deaths);
  f.Counter("tasks_retried_total", "Runs that followed one that died", t.retried);
  f.Counter("tasks_finished_total", "Tasks that ended, by how");
  for (std::size_t fate = 1; fate < kFates; ++fate) {
    f.Add({{"outcome", ToString(static_cast<Fate>(fate))}}, t.ended[fate]);
  }
  f.Counter("tasks_unsuccessful_total", "Tasks that ended without a result, by why");
  for (const Reason reason : Listed(FailureReasons(), t.unsuccessful)) {
    f.Add({{"reason", ToString(reason)}}, t.unsuccessful[static_cast<std::size_t>(reason)]);
  }
  f.Counter("task_outcomes_late_total", "Cancels and expiries that came after another outcome",
            t.late);
  f.Counter("spawns_waited_total", "Times that spawns had to wait for room", t.spawns_waited);
  f.Gauge("spawns_waiting", "Tasks of spawns that wait for room", t.spawns_waiting);
  f.Gauge("spawns_waiting_bytes", "Bytes of their frames", t.spawns_waiting_bytes);
  f.Gauge("spawns_oldest_age_seconds", "Time since the spawn came that waits longest",
          Seconds(t.spawns_oldest_age));
  f.Counter("spawns_from_reserve_total", "Spawns that the reserve took in", t.from_reserve);
  f.Counter("spawns_unmatched_total",
            "Children of earlier runs that their task's last run did not spawn: cancelled",
            t.unmatched);
  f.Counter("work_wasted_seconds_total", "Slot time of roots that were not done in time");
  for (std::size_t c = 0; c < kClasses; ++c) {
    f.Add({{"class", kClassNames[c]}}, Seconds(t.wasted_ns[c]));
  }
  f.Counter("work_saved_seconds_total",
            "Slot time, as learned, of tasks that were dropped before they began");
  for (std::size_t c = 0; c < kClasses; ++c) {
    f.Add({{"class", kClassNames[c]}}, Seconds(t.saved_ns[c]));
  }
}

// NAME, NAME_limit, NAME_bytes and NAME_limit_bytes.
void Bound(Families& f, const std::string& name, const std::string& what, const Use& use) {
  f.Gauge(name, what, use.count);
  f.Gauge(name + "_limit", "Most " + what, use.count_limit);
  f.Gauge(name + "_bytes", "Bytes of " + what, use.bytes);
  f.Gauge(name + "_limit_bytes", "Most bytes of " + what, use.bytes_limit);
}

void Bounds(Families& f, const Snapshot& s) {
  const NodeFigures& n = s.node;
  Bound(f, "tasks_in_flight", "tasks accepted and not yet ended", n.in_flight);
  Bound(f, "tasks_parked", "tasks that wait in the park", n.park);
  f.Gauge("tasks_deferred", "Tasks that wait behind those that cannot wait as long");
  for (std::size_t c = 0; c < kClasses; ++c) {
    f.Add({{"class", kClassNames[c]}, {"reason", "slack"}}, n.deferred[c]);
  }
  f.Gauge("park_oldest_age_seconds", "Time since the task longest there was parked",
          Seconds(s.park_oldest_age));
  Bound(f, "spawn_reserve", "tasks on the spawn reserve", n.spawn_reserve);
  f.Gauge("values_bytes", "Bytes of results and puts that are kept", n.value_bytes);
  f.Gauge("values_limit_bytes", "Most of them, beyond which no large value is taken",
          n.value_bytes_limit);
  f.Gauge("connections", "Open connections", n.connections);
  f.Gauge("connections_limit", "Most open connections", n.connections_limit);
  f.Counter("connection_rests_total", "Times that one was not read, as it was refused too much",
            n.connection_rests);
  f.Gauge("connections_not_read", "Connections that are not read now, as those of socket_* are",
          n.connections_not_read);
  f.Gauge("sessions", "Sessions that are known", n.sessions);
  f.Gauge("records", "Tasks whose outcome is kept or awaited", n.records);
  f.Gauge("requests", "Gets and waits that are not answered yet", n.requests);
}

void Hosts(Families& f, const Snapshot& s) {
  const auto states = [&](const HostFigures& h) {
    f.Add({{"state", "starting"}}, h.starting);
    f.Add({{"state", "idle"}}, h.idle);
    f.Add({{"state", "busy"}}, h.busy);
    f.Add({{"state", "blocked"}}, h.blocked);
  };
  f.Gauge("threads", "Threads that run native functions");
  states(s.node.threads);
  f.Gauge("workers", "Worker processes");
  states(s.node.workers);
  f.Gauge("workers_limit", "Most worker processes", s.node.workers.limit);
  f.Counter("worker_starts_total", "Worker processes started", s.node.workers.started);
  f.Counter("worker_deaths_total", "Worker processes that died unasked", s.node.workers.died);
  f.Gauge("extra_slots", "CPU slots beyond those of the node while its CPUs are idle");
  f.Add({{"state", "given"}}, s.node.slots.extra);
  f.Add({{"state", "useful"}}, s.node.slots.useful);
  f.Gauge("functions_limited", "Functions whose slots are limited by what their runs bring",
          s.node.slots.limited_functions);
  if (s.node.resources.empty()) return;
  f.Gauge("resource_units", "Resources of the node: cpu and gpu in units, memory in bytes");
  for (const ResourceFigures& resource : s.node.resources) {
    f.Add({{"resource", resource.name}, {"state", "total"}}, resource.total);
    f.Add({{"resource", resource.name}, {"state", "free"}}, resource.free);
  }
}

void JournalAndNode(Families& f, const Snapshot& s) {
  const JournalFigures& j = s.node.journal;
  f.Gauge("journal_accepting", "1 while the journal takes new work", double(j.accepting));
  f.Counter("journal_written_records_total", "Records written to the file", j.written);
  f.Counter("journal_syncs_total", "Times that what was written was synced to the disk", j.syncs);
  f.Gauge("journal_buffered_bytes", "Bytes not yet written", j.buffered_bytes);
  f.Gauge("journal_disk_bytes", "Size of the journal's files", j.disk_bytes);
  f.Gauge("journal_stands", "1 while a sync takes so long that tasks leave their slots",
          double(j.stands));
  f.Counter("journal_errors_total", "Failed writes and syncs", j.errors);

  f.Gauge("build_info", "1; the label says what this node runs");
  f.Add({{"version", s.version}}, 1.0);
  f.Gauge("ready", "1 while the node takes new work", double(s.ready()));
  f.Gauge("draining", "1 while the node only finishes what it has", double(s.node.draining));
  f.Gauge("uptime_seconds", "Time since the node started", Seconds(s.uptime));
  f.Counter("config_generation_total", "Configurations that have taken effect",
            s.node.config_generation);
  f.Gauge("config_last_reload_successful", "0 when the last reload was refused",
          double(s.node.last_reload_ok));
  f.Gauge("process_start_time_seconds", "When the process started, since 1970",
          s.process.start_time_s);
  f.Counter("process_cpu_seconds_total", "CPU time of the process", s.process.cpu_s);
  f.Gauge("process_resident_memory_bytes", "Memory of the process that is in use",
          s.process.resident_bytes);
}

}  // namespace

std::vector<prometheus::MetricFamily> Metrics::Collect() const {
  const Snapshot snapshot = take_();
  Families families;
  StageGauges(families, snapshot);
  StageCounters(families, snapshot);
  DryRuns(families, snapshot);
  StageHistograms(families, snapshot);
  Pools(families, snapshot);
  Tasks(families, snapshot);
  Bounds(families, snapshot);
  Hosts(families, snapshot);
  JournalAndNode(families, snapshot);
  return families.Take();
}

std::string Metrics::Text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, Collect());
  return std::move(out).str();
}

}  // namespace spillgate::admin
