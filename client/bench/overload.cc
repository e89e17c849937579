#include "client/bench/overload.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "client/bench/cpu_meter.h"
#include "client/bench/overload_rows.h"
#include "client/bench/pinning.h"
#include "client/bench/root_runs.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr double kMice = 0.6;  // of the capacity, of all tenants that ask for little

class Overload {
 public:
  Overload(Method method, RootRuns runs, const Options& options, const Target& target)
      : method_(method),
        runs_(std::move(runs)),
        options_(options),
        target_(target),
        tenants_(options.tenants.value_or(kUsualTenants)),
        rows_(runs_, basis_, options) {}
  Overload(Overload&&) = delete;

  Status Run(const std::function<void(Row&)>& report) {
    Result<RootRuns::Basis> basis = runs_.FindBasis();
    if (!basis.ok()) return basis.error();
    basis_ = std::move(basis).value();
    if (Status status = JoinOthers(); !status.ok()) return status;
    std::vector<Row> rows;
    if (!options_.steps.empty()) {
      if (Status status = MeasureSteps(rows); !status.ok()) return status;
    } else {
      for (const double x : options_.x) {
        Result<Row> row = MeasureAt(x);
        if (!row.ok()) return row.error();
        rows.push_back(std::move(row).value());
      }
    }
    const Result<double> after = runs_.Capacity();
    if (!after.ok()) return after.error();
    for (Row& row : rows) {
      const std::vector<double> demands = Demands(row.overload->x);
      const double asked = std::accumulate(demands.begin(), demands.end(), 0.0);
      rows_.Conclude(row, asked, after.value());
      report(row);
    }
    return {};
  }

 private:
  // Connections beside the one that asks for most.
  Status JoinOthers() {
    if (method_ == Method::kFair) {
      for (std::uint32_t i = 0; i < tenants_; ++i) {
        if (Status status = runs_.Join(Format("mouse-{}", i)); !status.ok()) return status;
      }
      return {};
    }
    for (std::size_t i = 0; i < options_.classes.size(); ++i) {
      if (Status status = runs_.Join(""); !status.ok()) return status;
    }
    return {};
  }

  // What each of them asks for, in capacities.
  [[nodiscard]] std::vector<double> Demands(double x) const {
    if (method_ == Method::kFair) {
      std::vector<double> demands(tenants_ + 1, kMice / tenants_);
      demands.front() = x;
      return demands;
    }
    std::vector<double> demands;
    for (const ClassPart& each : PartsOf(options_, x)) demands.push_back(each.part);
    return demands;
  }

  Result<Row> MeasureAt(double x) {
    const CpuMeter meter({target_.process});
    const std::vector<double> demands = Demands(x);
    std::vector<RootLoad> loads;
    for (const double demand : demands) {
      loads.push_back(runs_.LoadOf(basis_.capacity * demand));
      loads.back().deadlines = basis_.unloaded.Deadlines();
    }
    std::vector<ClassPart> parts;
    if (method_ != Method::kFair) parts = PartsOf(options_, x);
    for (std::size_t i = 0; i < parts.size(); ++i) loads[i].cls = parts[i].cls;
    const Result<std::vector<RootReport>> measured = runs_.RunTogether(std::move(loads));
    if (!measured.ok()) return measured.error();
    RootReport all = measured.value().front();
    for (const RootReport& other : std::span(measured.value()).subspan(1)) all.Add(other);
    Row row = rows_.Of(x, all, meter.Read());
    if (demands.size() == 1) {
      row.overload->drawn = {.seed = all.seed,
                             .per_s = basis_.capacity * x,
                             .time = all.span,
                             .service = options_.service,
                             .burst = options_.burst};
    }
    if (method_ == Method::kFair) {
      row.bench = "fair";
      rows_.Compare(demands, measured.value(), *row.overload);
    } else {
      OverloadRows::SetClasses(parts, measured.value(), *row.overload);
    }
    return row;
  }

  // One run, whose load changes without a pause. A root counts for the step in which it was due.
  Status MeasureSteps(std::vector<Row>& rows) {
    const CpuMeter meter({target_.process});
    RootLoad load = runs_.LoadOf(0);
    load.deadlines = basis_.unloaded.Deadlines();
    load.parts = true;
    for (const Step& step : options_.steps) {
      Phase phase{.rate = CapacityOf(step) * step.x, .time = step.time, .cost = {}};
      if (step.service != Nanos(0)) {
        const std::uint8_t mode = ModeOf(step);
        const auto us = step.service / std::chrono::microseconds(1);
        phase.cost = Cost{.us = static_cast<std::uint32_t>(us), .mode = mode};
        load.deadlines[mode] = DeadlineOf(step);
      }
      load.phases.push_back(phase);
    }
    const Result<RootReport> report = runs_.Run(std::move(load));
    if (!report.ok()) return report.error();
    const CpuShares shares = meter.Read();
    for (std::size_t i = 0; i < options_.steps.size(); ++i) {
      const Step& step = options_.steps[i];
      rows.push_back(rows_.Of(step.x, report.value().parts[i], shares));
      rows.back().overload->step = i + 1;
      if (step.service != Nanos(0)) Restate(step, report.value().parts[i], rows.back());
    }
    return {};
  }

  // The mode that a step's own service is of.
  [[nodiscard]] std::uint8_t ModeOf(const Step& step) const {
    const std::vector<Nanos> services = ServicesOf(options_);
    const auto at = std::find(services.begin(), services.end(), step.service);
    return static_cast<std::uint8_t>(1 + (at - services.begin()));
  }

  // In roots of a step that has a service of its own: what a slot spends beside the service is as
  // long for each.
  [[nodiscard]] double CapacityOf(const Step& step) const {
    if (step.service == Nanos(0)) return basis_.capacity;
    const std::chrono::duration<double> more = step.service - options_.service;
    return basis_.slots / (basis_.slots / basis_.capacity + more.count());
  }

  [[nodiscard]] Nanos DeadlineOf(const Step& step) const {
    return basis_.unloaded.Deadline(step.service - options_.service);
  }

  // What rows tell of the first function, of its own.
  void Restate(const Step& step, const RootReport& report, Row& row) const {
    OverloadFigures& figures = *row.overload;
    row.function = runs_.Function(ModeOf(step));
    figures.service_us = Micros(step.service);
    figures.deadline_us = Micros(DeadlineOf(step));
    // None of them came without load: what the first takes, and so much longer, as the deadline.
    figures.unloaded_p99_us =
        Micros(basis_.unloaded.p99s[0]) + Micros(step.service) - Micros(options_.service);
    // They all cost the same, so work is their number.
    const double base = basis_.capacity / CapacityOf(step);
    figures.offered_work_ratio = figures.offered_per_s * base;
    figures.goodput_ratio_count *= base;
    figures.goodput_ratio = figures.goodput_ratio_count;
    if (report.times.count() > 0) row.SetTimes(report.times);
  }

  const Method method_;
  RootRuns runs_;
  const Options& options_;
  const Target& target_;
  const std::uint32_t tenants_;  // that ask for little
  RootRuns::Basis basis_;
  const OverloadRows rows_;
};

}  // namespace

std::vector<ClassPart> PartsOf(const Options& options, double x) {
  constexpr double kLeast = 0.001;
  std::vector<ClassPart> parts{{.cls = TaskClass::kNormal, .part = x}};
  for (const ClassPart& each : options.classes) {
    parts.front().part -= each.part;
    parts.push_back(each);
  }
  if (!options.classes.empty()) parts.front().part = std::max(parts.front().part, kLeast);
  return parts;
}

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
  Result<RootRuns> runs = RootRuns::Open(target, options);
  if (!runs.ok()) return runs.error();
  return Overload(method, std::move(runs).value(), options, target).Run(report);
}

}  // namespace spillgate::bench
