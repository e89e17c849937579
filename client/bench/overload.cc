#include "client/bench/overload.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "client/bench/cpu_meter.h"
#include "client/bench/pinning.h"
#include "client/bench/root_runs.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr double kMice = 0.6;          // of the capacity, of all tenants that ask for little
constexpr double kMostDrift = 0.05;    // of the capacity, from before to after
constexpr double kMostLateness = 0.1;  // of the deadline, at the p99
constexpr double kMostSteal = 5;       // percent

class Overload {
 public:
  Overload(Method method, RootRuns runs, const Options& options, const Target& target)
      : method_(method), runs_(std::move(runs)), options_(options), target_(target) {}

  Status Run(const std::function<void(Row&)>& report) {
    Result<RootRuns::Basis> basis = runs_.FindBasis();
    if (!basis.ok()) return basis.error();
    basis_ = std::move(basis).value();
    if (Status status = JoinOthers(); !status.ok()) return status;
    std::vector<Row> rows;
    for (const double x : options_.x) {
      Result<Row> row = MeasureAt(x);
      if (!row.ok()) return row.error();
      rows.push_back(std::move(row).value());
    }
    const Result<double> after = runs_.Capacity();
    if (!after.ok()) return after.error();
    for (Row& row : rows) {
      Conclude(row, after.value());
      report(row);
    }
    return {};
  }

 private:
  // Connections beside the one that asks for most.
  Status JoinOthers() {
    if (method_ == Method::kFair) {
      for (std::uint32_t i = 0; i < options_.tenants; ++i) {
        if (Status status = runs_.Join(Format("mouse-{}", i)); !status.ok()) return status;
      }
    } else if (options_.critical > 0) {
      return runs_.Join("");
    }
    return {};
  }

  // What each of them asks for, in capacities.
  [[nodiscard]] std::vector<double> Demands(double x) const {
    if (method_ == Method::kFair) {
      std::vector<double> demands(options_.tenants + 1, kMice / options_.tenants);
      demands.front() = x;
      return demands;
    }
    if (options_.critical == 0) return {x};
    return {std::max(x - options_.critical, 0.001), options_.critical};
  }

  Result<Row> MeasureAt(double x) {
    const CpuMeter meter({target_.process});
    const std::vector<double> demands = Demands(x);
    std::vector<RootLoad> loads;
    for (const double demand : demands) {
      loads.push_back({.rate = basis_.capacity * demand,
                       .time = options_.time,
                       .deadlines = basis_.unloaded.Deadlines()});
    }
    if (options_.critical > 0) loads.back().cls = TaskClass::kCritical;
    const Result<std::vector<RootReport>> measured = runs_.RunTogether(std::move(loads));
    if (!measured.ok()) return measured.error();
    RootReport all = measured.value().front();
    for (const RootReport& other : std::span(measured.value()).subspan(1)) all.Add(other);
    Row row = RowOf(x, all, meter.Read());
    if (method_ == Method::kFair) {
      row.bench = "fair";
      Compare(demands, measured.value(), *row.overload);
    } else if (options_.critical > 0) {
      const RootReport& critical = measured.value().back();
      const auto offered = static_cast<double>(std::max<std::uint64_t>(1, critical.offered));
      row.overload->critical_ok_ratio = static_cast<double>(critical.good) / offered;
      row.overload->critical_p99_us = Micros(critical.times.Quantile(0.99));
    }
    return row;
  }

  // The tenants, by what they got of what they are entitled to.
  void Compare(std::span<const double> demands, std::span<const RootReport> reports,
               OverloadFigures& figures) const {
    const std::vector<double> entitled = Entitlements(demands);
    std::vector<double> shares;
    Latencies mice;
    for (std::size_t i = 0; i < reports.size(); ++i) {
      const double seconds = std::chrono::duration<double>(reports[i].span).count();
      shares.push_back(static_cast<double>(reports[i].good_work / options_.service) /
                       (entitled[i] * basis_.capacity * seconds));
      if (i > 0) mice.Add(reports[i].times);
    }
    figures.jain = JainIndex(shares);
    figures.least_of_tenant = *std::min_element(shares.begin(), shares.end());
    figures.mice_p99_us = Micros(mice.Quantile(0.99));
  }

  [[nodiscard]] Row RowOf(double x, const RootReport& report, const CpuShares& shares) const {
    Row row{.bench = "overload"};
    row.function = RootFunction(options_);
    row.n = report.offered;
    row.errors = report.errors;
    row.problem = report.problem;
    row.steal_pct = shares.steal;
    row.foreign_cpu_pct = shares.foreign;
    row.placement = std::string(ToString(options_.placement.value_or(Placement::kFree)));
    row.shape = "single";
    // A p99 over two functions says nothing.
    if (report.modes[0].times.count() > 0) row.SetTimes(report.modes[0].times);
    SetModes(report, row.overload.emplace());
    const double seconds = std::chrono::duration<double>(report.span).count();
    OverloadFigures& figures = *row.overload;
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

  // How the functions fared, of a mix that has two.
  void SetModes(const RootReport& report, OverloadFigures& figures) const {
    if (options_.mix != CostMix::kBimodal) return;
    figures.long_p99_us = Micros(report.modes[1].times.Quantile(0.99));
    const auto success = [](std::uint64_t good, std::uint64_t offered) {
      return static_cast<double>(good) / static_cast<double>(std::max<std::uint64_t>(1, offered));
    };
    const double all = success(report.good, report.offered);
    double least = 1;
    for (const RootReport::Mode& mode : report.modes) {
      least = std::min(least, success(mode.good, mode.offered));
    }
    figures.min_function_success = all > 0 ? least / all : 0;
  }

  // Relative to the larger of the two capacities. Void if they differ, or the sender was late.
  void Conclude(Row& row, double after) const {
    const double before = basis_.capacity;
    OverloadFigures& figures = *row.overload;
    const double capacity = std::max(before, after);
    const std::vector<double> demands = Demands(figures.x);
    const double asked = std::accumulate(demands.begin(), demands.end(), 0.0);
    const double most = capacity * std::min(asked, 1.0);
    figures.capacity_per_s = capacity;
    if (figures.least_of_tenant.has_value()) *figures.least_of_tenant *= before / capacity;
    figures.goodput_ratio /= most;
    figures.goodput_ratio_count /= most;
    figures.unloaded_p99_us = Micros(basis_.unloaded.p99);
    figures.deadline_us = Micros(basis_.unloaded.Deadline());
    figures.controller = basis_.controller;
    figures.mix = std::string(ToString(options_.mix));
    if (figures.silent > 0) row.SetProblem(Format("{} roots have no outcome", figures.silent));
    if (!runs_.problem().empty()) row.SetProblem(runs_.problem());
    if (std::abs(before - after) > kMostDrift * capacity) {
      row.SetProblem(
          Format("void: the capacity was {:.0f} a second before and {:.0f} after", before, after));
    }
    if (figures.lateness_p99_us > kMostLateness * Micros(basis_.unloaded.Deadline())) {
      row.SetProblem(Format("void: the sender was {:.0f} us late", figures.lateness_p99_us));
    }
    if (row.steal_pct > kMostSteal) row.SetProblem("void: the host took CPU away");
    row.verified = row.problem.empty();
  }

  const Method method_;
  RootRuns runs_;
  const Options& options_;
  const Target& target_;
  RootRuns::Basis basis_;
};

}  // namespace

double JainIndex(std::span<const double> shares) {
  double sum = 0;
  double squares = 0;
  for (const double share : shares) {
    sum += share;
    squares += share * share;
  }
  return squares > 0 ? sum * sum / (static_cast<double>(shares.size()) * squares) : 0;
}

std::vector<double> Entitlements(std::span<const double> demands) {
  std::vector<std::size_t> order(demands.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return demands[a] < demands[b]; });
  std::vector<double> entitled(demands.size());
  double left = 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    entitled[order[i]] = std::min(demands[order[i]], left / static_cast<double>(order.size() - i));
    left -= entitled[order[i]];
  }
  return entitled;
}

Status MeasureOverload(Method method, const Options& options, const Target& target,
                       const std::function<void(Row&)>& report) {
  Result<Pinning> pinning =
      Pinning::Make(options.placement.value_or(Placement::kFree), target.process);
  if (!pinning.ok()) return pinning.error();
  Result<RootRuns> runs = RootRuns::Open(target.address, options);
  if (!runs.ok()) return runs.error();
  return Overload(method, std::move(runs).value(), options, target).Run(report);
}

}  // namespace spillgate::bench
