#include "client/cli/status_table.h"

#include "client/cli/figures.h"
#include "client/cli/figures_json.h"
#include "client/cli/report.h"
#include "client/cli/table.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

// "12 of 65536", "1.2MiB of 256MiB"; "" if it is not there. Of nothing is of no limit.
std::string Used(const Json& json, Path used, Path limit, std::string (*format)(double)) {
  const auto number = NumberAt(json, used);
  if (!number.has_value()) return "";
  const double most = NumberAt(json, limit).value_or(0);
  return most > 0 ? Format("{} of {}", format(*number), format(most)) : format(*number);
}

std::string Use(const Json& json, std::string_view what) {
  const std::string count = Used(json, {what, "count"}, {what, "count_limit"}, FormatAmount);
  const std::string bytes = Used(json, {what, "bytes"}, {what, "bytes_limit"}, FormatSize);
  return count.empty() || bytes.empty() ? count + bytes : count + ", " + bytes;
}

// "3 busy, 1 idle": the numbers of `keys` that are there, and not zero unless they all are.
std::string Counts(const Json& json, Path keys) {
  std::string text;
  std::string zero;
  for (const std::string_view key : keys) {
    const auto number = NumberAt(json, {key});
    if (!number.has_value()) continue;
    const std::string one = Format("{} {}", FormatAmount(*number), key);
    if (zero.empty()) zero = one;
    if (*number > 0) text += (text.empty() ? "" : ", ") + one;
  }
  return text.empty() ? zero : text;
}

std::string State(const Json& figures) {
  if (Find(figures, {"ready"}) == nullptr) return "";
  if (IsTrueAt(figures, {"ready"})) return "ready";
  const std::string why = TextAt(figures, {"why_not_ready"});
  return (IsTrueAt(figures, {"draining"}) ? "draining" : "not ready") +
         (why.empty() ? "" : ": " + why);
}

std::string Hosts(const Json& figures, std::string_view kind) {
  const Json* hosts = Find(figures, {kind});
  if (hosts == nullptr) return "";
  std::string text = Counts(*hosts, {"busy", "blocked", "idle", "starting"});
  const double limit = NumberAt(*hosts, {"limit"}).value_or(0);
  if (limit > 0) text += Format(", at most {}", FormatAmount(limit));
  const double died = NumberAt(*hosts, {"died"}).value_or(0);
  if (died > 0) text += Format(", {} died so far", FormatAmount(died));
  return text;
}

std::string Journal(const Json& figures) {
  const Json* journal = Find(figures, {"journal"});
  if (journal == nullptr) return "";
  const std::string level = TextAt(*journal, {"level_max"});
  if (level == "none") return "none";
  std::string text = Format("up to {}", level.empty() ? "?" : level);
  const auto disk = NumberAt(*journal, {"disk_bytes"});
  if (disk.has_value()) text += Format(", {} on disk", FormatSize(*disk));
  const double errors = NumberAt(*journal, {"errors"}).value_or(0);
  if (errors > 0) text += Format(", {} errors", FormatAmount(errors));
  const std::string why = TextAt(*journal, {"why_not"});
  return why.empty() ? text : text + "; takes no new work: " + why;
}

std::string Resources(const Json& figures) {
  const Json* resources = Find(figures, {"resources"});
  if (resources == nullptr || !resources->is_object()) return "";
  std::string text;
  for (const auto& [name, amounts] : resources->items()) {
    const auto format = name == "memory" ? FormatSize : FormatAmount;
    const std::string free = Used(amounts, {"free"}, {"total"}, format);
    if (NumberAt(amounts, {"total"}).value_or(0) > 0)
      text += Format("{}{} {} free", text.empty() ? "" : ", ", name, free);
  }
  return text;
}

std::string Tasks(const Json& figures) {
  const Json* tasks = Find(figures, {"tasks"});
  if (tasks == nullptr) return "";
  std::string text = Counts(*tasks, {"accepted", "parked", "retried"});
  const Json* ended = Find(*tasks, {"ended"});
  if (ended == nullptr) return text;
  text += "; " + Counts(*ended, {"done", "failed", "cancelled", "expired", "forwarded"});
  const double late = NumberAt(*tasks, {"late_outcomes"}).value_or(0);
  if (late > 0) text += Format("; {} cancels or expiries too late", FormatAmount(late));
  return text;
}

// Slot time of all classes.
std::string Work(const Json& figures) {
  const auto sum = [&](const char* key) {
    double seconds = 0;
    const Json* classes = Find(figures, {"tasks", key});
    if (classes == nullptr || !classes->is_object()) return seconds;
    for (const auto& [name, value] : classes->items()) {
      if (value.is_number()) seconds += value.get<double>();
    }
    return seconds;
  };
  const double wasted = sum("wasted_seconds_by_class");
  const double saved = sum("saved_seconds_by_class");
  if (wasted + saved <= 0) return "";
  return Format("{} of slot time on roots not done in time, {} saved by dropping tasks unbegun",
                FormatMicros(wasted * 1e6), FormatMicros(saved * 1e6));
}

std::string Process(const Json& figures) {
  const auto cpu = NumberAt(figures, {"process", "cpu_s"});
  const auto resident = NumberAt(figures, {"process", "resident_bytes"});
  if (!cpu.has_value() || !resident.has_value()) return "";
  return Format("{} of CPU time, {} of memory", FormatMicros(*cpu * 1e6), FormatSize(*resident));
}

std::string Config(const Json& figures) {
  const auto generation = NumberAt(figures, {"config", "generation"});
  if (!generation.has_value()) return "";
  const bool good = IsTrueAt(figures, {"config", "last_reload_ok"});
  return Format("generation {}{}", FormatAmount(*generation),
                good ? "" : ", and the last reload was refused: see the node's log");
}

std::string_view NameOf(wire::TaskState state) {
  switch (state) {
    case wire::TaskState::kUnknown: return "unknown";
    case wire::TaskState::kUnfinished: return "unfinished";
    case wire::TaskState::kEnded: return "ended";
  }
  return "unknown";
}

}  // namespace

std::string StatusTable(const Json& figures) {
  Table table({{""}, {""}});
  const auto add = [&table](std::string_view name, std::string value) {
    if (!value.empty()) table.Add({std::string(name), std::move(value)});
  };
  add("node", TextAt(figures, {"node"}));
  add("version", TextAt(figures, {"version"}));
  add("state", State(figures));
  const auto uptime = NumberAt(figures, {"uptime_s"});
  if (uptime.has_value()) add("up for", FormatMicros(*uptime * 1e6));
  add("connections", Used(figures, {"connections"}, {"connections_limit"}, FormatAmount));
  add("sessions", Used(figures, {"sessions"}, {"sessions_limit"}, FormatAmount));
  add("in flight", Use(figures, "in_flight"));
  add("parked", Use(figures, "park"));
  add("values", Use(figures, "values"));
  add("tasks", Tasks(figures));
  add("work", Work(figures));
  add("threads", Hosts(figures, "threads"));
  add("workers", Hosts(figures, "workers"));
  add("journal", Journal(figures));
  add("resources", Resources(figures));
  add("config", Config(figures));
  add("process", Process(figures));
  return table.empty() ? "" : table.Render();
}

std::string TaskTable(std::span<const wire::TaskStatus> tasks) {
  Table table({{"ID"},
               {"STATE"},
               {"REASON"},
               {"AGE", Table::Align::kRight},
               {"RUNS", Table::Align::kRight}});
  for (const wire::TaskStatus& task : tasks) {
    const bool ended = task.state == wire::TaskState::kEnded;
    const bool known = task.state != wire::TaskState::kUnknown;
    table.Add({ToString(task.task),
               std::string(ended ? cli::NameOf(static_cast<Fate>(task.fate)) : NameOf(task.state)),
               task.reason == Reason::kNone ? "-" : std::string(ToString(task.reason)),
               known ? FormatMicros(static_cast<double>(task.age_us)) : "-",
               known ? Format("{}", task.attempt) : "-"});
  }
  return table.Render();
}

Json ToJson(std::span<const wire::TaskStatus> tasks) {
  Json list = Json::array();
  for (const wire::TaskStatus& task : tasks) {
    Json json = {{"id", ToString(task.task)}, {"state", NameOf(task.state)}};
    if (task.state == wire::TaskState::kEnded) {
      json["fate"] = cli::NameOf(static_cast<Fate>(task.fate));
    }
    if (task.reason != Reason::kNone) json["reason"] = ToString(task.reason);
    json["age_us"] = task.age_us;
    json["runs"] = task.attempt;
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace spillgate::cli
