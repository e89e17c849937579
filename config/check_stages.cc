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

// Publication may never refuse: what was accepted has its place there from the start.
void CheckPublication(const Loaded& loaded, Problems& problems) {
  const StageConfig& publication = loaded.config.stages.publication;
  const LimitsConfig& limits = loaded.config.limits;
  const auto check = [&](const char* key, const char* limit, const std::string& have,
                         const std::string& need) {
    const std::string path = Format("stage.publication.{}", key);
    problems.Add(FirstSet(loaded.origins, path, limit),
                 Format("{} = {}: less than {} = {}; publication must have room for every task in "
                        "flight",
                        path, have, limit, need));
  };
  if (publication.capacity < limits.in_flight) {
    check("capacity", "limits.in_flight", Format("{}", publication.capacity),
          Format("{}", limits.in_flight));
  }
  if (publication.bytes < limits.in_flight_bytes) {
    check("bytes", "limits.in_flight_bytes", Quote(FormatBytes(publication.bytes)),
          Quote(FormatBytes(limits.in_flight_bytes)));
  }
  if (publication.controller != ControllerKind::kNone) {
    problems.Add(OriginOf(loaded.origins, "stage.publication.controller"),
                 "stage.publication.controller: what was accepted is always answered, so only "
                 "\"none\" will do");
  }
}

void CheckThreads(const Loaded& loaded, Problems& problems) {
  for (const auto& [name, pool] : loaded.config.pools) {
    if (name == kExecPool) continue;
    const std::string header = PathOf("pool", name);
    const Origin& origin = FirstSet(loaded.origins, header + ".threads", header);
    const std::uint32_t usable = UsableThreads(loaded.config, name);
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
  CheckPublication(loaded, problems);
  CheckThreads(loaded, problems);
}

}  // namespace spillgate::config
