#include "client/cli/bench_rows.h"

#include <cmath>
#include <optional>

#include "client/cli/figures.h"
#include "client/cli/report.h"
#include "client/cli/table.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

// Three decimals of a microsecond are a nanosecond; of a ratio, more than can be known. A time that
// has no end is null.
template <class Number>
void Put(Json& json, const char* name, const std::optional<Number>& number) {
  if (!number.has_value()) return;
  if constexpr (std::is_floating_point_v<Number>) {
    if (std::isinf(*number)) {
      json[name] = nullptr;
    } else {
      json[name] = std::round(*number * 1000) / 1000;
    }
  } else {
    json[name] = *number;
  }
}

void Put(Json& json, const char* name, double number) {
  Put(json, name, std::optional<double>(number));
}

void Put(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

std::string TimeCell(const std::optional<double>& micros) {
  if (!micros.has_value()) return "";
  return std::isinf(*micros) ? "never" : FormatMicros(*micros);
}

// How it was run, as far as that tells two rows apart.
std::string HowOf(const bench::Row& row) {
  std::string how = row.function;
  if (row.batch.has_value()) how += Format(", {} a frame, {} frames", *row.batch, *row.window);
  if (row.clients.value_or(1) > 1) how += Format(", {} clients", *row.clients);
  if (row.payload.value_or(0) > 0) how += Format(", {}", FormatSize(*row.payload));
  if (row.size.value_or(0) > 1) how += Format(", {} of {}", row.shape, *row.size);
  if (row.level != "none") how += ", " + row.level;
  if (row.overload.has_value()) {
    const bench::OverloadFigures& figures = *row.overload;
    how += Format(", {} times the capacity, {}: goodput {:.3f}, wasted {:.3f}, {} refused",
                  figures.x, figures.controller, figures.goodput_ratio, figures.wasted_ratio,
                  FormatShare(figures.refused_ratio));
    for (const bench::ClassFigures& each : figures.classes) {
      if (!each.ok_ratio.has_value()) continue;
      how += Format(", {:.3f} of {} good", *each.ok_ratio, kClassNames[Index(each.cls)]);
    }
  }
  if (row.spike.has_value()) {
    const bench::SpikeFigures& figures = *row.spike;
    how += Format(
        ", {} spikes of {} times the capacity, {}: converges in {:.1f} ms, recovers in "
        "{:.1f} ms",
        figures.spikes, figures.x, figures.controller, figures.converge_ms, figures.recover_ms);
  }
  if (row.bomb.has_value()) {
    how += Format(", beside {} children of a root of the {} tenant", row.bomb->children,
                  row.bomb->tenant);
    if (row.bomb->share.has_value()) {
      how += Format(", which has {} of its share", FormatShare(*row.bomb->share));
    }
  }
  if (row.deadline_ratio.has_value()) {
    how += Format(", deadlines of {} medians", *row.deadline_ratio);
  }
  if (row.placement == "same") how += ", on one core";
  if (row.placement == "across") how += ", across two cores";
  if (row.placement == "slots") how += ", slots on cores of their own";
  if (row.late_max_us.has_value())
    how += Format(", sent up to {} late", FormatMicros(*row.late_max_us));
  return how;
}

void PutFates(Json& json, const bench::FateCounts& fates) {
  json["good"] = fates.good;
  json["late"] = fates.late;
  json["expired"] = fates.expired;
  json["silent"] = fates.silent;
  json["refused"] = fates.refused;
  json["held"] = fates.held;
}

Json ClassesOf(const bench::OverloadFigures& figures) {
  Json classes = Json::array();
  for (const bench::ClassFigures& each : figures.classes) {
    Json& json = classes.emplace_back(Json::object());
    json["class"] = kClassNames[Index(each.cls)];
    json["offered"] = each.offered;
    PutFates(json, each);
    Put(json, "ok_ratio", each.ok_ratio);
    Put(json, "p50_us", each.p50_us);
    Put(json, "p99_us", each.p99_us);
    Put(json, "p999_us", each.p999_us);
  }
  return classes;
}

Json FunctionsOf(const bench::OverloadFigures& figures) {
  Json functions = Json::array();
  for (const bench::FunctionFigures& each : figures.functions) {
    Json& json = functions.emplace_back(Json::object());
    json["function"] = each.function;
    json["offered"] = each.offered;
    json["good"] = each.good;
    Put(json, "p50_us", each.p50_us);
    Put(json, "p99_us", each.p99_us);
    Put(json, "p999_us", each.p999_us);
    json["late"] = each.late;
    json["expired"] = each.expired;
    json["refused"] = each.refused;
    Put(json, "unloaded_p99_us", each.unloaded_p99_us);
    Put(json, "deadline_us", each.deadline_us);
  }
  return functions;
}

void PutOverload(Json& json, const bench::OverloadFigures& figures) {
  Put(json, "x", figures.x);
  Put(json, "step", figures.step);
  Put(json, "service_us", figures.service_us);
  Put(json, "slots", figures.slots);
  Put(json, "capacity_per_s", figures.capacity_per_s);
  Put(json, "capacity_ratio", figures.capacity_ratio);
  Put(json, "offered_per_s", figures.offered_per_s);
  Put(json, "offered_work_ratio", figures.offered_work_ratio);
  Put(json, "received_per_s", figures.received_per_s);
  Put(json, "goodput_ratio", figures.goodput_ratio);
  Put(json, "goodput_ratio_count", figures.goodput_ratio_count);
  Put(json, "unloaded_p99_us", figures.unloaded_p99_us);
  json["unloaded_n"] = figures.unloaded_n;
  Put(json, "slots_cpu_ratio", figures.slots_cpu_ratio);
  Put(json, "wasted_ratio", figures.wasted_ratio);
  Put(json, "refused_ratio", figures.refused_ratio);
  Put(json, "refusal_p99_us", figures.refusal_p99_us);
  Put(json, "lateness_p99_us", figures.lateness_p99_us);
  Put(json, "deadline_us", figures.deadline_us);
  if (!figures.functions.empty()) json["functions"] = FunctionsOf(figures);
  Put(json, "long_p99_us", figures.long_p99_us);
  Put(json, "min_function_success", figures.min_function_success);
  if (!figures.classes.empty()) json["classes"] = ClassesOf(figures);
  json["critical_ok_ratio"] = nullptr;  // there in any case, also where no root was critical
  Put(json, "critical_ok_ratio", figures.critical_ok_ratio);
  Put(json, "critical_p99_us", figures.critical_p99_us);
  Put(json, "critical_n", figures.critical_n);
  Put(json, "jain", figures.jain);
  Put(json, "least_of_tenant", figures.least_of_tenant);
  Put(json, "mice_p99_us", figures.mice_p99_us);
  PutFates(json, figures);
  json["again"] = figures.again;
  json["controller"] = figures.controller;
  json["mix"] = figures.mix;
  json["clients"] = figures.clients;
  Put(json, "turnaround_us", figures.turnaround_us);
  Put(json, "burst", figures.burst);
  if (!figures.drawn.has_value()) return;
  const bench::DrawnFrom& drawn = *figures.drawn;
  json["drawn"] = {{"seed", drawn.seed},
                   {"per_s", drawn.per_s},
                   {"seconds", std::chrono::duration<double>(drawn.time).count()},
                   {"service_us", std::chrono::duration<double, std::micro>(drawn.service).count()},
                   {"burst", drawn.burst}};
}

// [ms from the step, roots a second: offered, good, refused, accepted and not in time].
Json SeriesOf(const std::vector<bench::SeriesBin>& series) {
  Json bins = Json::array();
  for (const bench::SeriesBin& bin : series) {
    const double ms = std::chrono::duration<double, std::milli>(bin.at).count();
    bins.push_back({ms, std::round(bin.offered), std::round(bin.good), std::round(bin.refused),
                    std::round(bin.bad)});
  }
  return bins;
}

void PutSpike(Json& json, const bench::SpikeFigures& figures) {
  Put(json, "x", figures.x);
  json["spikes"] = figures.spikes;
  Put(json, "again", figures.again);
  Put(json, "capacity_per_s", figures.capacity_per_s);
  Put(json, "converge_ms", figures.converge_ms);
  Put(json, "converge_ms_worst", figures.converge_ms_worst);
  Put(json, "converge_ms_baseline", figures.converge_ms_baseline);
  Put(json, "recover_ms", figures.recover_ms);
  Put(json, "recover_ms_worst", figures.recover_ms_worst);
  Put(json, "recover_ms_baseline", figures.recover_ms_baseline);
  Put(json, "unloaded_p99_us", figures.unloaded_p99_us);
  Put(json, "deadline_us", figures.deadline_us);
  Put(json, "lateness_p99_us", figures.lateness_p99_us);
  json["controller"] = figures.controller;
  json["mix"] = figures.mix;
  json["clients"] = figures.clients;
  if (!figures.series.empty()) json["series"] = SeriesOf(figures.series);
}

void PutBomb(Json& json, const bench::BombFigures& figures) {
  json["children"] = figures.children;
  Put(json, "service_us", figures.service_us);
  json["tenant"] = figures.tenant;
  Put(json, "alone_p99_us", figures.alone_p99_us);
  Put(json, "success", figures.success);
  Put(json, "share", figures.share);
  Put(json, "capacity_per_s", figures.capacity_per_s);
  Put(json, "deadline_us", figures.deadline_us);
  Put(json, "lateness_p99_us", figures.lateness_p99_us);
  json["controller"] = figures.controller;
}

}  // namespace

Json ToJson(const bench::Row& row) {
  Json json = Heading("bench");
  json["bench"] = row.bench;
  Put(json, "per_s", row.per_s);
  Put(json, "p50_us", row.p50_us);
  Put(json, "p99_us", row.p99_us);
  Put(json, "p999_us", row.p999_us);
  Put(json, "ratio", row.ratio);
  Put(json, "bare_p50_us", row.bare_p50_us);
  json["n"] = row.n;
  json["errors"] = row.errors;
  json["verified"] = row.verified;
  Put(json, "problem", row.problem);
  Put(json, "void", row.disturbed);
  Put(json, "function", row.function);
  Put(json, "batch", row.batch);
  Put(json, "window", row.window);
  Put(json, "clients", row.clients);
  Put(json, "payload", row.payload);
  Put(json, "shape", row.shape);
  Put(json, "size", row.size);
  Put(json, "level", row.level);
  Put(json, "placement", row.placement);
  Put(json, "profile", row.profile);
  Put(json, "blocks", row.blocks);
  Put(json, "deadline_ratio", row.deadline_ratio);
  if (row.overload.has_value()) PutOverload(json, *row.overload);
  if (row.spike.has_value()) PutSpike(json, *row.spike);
  if (row.bomb.has_value()) PutBomb(json, *row.bomb);
  Put(json, "rate", row.rate);
  Put(json, "late_p50_us", row.late_p50_us);
  Put(json, "late_p99_us", row.late_p99_us);
  Put(json, "late_max_us", row.late_max_us);
  Put(json, "steal_pct", row.steal_pct);
  Put(json, "foreign_cpu_pct", row.foreign_cpu_pct);
  return json;
}

std::string ToText(std::span<const bench::Row> rows) {
  using Align = Table::Align;
  Table table({{"BENCH"},
               {"TASKS/S", Align::kRight},
               {"P50", Align::kRight},
               {"P99", Align::kRight},
               {"P99.9", Align::kRight},
               {"RATIO", Align::kRight},
               {"N", Align::kRight},
               {"ERRORS", Align::kRight},
               {"VERIFIED"},
               {"STEAL", Align::kRight},
               {"OTHERS", Align::kRight},
               {"HOW"}});
  for (const bench::Row& row : rows) {
    table.Add({row.bench, row.per_s.has_value() ? FormatAmount(*row.per_s) : "",
               TimeCell(row.p50_us), TimeCell(row.p99_us), TimeCell(row.p999_us),
               row.ratio.has_value() ? Format("{:.2f}", *row.ratio) : "", Format("{}", row.n),
               Format("{}", row.errors), row.verified ? "yes" : "NO",
               FormatShare(row.steal_pct / 100), FormatShare(row.foreign_cpu_pct / 100),
               HowOf(row)});
  }
  return table.Render();
}

}  // namespace spillgate::cli
