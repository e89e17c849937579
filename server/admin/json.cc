#include "server/admin/json.h"

#include "core/base/format.h"
#include "core/base/json.h"

namespace spillgate::admin {
namespace {

double Micros(Nanos nanos) {
  return std::chrono::duration<double, std::micro>(nanos).count();
}

// Names may come from a config file in any encoding; what is not UTF-8 is replaced.
std::string Text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json ToJson(const Durations& durations) {
  const std::uint64_t count = durations.count();
  const double mean =
      count == 0 ? 0.0 : static_cast<double>(durations.sum_ns) / 1e3 / static_cast<double>(count);
  return {{"n", count},
          {"mean", mean},
          {"p50", Micros(durations.Quantile(0.50))},
          {"p90", Micros(durations.Quantile(0.90))},
          {"p99", Micros(durations.Quantile(0.99))}};
}

// All classes together, then each.
Json ToJson(const std::array<Durations, kClasses>& by_class) {
  Durations all;
  for (const Durations& durations : by_class) all.Add(durations);
  Json json = ToJson(all);
  for (std::size_t c = 0; c < kClasses; ++c) {
    json["by_class"][std::string(kClassNames[c])] = ToJson(by_class[c]);
  }
  return json;
}

Json ToJson(const CountByClass& counts) {
  Json json = Json::object();
  for (std::size_t c = 0; c < kClasses; ++c) json[std::string(kClassNames[c])] = counts[c];
  return json;
}

// Only those that happened: who looks for one that is absent takes it for zero.
Json ToJson(const CountByReason& counts) {
  Json json = Json::object();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) json[std::string(ToString(static_cast<Reason>(i)))] = counts[i];
  }
  return json;
}

Json ToJson(const StageFigures& figures) {
  return {{"state", ToString(figures.state)},
          {"depth", figures.queued},
          {"held", figures.held},
          {"occupied", figures.occupied()},
          {"capacity", figures.capacity},
          {"bytes", figures.bytes},
          {"capacity_bytes", figures.capacity_bytes},
          {"oldest_us", Micros(figures.oldest_age)},
          {"arrived", figures.arrived},
          {"handled", figures.handled_in_all()},
          {"handled_by_class", ToJson(figures.handled)},
          {"kept", figures.kept},
          {"dropped", figures.dropped},
          {"fuses", figures.fuses},
          {"refused", figures.refused_in_all()},
          {"refused_by_reason", ToJson(figures.refused)},
          {"batches", figures.batches},
          {"batch_most", figures.batch_most},
          {"batch_fits", figures.batch_fits},
          {"busy_us", static_cast<double>(figures.busy_ns) / 1e3},
          {"in_per_s", figures.rates.in_per_s},
          {"out_per_s", figures.rates.out_per_s},
          {"shed_per_s", figures.rates.shed_per_s},
          {"utilisation", figures.rates.utilisation},
          {"dry_run_refused_by_class", ToJson(figures.dry_run_refused)},
          {"admits_up_to", figures.admits_up_to},
          {"retry_after_us", Micros(figures.retry_after)},
          {"wait_us", ToJson(figures.wait)},
          {"service_us", ToJson(figures.service)}};
}

Json ToJson(const Stage& stage) {
  Json json = {{"stage", stage.name}, {"controller", stage.controller}, {"dry_run", stage.dry_run}};
  json.update(ToJson(stage.all));
  json["shards"] = Json::array();
  for (const StageFigures& shard : stage.shards) json["shards"].push_back(ToJson(shard));
  return json;
}

Json ToJson(const Use& use) {
  return {{"count", use.count},
          {"count_limit", use.count_limit},
          {"bytes", use.bytes},
          {"bytes_limit", use.bytes_limit}};
}

Json ToJson(const HostFigures& hosts) {
  return {{"starting", hosts.starting}, {"idle", hosts.idle},   {"busy", hosts.busy},
          {"blocked", hosts.blocked},   {"limit", hosts.limit}, {"started", hosts.started},
          {"died", hosts.died}};
}

std::string_view Name(Level level) {
  switch (level) {
    case Level::kNone: return "none";
    case Level::kAsync: return "async";
    case Level::kSync: return "sync";
  }
  return "unknown";
}

Json ToJson(const JournalFigures& journal) {
  return {{"level_max", Name(journal.level_max)},
          {"accepting", journal.accepting},
          {"why_not", journal.why_not},
          {"written", journal.written},
          {"syncs", journal.syncs},
          {"buffered_bytes", journal.buffered_bytes},
          {"buffer_limit", journal.buffer_limit},
          {"disk_bytes", journal.disk_bytes},
          {"stands", journal.stands},
          {"errors", journal.errors}};
}

Json SecondsByClass(const CountByClass& ns) {
  Json json = Json::object();
  for (std::size_t c = 0; c < kClasses; ++c) {
    json[std::string(kClassNames[c])] = static_cast<double>(ns[c]) / 1e9;
  }
  return json;
}

Json ToJson(const DeferralFigures& deferrals) {
  Json json;
  for (std::size_t how = 0; how < kDeferralOutcomes.size(); ++how) {
    json[std::string(kDeferralOutcomes[how])] = deferrals.outcomes[how];
  }
  json["p50_us"] = Micros(deferrals.ages.Quantile(0.5));
  json["p99_us"] = Micros(deferrals.ages.Quantile(0.99));
  return json;
}

Json ToJson(const TaskFigures& tasks) {
  Json ended = Json::object();
  for (std::size_t fate = 1; fate < kFates; ++fate) {
    ended[std::string(ToString(static_cast<Fate>(fate)))] = tasks.ended[fate];
  }
  std::uint64_t accepted = 0;
  for (const std::uint64_t count : tasks.accepted) accepted += count;
  Json deferred;
  for (std::size_t reason = 0; reason < kDeferralReasons.size(); ++reason) {
    deferred[std::string(kDeferralReasons[reason])] = ToJson(tasks.deferrals[reason]);
  }
  return {{"accepted", accepted},
          {"accepted_by_class", ToJson(tasks.accepted)},
          {"roots_refused_by_class", ToJson(tasks.roots_refused)},
          {"repeated", tasks.repeated},
          {"parked", tasks.parked},
          {"deferred", std::move(deferred)},
          {"out_of_reach", tasks.out_of_reach},
          {"prefetched", tasks.prefetched},
          {"held_up", tasks.held_up},
          {"spawns_waited", tasks.spawns_waited},
          {"spawns_waiting", tasks.spawns_waiting},
          {"spawns_waiting_bytes", tasks.spawns_waiting_bytes},
          {"spawns_oldest_us", Micros(tasks.spawns_oldest_age)},
          {"from_reserve", tasks.from_reserve},
          {"runs", tasks.started},
          {"runs_died", tasks.host_deaths},
          {"retried", tasks.retried},
          {"aside", tasks.aside},
          {"resting", tasks.resting},
          {"ended", ended},
          {"unsuccessful_by_reason", ToJson(tasks.unsuccessful)},
          {"late_outcomes", tasks.late},
          {"wasted_seconds_by_class", SecondsByClass(tasks.wasted_ns)},
          {"saved_seconds_by_class", SecondsByClass(tasks.saved_ns)},
          {"spawns_unmatched", tasks.unmatched}};
}

Json Heading(const Snapshot& snapshot, const char* schema) {
  return {{"schema", schema},
          {"node", snapshot.node_name},
          {"version", snapshot.version},
          {"epoch", Format("{:016x}", snapshot.epoch)},
          {"uptime_s", std::chrono::duration<double>(snapshot.uptime).count()},
          {"ready", snapshot.ready()},
          {"why_not_ready", snapshot.why_not_ready()}};
}

}  // namespace

std::string StagesJson(const Snapshot& snapshot) {
  Json json = Heading(snapshot, "spillgate.stages/1");
  json["stages"] = Json::array();
  for (const Stage& stage : snapshot.stages) json["stages"].push_back(ToJson(stage));
  json["pools"] = Json::array();
  for (const PoolFigures& pool : snapshot.pools) {
    json["pools"].push_back({{"pool", pool.name},
                             {"threads", pool.threads},
                             {"busy_us", static_cast<double>(pool.busy_ns) / 1e3}});
  }
  const SlotFigures& slots = snapshot.node.slots;
  json["slots"] = {{"extra", slots.extra},
                   {"extra_useful", slots.useful},
                   {"extra_most", slots.most},
                   {"limited_functions", slots.limited_functions}};
  return Text(json);
}

std::string StatusJson(const Snapshot& snapshot) {
  const NodeFigures& node = snapshot.node;
  Json json = Heading(snapshot, "spillgate.status/1");
  json["draining"] = node.draining;
  json["connections"] = node.connections;
  json["connections_limit"] = node.connections_limit;
  json["connection_rests"] = node.connection_rests;
  json["connections_not_read"] = node.connections_not_read;
  json["sessions"] = node.sessions;
  json["records"] = node.records;
  json["requests"] = node.requests;
  json["in_flight"] = ToJson(node.in_flight);
  json["deferred_by_class"] = ToJson(node.deferred);
  json["park"] = ToJson(node.park);
  json["park"]["oldest_us"] = Micros(snapshot.park_oldest_age);
  json["spawn_reserve"] = ToJson(node.spawn_reserve);
  json["values"] = {{"bytes", node.value_bytes}, {"bytes_limit", node.value_bytes_limit}};
  json["tasks"] = ToJson(snapshot.tasks);
  json["threads"] = ToJson(node.threads);
  json["workers"] = ToJson(node.workers);
  json["journal"] = ToJson(node.journal);
  json["resources"] = Json::object();
  for (const ResourceFigures& resource : node.resources) {
    json["resources"][resource.name] = {{"total", resource.total}, {"free", resource.free}};
  }
  json["config"] = {{"generation", node.config_generation},
                    {"last_reload_ok", node.last_reload_ok}};
  json["process"] = {{"cpu_s", snapshot.process.cpu_s},
                     {"resident_bytes", snapshot.process.resident_bytes}};
  return Text(json);
}

std::string StatsJson(const Snapshot& snapshot, std::string_view what) {
  if (what == "stages") return StagesJson(snapshot);
  if (what == "status") return StatusJson(snapshot);
  return Text({{"error", Format("there are no statistics called '{}': ask for 'stages' or "
                                "'status'",
                                what.substr(0, 64))}});
}

}  // namespace spillgate::admin
