#include "client/bench/bomb.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "client/bench/cpu_meter.h"
#include "client/bench/library.h"
#include "client/bench/pinning.h"
#include "client/bench/root_runs.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr Nanos kMouse = std::chrono::microseconds(100);
constexpr double kMice = 0.4;    // of the capacity
constexpr double kBeside = 0.8;  // of the time that a bomb with its share takes
constexpr int kPatience = 4;     // times that it may take

double Seconds(Nanos time) {
  return std::chrono::duration<double>(time).count();
}

class Bomb {
 public:
  Bomb(RootRuns mice, const Options& options, const Target& target)
      : mice_(std::move(mice)),
        options_(options),
        target_(target),
        children_(options.children.value_or(kUsualChildren)) {}

  Status Run(const std::function<void(Row&)>& report) {
    const Result<RootRuns::Basis> basis = mice_.FindBasis();
    if (!basis.ok()) return basis.error();
    basis_ = basis.value();
    // What a slot spends beside the service is as long for a child as for a small root.
    const double each = 1 / basis_.capacity + Seconds(options_.service - kMouse) / basis_.slots;
    expected_ = Nanos(static_cast<std::int64_t>(each * children_ / (1 - kMice) * 1e9));
    if (Status status = HaveThreadsMade(); !status.ok()) return status;
    const CpuMeter meter({target_.process});
    const Result<RootReport> alone = RunMice(std::max(expected_ / 10, options_.time));
    if (!alone.ok()) return alone.error();
    alone_p99_ = alone.value().times.Quantile(0.99);
    Row without;
    Check(alone.value(), meter.Read(), without);
    std::vector<Row> rows;
    for (const std::string tenant : {"", "bomber"}) {
      Result<Row> row = Beside(tenant);
      if (!row.ok()) return row.error();
      rows.push_back(std::move(row).value());
    }
    const Result<double> after = mice_.Capacity();
    if (!after.ok()) return after.error();
    for (Row& row : rows) {
      if (!without.problem.empty()) row.SetProblem(without.problem);
      if (!without.disturbed.empty()) row.SetVoid(without.disturbed);
      CheckDrift(basis_.capacity, after.value(), row);
      row.verified = row.problem.empty();
      report(row);
    }
    return {};
  }

 private:
  Result<RootReport> RunMice(Nanos time) {
    RootLoad load{.rate = kMice * basis_.capacity, .time = time};
    load.deadlines = basis_.unloaded.Deadlines();
    return mice_.Run(std::move(load));
  }

  // While a task waits for its children others run on threads that the node has not needed before.
  // One that is made while the small roots are measured would not be placed as the others are. Of
  // two bombs the second begins while the first waits.
  Status HaveThreadsMade() {
    Result<client::Client> client = ConnectLibrary(target_, options_, "");
    if (!client.ok()) return client.error();
    std::vector<client::Future> futures;
    for (int i = 0; i < 2; ++i) {
      Result<client::Future> future = Submit(client.value(), "spin", kMouse, kFewChildren);
      if (!future.ok()) return future.error();
      futures.push_back(std::move(future).value());
    }
    for (client::Future& future : futures) {
      const auto value = future.Get(options_.answer_within);
      if (!value.ok()) return AsError(value.error());
    }
    return {};
  }

  static Result<client::Future> Submit(client::Client& client, std::string_view function,
                                       Nanos service, std::uint32_t children) {
    const auto bomb = client.Find("bomb");
    if (!bomb.ok()) return AsError(bomb.error());
    const std::string micros = Format("{}", service / std::chrono::microseconds(1));
    const std::string count = Format("{}", children);
    const std::vector<client::Arg> arguments{client::Arg(function), client::Arg(micros),
                                             client::Arg(count)};
    client::Future future = client.Submit(bomb.value(), arguments);
    client.Flush();
    return future;
  }

  Result<Row> Beside(const std::string& tenant) {
    Result<client::Client> client = ConnectLibrary(target_, options_, tenant);
    if (!client.ok()) return client.error();
    const CpuMeter meter({target_.process});
    const SteadyClock clock;
    const Instant begin = clock.Now();
    const Nanos cpu_before = SlotsCpu();
    Result<client::Future> bomb = Submit(client.value(), kChild, options_.service, children_);
    if (!bomb.ok()) return bomb.error();
    client::Future& future = bomb.value();
    const Nanos due(static_cast<std::int64_t>(kBeside * static_cast<double>(expected_.count())));
    const Result<RootReport> mice = RunMice(due);
    if (!mice.ok()) return mice.error();
    const bool over = future.ready();
    const BombTimes times = TimesOf(mice.value(), SlotsCpu() - cpu_before, clock.Now() - begin);
    const auto value = future.Get(kPatience * expected_ + options_.answer_within);
    const Nanos took = clock.Now() - begin;
    Row row = RowOf(mice.value(), meter.Read());
    row.bomb->tenant = tenant.empty() ? "same" : "other";
    if (target_.process > 0) row.bomb->share = BombShare(times);
    row.per_s = static_cast<double>(children_) / Seconds(took);
    if (!value.ok()) {
      row.SetProblem(Format("the bomb failed: {}", value.error().message));
    } else if (AsText(value.value().view()) != Format("{}", children_)) {
      row.SetProblem(
          Format("of {} children {} ended well", children_, AsText(value.value().view())));
    }
    if (over) row.SetVoid("the bomb had ended before the small roots had");
    return row;
  }

  [[nodiscard]] Nanos SlotsCpu() const {
    return target_.process > 0 ? ThreadTime(target_.process, kSlotThread) : Nanos(0);
  }

  [[nodiscard]] BombTimes TimesOf(const RootReport& mice, Nanos cpu, Nanos beside) const {
    const auto ran = static_cast<double>(mice.Count(RootFate::kGood) + mice.Count(RootFate::kLate));
    return {.slots = Seconds(cpu),
            .small = ran * basis_.slots / basis_.capacity,
            .all = Seconds(beside) * basis_.slots};
  }

  Row RowOf(const RootReport& mice, const CpuShares& shares) const {
    Row row{.bench = "bomb"};
    row.n = mice.offered;
    row.errors = mice.errors;
    row.SetTimes(mice.times);
    row.ratio = *row.p99_us / Micros(alone_p99_);
    row.function = kChild;
    row.placement = std::string(ToString(mice_.placement()));
    row.deadline_ratio = mice_.deadline_ratio();
    BombFigures& figures = row.bomb.emplace();
    figures.children = children_;
    figures.service_us = Micros(options_.service);
    figures.alone_p99_us = Micros(alone_p99_);
    figures.success = static_cast<double>(mice.Count(RootFate::kGood)) /
                      static_cast<double>(std::max<std::uint64_t>(1, mice.offered));
    figures.capacity_per_s = basis_.capacity;
    figures.deadline_us = Micros(basis_.unloaded.Deadline());
    figures.lateness_p99_us = Micros(mice.late_by.Quantile(0.99));
    figures.controller = basis_.controller;
    Check(mice, shares, row);
    return row;
  }

  void Check(const RootReport& mice, const CpuShares& shares, Row& row) const {
    row.steal_pct = shares.steal;
    row.foreign_cpu_pct = shares.foreign;
    if (mice.errors > 0) row.SetProblem(mice.problem);
    const std::uint64_t silent = mice.Count(RootFate::kSilent);
    if (silent > 0) row.SetProblem(Format("{} roots have no outcome", silent));
    if (!mice_.problem().empty()) row.SetProblem(mice_.problem());
    CheckDisturbed(Micros(mice.late_by.Quantile(0.99)), basis_.unloaded.Deadline(), row);
  }

  static constexpr std::uint32_t kFewChildren = 256;
  // What it costs is learned apart from what the small ones do.
  static constexpr const char* kChild = "spin_long";

  RootRuns mice_;
  const Options& options_;
  const Target& target_;
  const std::uint32_t children_;
  RootRuns::Basis basis_;
  Nanos expected_{0};  // that a bomb takes which has all that the small roots leave
  Nanos alone_p99_{0};
};

}  // namespace

double BombShare(const BombTimes& times) {
  const double left = times.all - times.small;
  return left > 0 ? std::clamp((times.slots - times.small) / left, 0.0, 1.0) : 0;
}

Status MeasureBomb(const Options& options, const Target& target,
                   const std::function<void(Row&)>& report) {
  Options mice = options;
  mice.service = kMouse;
  mice.mix = CostMix::kConstant;
  mice.root = RootShape::kSingle;
  Result<RootRuns> runs = RootRuns::Open(target, mice);
  if (!runs.ok()) return runs.error();
  return Bomb(std::move(runs).value(), options, target).Run(report);
}

}  // namespace spillgate::bench
