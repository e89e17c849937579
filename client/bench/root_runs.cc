#include "client/bench/root_runs.h"

#include <algorithm>
#include <utility>

#include "core/base/json.h"

namespace spillgate::bench {
namespace {

constexpr std::uint32_t kWindows[] = {2, 4, 8, 16, 32, 64};
constexpr double kUnloaded = 0.05;  // of the capacity

}  // namespace

std::string RootFunction(const Options& options) {
  return options.function.empty() ? "spin" : options.function;
}

Result<RootRuns> RootRuns::Open(const std::string& address, const Options& options) {
  Result<RootStream> stream =
      RootStream::Open({.address = address, .poll = options.poll}, RootFunction(options));
  if (!stream.ok()) return stream.error();
  return RootRuns(address, std::move(stream).value(), options);
}

Status RootRuns::Join(const std::string& tenant) {
  Result<RootStream> stream = RootStream::Open(
      {.address = address_, .poll = options_.poll, .tenant = tenant}, RootFunction(options_));
  if (!stream.ok()) return stream.error();
  streams_.push_back(std::move(stream).value());
  return {};
}

Result<RootRuns::Basis> RootRuns::FindBasis() {
  Result<std::string> controller = AskController();
  if (!controller.ok()) return controller.error();
  const Result<double> capacity = Capacity();
  if (!capacity.ok()) return capacity.error();
  const Result<Unloaded> unloaded = WithoutLoad(capacity.value());
  if (!unloaded.ok()) return unloaded.error();
  return Basis{std::move(controller).value(), capacity.value(), unloaded.value()};
}

Result<std::string> RootRuns::AskController() {
  const Result<std::string> stages = streams_.front().wire().Stats("stages");
  if (!stages.ok()) return stages.error();
  const Json json = Json::parse(stages.value(), nullptr, false);
  if (!json.is_object() || !json.contains("stages")) return std::string();
  for (const Json& stage : json["stages"]) {
    if (stage.value("stage", "") == "submission") return stage.value("controller", "");
  }
  return std::string();
}

Result<RootReport> RootRuns::Run(RootLoad load) {
  load.service = {.mean = options_.service, .mix = options_.mix};
  load.seed = options_.seed + runs_++;
  return streams_.front().Run(load, options_);
}

Result<std::vector<RootReport>> RootRuns::RunTogether(std::vector<RootLoad> loads) {
  for (RootLoad& load : loads) {
    load.service = {.mean = options_.service, .mix = options_.mix};
    load.seed = options_.seed + runs_++;
  }
  return RootStream::RunTogether(std::span(streams_).first(loads.size()), loads, options_);
}

Result<double> RootRuns::Capacity() {
  double best = 0;
  for (const std::uint32_t window : kWindows) {
    const Result<RootReport> report = Run({.window = window, .time = options_.time / 4});
    if (!report.ok()) return report.error();
    // A wide window may be more than the controller lets in; then a narrower one is the best.
    if (report.value().errors > 0) Keep(report.value());
    const double work = static_cast<double>(report.value().good_work / options_.service);
    best = std::max(best, work / std::chrono::duration<double>(report.value().span).count());
  }
  if (best > 0) return best;
  return Error{Code::kUnavailable, "no root came back: what would its capacity be?"};
}

Result<RootRuns::Unloaded> RootRuns::WithoutLoad(double capacity) {
  const Result<RootReport> report = Run({.rate = capacity * kUnloaded, .time = 2 * options_.time});
  if (!report.ok()) return report.error();
  Keep(report.value());
  const Latencies& times = report.value().modes[0].times;
  Unloaded unloaded{.medians = {times.Quantile(0.5)}, .p99 = times.Quantile(0.99)};
  bool known = times.count() > 0;
  if (options_.mix == CostMix::kBimodal) {
    const Result<RootReport> alone =
        Run({.window = 1, .time = 2 * options_.time, .long_ones = true});
    if (!alone.ok()) return alone.error();
    Keep(alone.value());
    unloaded.medians[1] = alone.value().times.Quantile(0.5);
    known = known && alone.value().times.count() > 0;
  }
  if (known) return unloaded;
  return Error{Code::kUnavailable, "no root came back without load: measure for longer"};
}

void RootRuns::Keep(const RootReport& report) {
  if (!problem_.empty()) return;
  if (report.errors > 0) problem_ = report.problem;
  if (report.refused > 0) problem_ = "refused without load";
}

}  // namespace spillgate::bench
