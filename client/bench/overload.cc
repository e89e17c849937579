#include "client/bench/overload.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "client/bench/cpu_meter.h"
#include "client/bench/pinning.h"
#include "client/bench/root_runs.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr double kMostDrift = 0.05;    // of the capacity, from before to after
constexpr double kMostLateness = 0.1;  // of the deadline, at the p99
constexpr double kMostSteal = 5;       // percent

class Overload {
 public:
  Overload(RootRuns runs, const Options& options, const Target& target)
      : runs_(std::move(runs)), options_(options), target_(target) {}

  Status Run(const std::function<void(Row&)>& report) {
    Result<std::string> controller = runs_.AskController();
    if (!controller.ok()) return controller.error();
    controller_ = std::move(controller).value();
    const Result<double> before = runs_.Capacity();
    if (!before.ok()) return before.error();
    capacity_ = before.value();
    const Result<RootRuns::Unloaded> unloaded = runs_.WithoutLoad(capacity_);
    if (!unloaded.ok()) return unloaded.error();
    unloaded_ = unloaded.value();
    std::vector<Row> rows;
    for (const double x : options_.x) {
      Result<Row> row = MeasureAt(x);
      if (!row.ok()) return row.error();
      rows.push_back(std::move(row).value());
    }
    const Result<double> after = runs_.Capacity();
    if (!after.ok()) return after.error();
    for (Row& row : rows) {
      Conclude(row, before.value(), after.value());
      report(row);
    }
    return {};
  }

 private:
  Result<Row> MeasureAt(double x) {
    const CpuMeter meter({target_.process});
    const Result<RootReport> measured =
        runs_.Run({.rate = capacity_ * x, .time = options_.time, .deadline = unloaded_.Deadline()});
    if (!measured.ok()) return measured.error();
    const CpuShares shares = meter.Read();
    const RootReport& report = measured.value();
    Row row{.bench = "overload"};
    row.function = RootFunction(options_);
    row.n = report.offered;
    row.errors = report.errors;
    row.problem = report.problem;
    row.steal_pct = shares.steal;
    row.foreign_cpu_pct = shares.foreign;
    row.placement = std::string(ToString(options_.placement.value_or(Placement::kFree)));
    row.shape = "single";
    if (report.times.count() > 0) row.SetTimes(report.times);
    const double seconds = std::chrono::duration<double>(report.span).count();
    OverloadFigures& figures = row.overload.emplace();
    figures.x = x;
    figures.offered_per_s = static_cast<double>(report.offered) / seconds;
    figures.received_per_s = static_cast<double>(report.received) / seconds;
    figures.goodput_ratio = static_cast<double>(report.good_work.count()) /
                            static_cast<double>(options_.service.count()) / seconds;
    figures.goodput_ratio_count = static_cast<double>(report.good) / seconds;
    const auto spent = static_cast<double>(report.spent_work.count());
    if (spent > 0) {
      figures.wasted_ratio = 1 - static_cast<double>(report.good_work.count()) / spent;
    }
    if (report.offered > 0) {
      figures.refused_ratio =
          static_cast<double>(report.refused) / static_cast<double>(report.offered);
    }
    figures.refusal_p99_us = Micros(report.refusals.Quantile(0.99));
    figures.lateness_p99_us = Micros(report.late_by.Quantile(0.99));
    figures.good = report.good;
    figures.late = report.late;
    figures.expired = report.expired;
    figures.silent = report.silent;
    return row;
  }

  // Relative to the larger of the two capacities. Void if they differ, or the sender was late.
  void Conclude(Row& row, double before, double after) const {
    OverloadFigures& figures = *row.overload;
    const double capacity = std::max(before, after);
    const double most = capacity * std::min(figures.x, 1.0);
    figures.capacity_per_s = capacity;
    figures.goodput_ratio /= most;
    figures.goodput_ratio_count /= most;
    figures.unloaded_p99_us = Micros(unloaded_.p99);
    figures.deadline_us = Micros(unloaded_.Deadline());
    figures.controller = controller_;
    figures.mix = std::string(ToString(options_.mix));
    if (figures.silent > 0) row.SetProblem(Format("{} roots have no outcome", figures.silent));
    if (!runs_.problem().empty()) row.SetProblem(runs_.problem());
    if (std::abs(before - after) > kMostDrift * capacity) {
      row.SetProblem(
          Format("void: the capacity was {:.0f} a second before and {:.0f} after", before, after));
    }
    if (figures.lateness_p99_us > kMostLateness * Micros(unloaded_.Deadline())) {
      row.SetProblem(Format("void: the sender was {:.0f} us late", figures.lateness_p99_us));
    }
    if (row.steal_pct > kMostSteal) row.SetProblem("void: the host took CPU away");
    row.verified = row.problem.empty();
  }

  RootRuns runs_;
  const Options& options_;
  const Target& target_;
  std::string controller_;
  double capacity_ = 0;  // roots a second
  RootRuns::Unloaded unloaded_;
};

}  // namespace

Status MeasureOverload(const Options& options, const Target& target,
                       const std::function<void(Row&)>& report) {
  Result<Pinning> pinning =
      Pinning::Make(options.placement.value_or(Placement::kFree), target.process);
  if (!pinning.ok()) return pinning.error();
  Result<RootRuns> runs = RootRuns::Open(target.address, options);
  if (!runs.ok()) return runs.error();
  return Overload(std::move(runs).value(), options, target).Run(report);
}

}  // namespace spillgate::bench
