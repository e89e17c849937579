#include "config/check.h"

#include <map>
#include <string>

#include "config/address.h"
#include "config/check_stages.h"
#include "config/paths.h"
#include "config/sections.h"
#include "config/units.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

void CheckUnixPath(const Loaded& loaded, Problems& problems) {
  const std::string& path = loaded.config.listen.unix_path;
  if (path.size() <= kMostSocketPath) return;
  problems.Add(OriginOf(loaded.origins, "listen.unix"),
               Format("listen.unix has {} bytes; the system takes at most {} in the path of a "
                      "socket",
                      path.size(), kMostSocketPath));
}

void CheckAddresses(const Loaded& loaded, Problems& problems) {
  const ListenConfig& listen = loaded.config.listen;
  const bool has_tokens = !loaded.config.auth.token_file.empty();
  std::map<std::uint16_t, std::string> taken;
  for (const auto& [key, text] :
       {std::pair("listen.tcp", &listen.tcp), std::pair("listen.admin", &listen.admin),
        std::pair("listen.peer", &listen.peer)}) {
    const std::optional<Address> address = ParseAddress(*text);
    if (!address) continue;
    const Origin& origin = OriginOf(loaded.origins, key);
    if (!address->IsLoopback() && !has_tokens) {
      problems.Add(origin, Format("{} = {}: beyond loopback, anyone could run code here; set "
                                  "auth.token_file, or listen on 127.0.0.1",
                                  key, Quote(*text)));
    }
    if (address->port == 0) continue;
    const auto [other, free] = taken.try_emplace(address->port, key);
    if (free) continue;
    problems.Add(FirstSet(loaded.origins, key, other->second),
                 Format("{} = {}: {} has this port already", key, Quote(*text), other->second));
  }
}

struct Shown {
  const char* key;
  std::string value;
};

Shown Of(const char* key, std::uint32_t count) {
  return {key, Format("{}", count)};
}
Shown Of(const char* key, Bytes bytes) {
  return {key, Quote(FormatBytes(bytes))};
}
Shown Of(const char* key, Nanos duration) {
  return {key, Quote(FormatDuration(duration))};
}

// Reports that two settings contradict each other, unless `holds`.
void Demand(bool holds, const Loaded& loaded, Problems& problems, const Shown& a, const Shown& b,
            const char* why) {
  if (holds) return;
  problems.Add(FirstSet(loaded.origins, a.key, b.key),
               Format("{} = {} with {} = {}: {}", a.key, a.value, b.key, b.value, why));
}

void CheckLimits(const Loaded& loaded, Problems& problems) {
  const LimitsConfig& limits = loaded.config.limits;
  Demand(limits.connections_reserved < limits.connections, loaded, problems,
         Of("limits.connections_reserved", limits.connections_reserved),
         Of("limits.connections", limits.connections), "none would be left for others");
  Demand(limits.inline_value <= limits.frame_payload, loaded, problems,
         Of("limits.inline_value", limits.inline_value),
         Of("limits.frame_payload", limits.frame_payload), "no frame could carry such a value");
}

void CheckWorkers(const Loaded& loaded, Problems& problems) {
  const WorkersConfig& workers = loaded.config.workers;
  const std::uint32_t most = workers.max.value_or(workers.prestart);
  Demand(workers.prestart <= most, loaded, problems, Of("workers.prestart", workers.prestart),
         Of("workers.max", most), "so many may not run");
  Demand(workers.retry_backoff <= workers.retry_backoff_max, loaded, problems,
         Of("workers.retry_backoff", workers.retry_backoff),
         Of("workers.retry_backoff_max", workers.retry_backoff_max),
         "the first wait must not be longer than the longest");
}

// A record is written whole: its task's frame has to pass through the buffer and lie in one
// segment.
constexpr Bytes kRecordOverhead = KiB(64);

void CheckJournal(const Loaded& loaded, Problems& problems) {
  const JournalConfig& journal = loaded.config.journal;
  const LimitsConfig& limits = loaded.config.limits;
  if (journal.level_max == Level::kNone) return;
  const Shown buffer = Of("journal.buffer", journal.buffer);
  Demand(limits.frame_payload + limits.frame_body + kRecordOverhead <= journal.buffer, loaded,
         problems, Of("limits.frame_payload", limits.frame_payload), buffer,
         "the largest task could never be journaled; the buffer must exceed it by 128KiB");
  Demand(journal.buffer <= journal.segment, loaded, problems, buffer,
         Of("journal.segment", journal.segment), "a full buffer has to fit into one segment");
  Demand(journal.linger <= journal.sync_interval, loaded, problems,
         Of("journal.linger", journal.linger), Of("journal.sync_interval", journal.sync_interval),
         "the wait for more records must end before the sync is due");
}

void CheckShares(const Loaded& loaded, Problems& problems) {
  std::uint32_t sum = 0;
  const Origin* last =
      &OriginOf(loaded.origins, "");  // of the shares, the one set last is to blame
  for (std::size_t i = 0; i < kClasses; ++i) {
    const Origin& origin = OriginOf(loaded.origins, Format("class.{}.share", kClassNames[i]));
    if (origin.source >= last->source && origin.at >= last->at) last = &origin;
    sum += loaded.config.classes[i].share;
  }
  if (sum <= 100) return;
  problems.Add(*last, Format("class.NAME.share: the shares of all classes add up to {} percent; at "
                             "most 100 can be promised",
                             sum));
}

void CheckTenants(const Loaded& loaded, Problems& problems) {
  std::map<std::uint32_t, std::string> owners;
  for (const auto& [name, tenant] : loaded.config.tenants) {
    for (const std::uint32_t uid : tenant.uids) {
      const auto [owner, added] = owners.try_emplace(uid, name);
      if (added || owner->second == name) continue;
      const std::string path = PathOf("tenant", name) + ".uids";
      problems.Add(
          OriginOf(loaded.origins, path),
          Format("{}: user {} belongs to tenant {} already", path, uid, Quote(owner->second)));
    }
  }
}

void CheckFunctions(const Loaded& loaded, Problems& problems) {
  const Amounts& known = loaded.config.node.resources.custom;
  for (const auto& [name, function] : loaded.config.functions) {
    for (const auto& [resource, amount] : function.custom) {
      if (known.contains(resource)) continue;
      const std::string path = PathOf("function", name) + ".custom";
      problems.Add(OriginOf(loaded.origins, path),
                   Format("{}.{}: this node has no such resource; name it in node.resources", path,
                          QuoteKey(resource)));
    }
  }
}

void CheckLibraries(const Loaded& loaded, Problems& problems) {
  for (const auto& [name, library] : loaded.config.libraries) {
    if (!library.path.empty()) continue;
    const std::string header = PathOf("library", name);
    problems.Add(FirstSet(loaded.origins, header + ".path", header),
                 Format("{}.path is missing: the absolute path of the shared library", header));
  }
}

}  // namespace

void Check(const Loaded& loaded, Problems& problems) {
  CheckUnixPath(loaded, problems);
  CheckAddresses(loaded, problems);
  CheckLimits(loaded, problems);
  CheckWorkers(loaded, problems);
  CheckJournal(loaded, problems);
  CheckStages(loaded, problems);
  CheckShares(loaded, problems);
  CheckTenants(loaded, problems);
  CheckFunctions(loaded, problems);
  CheckLibraries(loaded, problems);
}

}  // namespace spillgate::config
