#include "config/check_stages.h"

#include <algorithm>
#include <vector>

#include "config/sections.h"
#include "config/suggest.h"
#include "config/units.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

const Origin& StageOrigin(const Loaded& loaded, const StageName& stage, std::string_view key) {
  return OriginOf(loaded.origins, Format("stage.{}.{}", stage.name, key));
}

void CheckPoolOf(const Loaded& loaded, const StageName& stage, Problems& problems) {
  const std::string& pool = (loaded.config.stages.*stage.field).pool;
  const Origin& origin = StageOrigin(loaded, stage, "pool");
  if (pool == kExecPool) {
    problems.Add(origin, Format("stage.{}.pool = \"exec\": a stage there would wait behind running "
                                "functions; name another pool",
                                stage.name));
  } else if (!loaded.config.pools.contains(pool)) {
    std::vector<std::string> known;
    known.reserve(loaded.config.pools.size());
    for (const auto& [name, ignored] : loaded.config.pools) known.push_back(name);
    const std::string nearest = Nearest(pool, known);
    problems.Add(origin, Format("stage.{}.pool = {}: there is no [pool.{}]{}", stage.name,
                                Quote(pool), QuoteKey(pool),
                                nearest.empty() ? "" : Format(" (did you mean '{}'?)", nearest)));
  }
}

void CheckShards(const Loaded& loaded, const StageName& stage, Problems& problems) {
  const std::uint32_t shards = (loaded.config.stages.*stage.field).shards;
  if (!stage.serial || shards == 1) return;
  problems.Add(StageOrigin(loaded, stage, "shards"),
               Format("stage.{}.shards = {}: {} is serial, its state has one owner; set 1",
                      stage.name, shards, stage.name));
}

// A stage where tasks wait that others have to get past, or that may never refuse.
struct Roomy {
  const char* name;
  StageConfig StagesConfig::* field;
  const char* why;
};
constexpr Roomy kRoomy[] = {
    {"resolution", &StagesConfig::resolution,
     "what waits for room in the park must not stand before what makes its arguments"},
    {"scheduling", &StagesConfig::scheduling,
     "what had no room in the ready set would wait before it, whatever its class"},
    {"execution", &StagesConfig::execution,
     "tasks that wait for their children must not take the room that these need"},
    {"publication", &StagesConfig::publication, "what was accepted is always answered"},
};

// They have room for every accepted task: for those in flight, and for the spawn reserve.
void CheckRoom(const Loaded& loaded, const Roomy& stage, Problems& problems) {
  const StageConfig& settings = loaded.config.stages.*stage.field;
  const LimitsConfig& limits = loaded.config.limits;
  const auto report = [&](const char* key, const std::string& have, const char* flight,
                          const char* reserve, const std::string& need) {
    const std::string path = Format("stage.{}.{}", stage.name, key);
    const Origin& first = FirstSet(loaded.origins, path, flight);
    const bool set = first.source != Source::kDefault;
    problems.Add(set ? first : OriginOf(loaded.origins, reserve),
                 Format("{} = {}: less than {} + {} = {}; {}", path, have, flight, reserve, need,
                        stage.why));
  };
  const std::uint64_t tasks = std::uint64_t{limits.in_flight} + limits.spawn_reserve;
  if (settings.capacity < tasks) {
    report("capacity", Format("{}", settings.capacity), "limits.in_flight", "limits.spawn_reserve",
           Format("{}", tasks));
  }
  const Bytes bytes{limits.in_flight_bytes + limits.spawn_reserve_bytes};
  if (settings.bytes < bytes) {
    report("bytes", Quote(FormatBytes(settings.bytes)), "limits.in_flight_bytes",
           "limits.spawn_reserve_bytes", Quote(FormatBytes(bytes)));
  }
}

void CheckPublication(const Loaded& loaded, Problems& problems) {
  if (loaded.config.stages.publication.controller == ControllerKind::kNone) return;
  problems.Add(OriginOf(loaded.origins, "stage.publication.controller"),
               "stage.publication.controller: what was accepted is always answered, so only "
               "\"none\" will do");
}

// What has an answer only for new roots.
constexpr bool JudgesRoots(ControllerKind controller) {
  return controller >= ControllerKind::kWorkBound;
}

void CheckJudges(const Loaded& loaded, Problems& problems) {
  for (const StageName& stage : kStages) {
    if (stage.field == &StagesConfig::submission) continue;  // it refuses
    const StageConfig& settings = loaded.config.stages.*stage.field;
    const bool told = stage.field == &StagesConfig::publication;  // that it takes none at all
    if (!told && JudgesRoots(settings.controller)) {
      const std::string path = Format("stage.{}.controller", stage.name);
      const auto kind = static_cast<std::size_t>(settings.controller);
      problems.Add(OriginOf(loaded.origins, path),
                   Format("{}: \"{}\" judges new roots, so only stage.submission takes it; "
                          "\"deadline\" drops what is too late",
                          path, kControllerNames[kind]));
    }
    if (settings.target_delay != (StagesConfig().*stage.field).target_delay) {
      const std::string path = Format("stage.{}.target_delay", stage.name);
      problems.Add(OriginOf(loaded.origins, path),
                   Format("{}: it says how long what is let in may wait, and only stage.submission "
                          "lets anything in; set it there",
                          path));
    }
    if (settings.dry_run != DryRunKind::kOff) {
      const std::string path = Format("stage.{}.dry_run", stage.name);
      problems.Add(OriginOf(loaded.origins, path),
                   Format("{}: it counts what would be refused, and only stage.submission refuses; "
                          "set it there",
                          path));
    }
  }
}

// Beside these, a process has up to 192 threads that run tasks, and a few for its journal and
// pages; 256 in all (core/base/thread_index.h).
constexpr std::uint32_t kMostStageThreads = 48;

void CheckThreads(const Loaded& loaded, Problems& problems) {
  std::uint32_t all = 0;
  for (const auto& [name, pool] : loaded.config.pools) {
    if (name == kExecPool) continue;
    const std::string header = PathOf("pool", name);
    const Origin& origin = FirstSet(loaded.origins, header + ".threads", header);
    const std::uint32_t usable = UsableThreads(loaded.config, name);
    const std::uint32_t before = all;
    all += pool.threads.value_or(usable);
    if (before <= kMostStageThreads && all > kMostStageThreads) {
      problems.Add(origin,
                   Format("{}.threads: with it, the pools of stages have {} threads, and {} "
                          "is the most; give some fewer threads, or their stages fewer "
                          "shards",
                          header, all, kMostStageThreads));
    }
    if (usable == 0) {
      problems.Add(origin, Format("{}: no stage names this pool, so it can use 0 threads", header));
    } else if (pool.threads.value_or(1) > usable) {
      problems.Add(origin, Format("{}.threads = {}: its stages can use {}, the sum of their shards",
                                  header, *pool.threads, usable));
    }
  }
}

}  // namespace

std::uint32_t UsableThreads(const Config& config, const std::string& pool) {
  std::uint32_t shards = 0;
  for (const StageName& stage : kStages) {
    const StageConfig& settings = config.stages.*stage.field;
    if (settings.pool == pool) shards += settings.shards;
  }
  return pool == kLoopPool ? std::max(1U, shards) : shards;
}

void CheckStages(const Loaded& loaded, Problems& problems) {
  for (const StageName& stage : kStages) {
    CheckPoolOf(loaded, stage, problems);
    CheckShards(loaded, stage, problems);
  }
  for (const Roomy& stage : kRoomy) CheckRoom(loaded, stage, problems);
  CheckPublication(loaded, problems);
  CheckJudges(loaded, problems);
  CheckThreads(loaded, problems);
}

}  // namespace spillgate::config
