#include "server/figures.h"

#include <algorithm>

namespace spillgate {
namespace {

admin::JournalFigures JournalOf(const journal::Log& log, const config::JournalConfig& config) {
  const JournalState state = log.State();
  const journal::WriterStats stats = log.Stats();
  return {.level_max = config.level_max,
          .accepting = state.accepting,
          .why_not = state.why_not,
          .written = stats.records,
          .syncs = stats.syncs,
          .buffered_bytes = static_cast<std::int64_t>(log.buffered_bytes()),
          .buffer_limit = static_cast<std::int64_t>(config.buffer.count),
          .disk_bytes = static_cast<std::int64_t>(stats.log_bytes),
          .errors = stats.failures};
}

admin::HostFigures Of(const HostCounts& counts) {
  return {.starting = counts.starting,
          .idle = counts.idle,
          .busy = counts.busy,
          .blocked = counts.blocked,
          .limit = counts.limit,
          .started = counts.started,
          .died = counts.died};
}

}  // namespace

admin::NodeFigures CollectFigures(const FigureSources& sources) {
  Shared& shared = sources.node.shared();
  admin::NodeFigures figures;
  figures.draining = shared.signals.draining.load(std::memory_order_relaxed);
  figures.accepting = !figures.draining;
  if (figures.draining) figures.why_not = "it is draining: no new work is taken";
  figures.connections = static_cast<std::int64_t>(sources.listener.connections());
  figures.connections_limit = sources.config.limits.connections;
  figures.connection_rests = sources.listener.rests();
  figures.connections_not_read = shared.tally.sockets.not_read.get();
  {
    MutexLock lock(shared.table.mutex());
    figures.sessions = static_cast<std::int64_t>(shared.table.sessions().size());
    figures.records = static_cast<std::int64_t>(shared.table.records());
    figures.requests = static_cast<std::int64_t>(shared.table.requests());
    figures.value_bytes = static_cast<std::int64_t>(shared.table.value_bytes());
  }
  figures.value_bytes_limit = static_cast<std::int64_t>(sources.config.limits.value_heap.count);
  figures.in_flight = admin::Use::Of(shared.in_flight);
  figures.spawn_reserve = admin::Use::Of(shared.spawn_reserve);
  const Gauges& gauges = shared.gauges;
  figures.park = {.count = gauges.parked.load(std::memory_order_relaxed),
                  .count_limit = sources.config.limits.park,
                  .bytes = gauges.parked_bytes.load(std::memory_order_relaxed),
                  .bytes_limit = static_cast<std::int64_t>(sources.config.limits.park_bytes.count)};
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    const auto waiting = shared.account.At(static_cast<TaskClass>(cls)).patient.get();
    figures.deferred[cls] = static_cast<std::uint64_t>(std::max<std::int64_t>(0, waiting));
  }
  figures.park_oldest = Instant(Nanos(gauges.park_oldest_ns.load(std::memory_order_relaxed)));
  Resources free;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    free.amount[kind] = gauges.free[kind].load(std::memory_order_relaxed);
  }
  figures.resources =
      admin::ListResources(sources.node.offered().amounts, free, sources.node.offered().names);
  figures.slots = {.extra = gauges.extra_slots.load(std::memory_order_relaxed),
                   .useful = gauges.extra_slots_useful.load(std::memory_order_relaxed),
                   .most = sources.node.most_extra_slots(),
                   .limited_functions = gauges.limited_functions.load(std::memory_order_relaxed)};
  figures.threads = Of(sources.hosts.thread_counts());
  figures.workers = Of(sources.hosts.worker_counts());
  figures.config_generation = sources.config_generation;
  figures.last_reload_ok = sources.last_reload_ok;
  if (sources.log != nullptr) figures.journal = JournalOf(*sources.log, sources.config.journal);
  figures.journal.stands = shared.signals.disk_stands.load(std::memory_order_relaxed) > 0;
  if (!figures.journal.accepting && figures.why_not.empty()) {
    figures.why_not = "the journal takes no new work: " + figures.journal.why_not;
  }
  return figures;
}

}  // namespace spillgate
