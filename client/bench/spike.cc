#include "client/bench/spike.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "client/bench/cpu_meter.h"
#include "client/bench/pinning.h"
#include "client/bench/root_runs.h"
#include "client/bench/spike_series.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr double kBase = 0.5;  // of the capacity, between the spikes
// A storm: the trigger, and what is sent again by clients that do not listen.
constexpr double kStormBase = 0.8;
constexpr double kTrigger = 3;
constexpr Nanos kTriggerTime = std::chrono::milliseconds(100);
constexpr Nanos kShortTime = std::chrono::milliseconds(300);
constexpr std::uint32_t kShortToLong = 7;  // so many short ones to a long one
constexpr int kLongTime = 5;               // of that, in times of a measurement
constexpr std::size_t kNext = 100;         // roots that are looked at
constexpr std::size_t kMostBad = 2;

// What its client held back had no more of a chance than what was refused.
bool IsBad(RootFate fate, bool refusals_are_bad) {
  if (fate == RootFate::kRefused || fate == RootFate::kHeld) return refusals_are_bad;
  return fate != RootFate::kGood;
}

struct Statistic {
  std::vector<Nanos> times;
  [[nodiscard]] double MedianMs() {
    if (times.empty()) return 0;
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2),
                     times.end());
    return Micros(times[times.size() / 2]) / 1000;
  }
  [[nodiscard]] double WorstMs() const {
    return times.empty() ? 0 : Micros(*std::max_element(times.begin(), times.end())) / 1000;
  }
};

class Spike {
 public:
  Spike(Method method, RootRuns runs, const Options& options, const Target& target)
      : storm_(method == Method::kStorm),
        runs_(std::move(runs)),
        options_(options),
        target_(target),
        short_ones_(options.spikes.value_or(kUsualSpikes)),
        base_(storm_ ? kStormBase : kBase),
        x_(storm_ ? kTrigger : *std::max_element(options.x.begin(), options.x.end())) {}

  Result<Row> Run() {
    Result<RootRuns::Basis> basis = runs_.FindBasis();
    if (!basis.ok()) return basis.error();
    basis_ = std::move(basis).value();
    // A hundred of them have to be looked at, and what a spike has left is done by its deadline.
    rest_ = std::max({Nanos(std::chrono::seconds(1)), Hundreds(3), 3 * basis_.unloaded.Deadline()});
    const CpuMeter meter({target_.process});
    Row row{.bench = storm_ ? "storm" : "spike"};
    if (Status status = Measure(row); !status.ok()) return status.error();
    const CpuShares shares = meter.Read();
    row.steal_pct = shares.steal;
    row.foreign_cpu_pct = shares.foreign;
    const Result<double> after = runs_.Capacity();
    if (!after.ok()) return after.error();
    Fill(row);
    if (!runs_.problem().empty()) row.SetProblem(runs_.problem());
    CheckDrift(basis_.capacity, after.value(), row);
    CheckDisturbed(row.spike->lateness_p99_us, basis_.unloaded.Deadline(), row);
    row.verified = row.problem.empty();
    return row;
  }

 private:
  // The time of so many hundred roots between the spikes.
  [[nodiscard]] Nanos Hundreds(double count) const {
    return Nanos(static_cast<std::int64_t>(count * 100 / (base_ * basis_.capacity) * 1e9));
  }

  Status Measure(Row& row) {
    spikes_.assign(short_ones_, storm_ ? kTriggerTime : kShortTime);
    if (!storm_)
      spikes_.insert(spikes_.end(), (short_ones_ + kShortToLong - 1) / kShortToLong,
                     kLongTime * options_.time);
    std::vector<Phase> phases{{base_ * basis_.capacity, rest_}};
    for (const Nanos time : spikes_) {
      phases.push_back({x_ * basis_.capacity, time});
      phases.push_back({base_ * basis_.capacity, rest_});
    }
    Result<RootReport> report = RunPhases(row, std::move(phases));
    if (!report.ok()) return report.error();
    Nanos at = rest_;
    for (const Nanos time : spikes_) {
      const auto& outcomes = report.value().outcomes;
      converge_.times.push_back(Settled(outcomes, at, at + time, false));
      recover_.times.push_back(Settled(outcomes, at + time, at + time + rest_, true));
      if (time == kShortTime) short_at_.push_back(at);
      at += time + rest_;
    }
    if (!storm_) series_ = Around(report.value().outcomes, short_at_, {});
    return MeasureBaselines(row);
  }

  // The same without a step: how long from any moment to a hundred that are as good.
  Status MeasureBaselines(Row& row) {
    const std::int64_t moments = std::int64_t{short_ones_} + 2;
    const Nanos time = moments * std::max(kShortTime, rest_);
    for (const bool spike : {true, false}) {
      Result<RootReport> report =
          RunPhases(row, {{spike ? x_ * basis_.capacity : base_ * basis_.capacity, time}});
      if (!report.ok()) return report.error();
      Statistic& baseline = spike ? converge_baseline_ : recover_baseline_;
      for (std::int64_t i = 1; i + 1 < moments; ++i) {
        const Nanos at = time / moments * i;
        baseline.times.push_back(Settled(report.value().outcomes, at, time, !spike));
      }
    }
    return {};
  }

  Result<RootReport> RunPhases(Row& row, std::vector<Phase> phases) {
    RootLoad load = runs_.LoadOf(0);
    load.deadlines = basis_.unloaded.Deadlines();
    load.phases = std::move(phases);
    if (storm_) {
      load.retries = options_.retries.value_or(kUsualRetries);
      load.retry_budget = options_.retry_budget;
    }
    Result<RootReport> report = runs_.Run(std::move(load));
    if (!report.ok()) return report;
    const RootReport& told = report.value();
    row.n += told.offered;
    again_ += told.again;
    row.errors += told.errors;
    if (told.errors > 0) row.SetProblem(told.problem);
    const std::uint64_t silent = told.Count(RootFate::kSilent);
    if (silent > 0) row.SetProblem(Format("{} roots have no outcome", silent));
    lateness_p99_ = std::max(lateness_p99_, told.late_by.Quantile(0.99));
    return report;
  }

  void Fill(Row& row) {
    row.function = runs_.Function(0);
    row.placement = std::string(ToString(runs_.placement()));
    row.shape = std::string(ToString(options_.root));
    row.size = TasksOf(options_.root);
    row.deadline_ratio = runs_.deadline_ratio();
    SpikeFigures& figures = row.spike.emplace();
    figures.x = x_;
    figures.spikes = spikes_.size();
    if (storm_) figures.again = again_;
    figures.capacity_per_s = basis_.capacity;
    figures.converge_ms_worst = converge_.WorstMs();
    figures.converge_ms = converge_.MedianMs();
    figures.converge_ms_baseline = converge_baseline_.MedianMs();
    figures.recover_ms_worst = recover_.WorstMs();
    figures.recover_ms = recover_.MedianMs();
    figures.recover_ms_baseline = recover_baseline_.MedianMs();
    figures.unloaded_p99_us = Micros(basis_.unloaded.p99s[0]);
    figures.deadline_us = Micros(basis_.unloaded.Deadline());
    figures.lateness_p99_us = Micros(lateness_p99_);
    figures.series = std::move(series_);
    figures.controller = basis_.controller;
    figures.mix = std::string(ToString(options_.mix));
    figures.clients = std::string(ToString(options_.manners));
  }

  const bool storm_;
  RootRuns runs_;
  const Options& options_;
  const Target& target_;
  const std::uint32_t short_ones_;  // spikes
  const double base_;
  const double x_;
  std::uint64_t again_ = 0;
  RootRuns::Basis basis_;
  Nanos rest_{0};
  Nanos lateness_p99_{0};
  std::vector<Nanos> spikes_;
  std::vector<Nanos> short_at_;  // when the short ones began
  std::vector<SeriesBin> series_;
  Statistic converge_;
  Statistic recover_;
  Statistic converge_baseline_;
  Statistic recover_baseline_;
};

}  // namespace

Nanos Settled(std::span<const RootOutcome> outcomes, Nanos since, Nanos until,
              bool refusals_are_bad) {
  const auto before = [](const RootOutcome& outcome, Nanos due) { return outcome.due < due; };
  const auto first = std::lower_bound(outcomes.begin(), outcomes.end(), since, before);
  const auto last = std::lower_bound(first, outcomes.end(), until, before);
  std::size_t bad = 0;  // of those that are looked at
  auto from = first;
  for (auto to = first; to != last; ++to) {
    bad += IsBad(to->fate, refusals_are_bad) ? 1 : 0;
    if (to - from + 1 < static_cast<std::ptrdiff_t>(kNext)) continue;
    if (bad <= kMostBad) return from->due - since;
    bad -= IsBad(from->fate, refusals_are_bad) ? 1 : 0;
    ++from;
  }
  return until - since;
}

Result<Row> MeasureSpike(Method method, const Options& options, const Target& target) {
  Result<RootRuns> runs = RootRuns::Open(target, options);
  if (!runs.ok()) return runs.error();
  return Spike(method, std::move(runs).value(), options, target).Run();
}

}  // namespace spillgate::bench
