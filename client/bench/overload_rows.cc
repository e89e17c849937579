#include "client/bench/overload_rows.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "client/bench/overload.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

double Ratio(Nanos a, Nanos b) {
  return static_cast<double>(a.count()) / static_cast<double>(b.count());
}

double Share(std::uint64_t part, std::uint64_t all) {
  return static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(1, all));
}

FateCounts CountsOf(const RootReport& report) {
  return {.good = report.Count(RootFate::kGood),
          .late = report.Count(RootFate::kLate),
          .expired = report.Count(RootFate::kExpired),
          .silent = report.Count(RootFate::kSilent),
          .refused = report.Count(RootFate::kRefused),
          .held = report.Count(RootFate::kHeld)};
}

double Seconds(Nanos time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Row OverloadRows::Of(double x, const RootReport& report, const CpuShares& shares) const {
  Row row{.bench = "overload"};
  row.function = runs_.Function(0);
  row.n = report.offered;
  row.errors = report.errors;
  row.problem = report.problem;
  row.steal_pct = shares.steal;
  row.foreign_cpu_pct = shares.foreign;
  row.placement = std::string(ToString(runs_.placement()));
  row.shape = std::string(ToString(options_.root));
  row.size = TasksOf(options_.root);
  row.deadline_ratio = runs_.deadline_ratio();
  // A p99 over two functions says nothing.
  if (report.modes[0].times.count() > 0) row.SetTimes(report.modes[0].times);
  OverloadFigures& figures = row.overload.emplace();
  figures.x = x;
  SetFates(report, figures);
  SetFunctions(report, figures);
  const double seconds = Seconds(report.span);
  figures.offered_per_s = static_cast<double>(report.offered) / seconds;
  figures.offered_work_ratio = Ratio(report.offered_work, runs_.root_cost()) / seconds;
  const std::uint64_t received = report.node_received.value_or(report.received);
  figures.received_per_s = static_cast<double>(received) / seconds;
  figures.goodput_ratio = Ratio(report.good_work, runs_.root_cost()) / seconds;
  figures.goodput_ratio_count = static_cast<double>(figures.good) / seconds;
  const Nanos spent = Spent(report);
  figures.wasted_ratio = spent > Nanos(0) ? 1 - Ratio(report.good_work, spent) : 0;
  // What is the node's fault is told before what makes the run void.
  if (figures.silent > 0) row.SetProblem(Format("{} roots have no outcome", figures.silent));
  if (!runs_.problem().empty()) row.SetProblem(runs_.problem());
  JudgeCpu(report, row);
  figures.refusal_p99_us = Micros(report.refusals.Quantile(0.99));
  figures.lateness_p99_us = Micros(report.late_by.Quantile(0.99));
  return row;
}

void OverloadRows::SetFates(const RootReport& report, OverloadFigures& figures) const {
  static_cast<FateCounts&>(figures) = CountsOf(report);
  figures.again = report.again;
  figures.refused_ratio = Share(figures.refused, report.offered);
  figures.clients = std::string(ToString(options_.manners));
  if (options_.manners == Manners::kCooperative) {
    figures.turnaround_us = Micros(options_.turnaround);
  }
  if (options_.burst > 1) figures.burst = options_.burst;
}

// Of what nobody asked for, nothing failed; where nothing was good, no function was.
double OverloadRows::LeastSuccess(const RootReport& report, std::size_t modes) {
  const std::uint64_t good = report.Count(RootFate::kGood);
  if (report.offered == 0) return 1;
  if (good == 0) return 0;
  if (modes == 1) return 1;
  double least = 1;
  for (std::size_t i = 0; i < modes; ++i) {
    const RootReport::Mode& mode = report.modes[i];
    if (mode.offered == 0) continue;
    least = std::min(least, Share(mode.Count(RootFate::kGood), mode.offered));
  }
  return least / Share(good, report.offered);
}

// How the functions fared, of a mix that has several.
void OverloadRows::SetFunctions(const RootReport& report, OverloadFigures& figures) const {
  const std::size_t modes = ModesOf(options_.mix);
  figures.min_function_success = LeastSuccess(report, modes);
  if (modes == 1) return;
  for (std::size_t i = 0; i < modes; ++i) {
    const RootReport::Mode& mode = report.modes[i];
    figures.functions.push_back({.function = runs_.Function(i),
                                 .offered = mode.offered,
                                 .good = mode.Count(RootFate::kGood),
                                 .late = mode.Count(RootFate::kLate),
                                 .expired = mode.Count(RootFate::kExpired),
                                 .refused = mode.Count(RootFate::kRefused),
                                 .p50_us = Micros(mode.times.Quantile(0.5)),
                                 .p99_us = Micros(mode.times.Quantile(0.99)),
                                 .p999_us = Micros(mode.times.Quantile(0.999)),
                                 .unloaded_p99_us = Micros(basis_.unloaded.p99s[i]),
                                 .deadline_us = Micros(basis_.unloaded.Deadlines()[i])});
  }
  figures.long_p99_us = figures.functions[1].p99_us;
}

// Where a client is not told of all tasks of a root, the node says what those took that it gave up.
Nanos OverloadRows::Spent(const RootReport& report) {
  return report.done_work + report.node_wasted.value_or(report.cut_short_work);
}

// Tasks that spin use as much CPU as they cost, so what the slots used is the work that was spent,
// and a little beside it.
void OverloadRows::JudgeCpu(const RootReport& report, Row& row) const {
  if (report.slots_cpu == Nanos(0) || !runs_.spins()) return;
  const double accounted = Ratio(Spent(report), report.slots_cpu);
  row.overload->slots_cpu_ratio = accounted;
  // In the closed loop the slots did the same, and all of it was good; and without load, where they
  // look around and go to sleep after each task.
  const double least = std::min(runs_.work_per_cpu(), basis_.unloaded.work_per_cpu);
  CheckCpu(Ratio(report.done_work, report.slots_cpu), accounted, least, row);
}

void OverloadRows::Compare(std::span<const double> demands, std::span<const RootReport> reports,
                           OverloadFigures& figures) const {
  const std::vector<double> entitled = Entitlements(demands);
  std::vector<double> shares;
  Latencies mice;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const double seconds = Seconds(reports[i].span);
    shares.push_back(Ratio(reports[i].good_work, runs_.root_cost()) /
                     (entitled[i] * basis_.capacity * seconds));
    if (i > 0) mice.Add(reports[i].times);
  }
  figures.jain = JainIndex(shares);
  figures.least_of_tenant = *std::min_element(shares.begin(), shares.end());
  figures.mice_p99_us = Micros(mice.Quantile(0.99));
}

void OverloadRows::SetClasses(std::span<const ClassPart> parts, std::span<const RootReport> reports,
                              OverloadFigures& figures) {
  if (parts.size() < 2) return;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const RootReport& report = reports[i];
    ClassFigures& each = figures.classes.emplace_back();
    each.cls = parts[i].cls;
    each.offered = report.offered;
    static_cast<FateCounts&>(each) = CountsOf(report);
    if (report.offered > 0) each.ok_ratio = Share(each.good, report.offered);
    if (const Latencies& times = report.modes[0].times; times.count() > 0) {
      each.p50_us = Micros(times.Quantile(0.50));
      each.p99_us = Micros(times.Quantile(0.99));
      each.p999_us = Micros(times.Quantile(0.999));
    }
    if (each.cls != TaskClass::kCritical) continue;
    figures.critical_ok_ratio = Share(each.good, report.offered);
    figures.critical_p99_us = Micros(report.times.Quantile(0.99));
    figures.critical_n = report.offered;
  }
  std::sort(figures.classes.begin(), figures.classes.end(),
            [](const ClassFigures& a, const ClassFigures& b) { return a.cls < b.cls; });
}

void OverloadRows::Conclude(Row& row, double asked, double after) const {
  const double before = basis_.capacity;
  OverloadFigures& figures = *row.overload;
  const double capacity = std::max(before, after);
  figures.slots = basis_.slots;
  figures.capacity_per_s = capacity;
  figures.capacity_ratio = capacity * Seconds(runs_.root_cost()) / basis_.slots;
  if (figures.least_of_tenant.has_value()) *figures.least_of_tenant *= before / capacity;
  if (asked > 0) {
    figures.offered_work_ratio /= capacity * asked;
    figures.goodput_ratio /= capacity * std::min(asked, 1.0);
    figures.goodput_ratio_count /= capacity * std::min(asked, 1.0);
  }
  figures.unloaded_n = basis_.unloaded.counts[0];
  if (!figures.service_us.has_value()) {
    figures.unloaded_p99_us = Micros(basis_.unloaded.p99s[0]);
    figures.deadline_us = Micros(basis_.unloaded.Deadline());
  }
  figures.controller = basis_.controller;
  figures.mix = std::string(ToString(options_.mix));
  if (!runs_.problem().empty()) row.SetProblem(runs_.problem());
  CheckDrift(before, after, row);
  CheckDisturbed(figures.lateness_p99_us, basis_.unloaded.Deadline(), row);
  row.verified = row.problem.empty();
}

}  // namespace spillgate::bench
