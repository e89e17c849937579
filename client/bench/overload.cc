#include "client/bench/overload.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "client/bench/cpu_meter.h"
#include "client/bench/pinning.h"
#include "client/bench/root_stream.h"
#include "core/base/format.h"
#include "core/base/json.h"

namespace spillgate::bench {
namespace {

constexpr std::uint32_t kWindows[] = {2, 4, 8, 16, 32, 64};
constexpr double kUnloaded = 0.05;      // of the capacity
constexpr int kDeadlineInMedians = 10;  // unloaded
constexpr double kMostDrift = 0.05;     // of the capacity, from before to after
constexpr double kMostLateness = 0.1;   // of the deadline, at the p99
constexpr double kMostSteal = 5;        // percent

class Overload {
 public:
  Overload(RootStream stream, const Options& options, const Target& target)
      : stream_(std::move(stream)), options_(options), target_(target) {}

  Status Run(const std::function<void(Row&)>& report) {
    if (Status status = AskController(); !status.ok()) return status;
    const Result<double> before = Capacity();
    if (!before.ok()) return before.error();
    capacity_ = before.value();
    if (Status status = MeasureUnloaded(); !status.ok()) return status;
    std::vector<Row> rows;
    for (const double x : options_.x) {
      Result<Row> row = MeasureAt(x);
      if (!row.ok()) return row.error();
      rows.push_back(std::move(row).value());
    }
    const Result<double> after = Capacity();
    if (!after.ok()) return after.error();
    for (Row& row : rows) {
      Conclude(row, before.value(), after.value());
      report(row);
    }
    return {};
  }

 private:
  Status AskController() {
    const Result<std::string> stages = stream_.wire().Stats("stages");
    if (!stages.ok()) return stages.error();
    const Json json = Json::parse(stages.value(), nullptr, false);
    if (!json.is_object() || !json.contains("stages")) return {};
    for (const Json& stage : json["stages"]) {
      if (stage.value("stage", "") == "submission") controller_ = stage.value("controller", "");
    }
    return {};
  }

  RootLoad Load(Nanos time) {
    return {.time = time,
            .service = {.mean = options_.service, .mix = options_.mix},
            .seed = options_.seed + runs_++};
  }

  // Most work done in a second of a closed loop, in mean roots.
  Result<double> Capacity() {
    double best = 0;
    for (const std::uint32_t window : kWindows) {
      RootLoad load = Load(options_.time / 4);
      load.window = window;
      Result<RootReport> report = stream_.Run(load, options_);
      if (!report.ok()) return report.error();
      // A wide window may be more than the controller lets in; then a narrower one is the best.
      if (report.value().errors > 0) Keep(report.value());
      const double work = static_cast<double>(report.value().good_work / options_.service);
      best = std::max(best, work / std::chrono::duration<double>(report.value().span).count());
    }
    if (best > 0) return best;
    return Error{Code::kUnavailable, "no root came back: what would its capacity be?"};
  }

  Status MeasureUnloaded() {
    RootLoad load = Load(2 * options_.time);
    load.rate = capacity_ * kUnloaded;
    const Result<RootReport> report = stream_.Run(load, options_);
    if (!report.ok()) return report.error();
    Keep(report.value());
    if (report.value().times.count() == 0) {
      return Error{Code::kUnavailable, "no root came back without load: measure for longer"};
    }
    unloaded_p99_ = report.value().times.Quantile(0.99);
    deadline_ = kDeadlineInMedians * report.value().times.Quantile(0.5);
    return {};
  }

  Result<Row> MeasureAt(double x) {
    RootLoad load = Load(options_.time);
    load.rate = capacity_ * x;
    load.deadline = deadline_;
    const CpuMeter meter({target_.process});
    const Result<RootReport> measured = stream_.Run(load, options_);
    if (!measured.ok()) return measured.error();
    const CpuShares shares = meter.Read();
    const RootReport& report = measured.value();
    Row row{.bench = "overload"};
    row.function = options_.function.empty() ? "spin" : options_.function;
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
    figures.unloaded_p99_us = Micros(unloaded_p99_);
    figures.deadline_us = Micros(deadline_);
    figures.controller = controller_;
    figures.mix = std::string(ToString(options_.mix));
    if (figures.silent > 0) row.SetProblem(Format("{} roots have no outcome", figures.silent));
    if (!problem_.empty()) row.SetProblem(problem_);
    if (std::abs(before - after) > kMostDrift * capacity) {
      row.SetProblem(
          Format("void: the capacity was {:.0f} a second before and {:.0f} after", before, after));
    }
    if (figures.lateness_p99_us > kMostLateness * Micros(deadline_)) {
      row.SetProblem(Format("void: the sender was {:.0f} us late", figures.lateness_p99_us));
    }
    if (row.steal_pct > kMostSteal) row.SetProblem("void: the host took CPU away");
    row.verified = row.problem.empty();
  }

  void Keep(const RootReport& report) {
    if (!problem_.empty()) return;
    if (report.errors > 0) problem_ = report.problem;
    if (report.refused > 0) problem_ = "refused without load";
  }

  RootStream stream_;
  const Options& options_;
  const Target& target_;
  std::string controller_;
  std::string problem_;
  double capacity_ = 0;  // roots a second
  Nanos unloaded_p99_{0};
  Nanos deadline_{0};
  std::uint64_t runs_ = 0;
};

}  // namespace

Status MeasureOverload(const Options& options, const Target& target,
                       const std::function<void(Row&)>& report) {
  Result<Pinning> pinning =
      Pinning::Make(options.placement.value_or(Placement::kFree), target.process);
  if (!pinning.ok()) return pinning.error();
  Result<RootStream> stream =
      RootStream::Open({.address = target.address, .poll = options.poll},
                       options.function.empty() ? "spin" : options.function);
  if (!stream.ok()) return stream.error();
  return Overload(std::move(stream).value(), options, target).Run(report);
}

}  // namespace spillgate::bench
