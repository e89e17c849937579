#include "client/bench/root_runs.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "client/bench/cpu_meter.h"
#include "client/bench/stage_counts.h"
#include "client/lib/options.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr std::uint32_t kWindows[] = {2, 4, 8, 16, 32, 64};  // for each slot
constexpr double kUnloaded = 0.05;                           // of the capacity
constexpr double kMostLateness = 0.1;                        // of the deadline
// Enough to find a capacity, of what a longer measurement takes for other reasons.
constexpr Nanos kLongWindow = std::chrono::seconds(2);
constexpr int kLongWindowRoots = 25;  // of the longest
// For the node to start its threads, which can be pinned then; and again while its journal still
// writes the segments of a new folder, which takes a sixth of a core for more than a second.
constexpr Nanos kWarmUp = std::chrono::milliseconds(100);
constexpr int kMostWarmUps = 50;
constexpr std::string_view kJournalThread = "sg-journal";

std::string_view WorkOf(const Options& options) {
  return options.function.empty() ? "spin" : std::string_view(options.function);
}

Nanos Times(double ratio, Nanos time) {
  return Nanos(std::llround(ratio * static_cast<double>(time.count())));
}

double Ratio(Nanos a, Nanos b) {
  return static_cast<double>(a.count()) / static_cast<double>(b.count());
}

// Nothing if the node does not say, or cannot be asked.
std::optional<std::uint64_t> Arrived(const Result<std::string>& told) {
  if (!told.ok()) return std::nullopt;
  return ArrivedIn(told.value());
}

}  // namespace

void CheckDrift(double before, double after, Row& row) {
  if (std::abs(before - after) <= kMostDrift * std::max(before, after)) return;
  row.SetVoid(Format("the capacity was {:.0f} a second before and {:.0f} after", before, after));
}

void CheckCpu(double done, double accounted, double least, Row& row) {
  if (done <= 1 + kMostDrift && accounted >= (1 - kMostDrift) * least) return;
  row.SetVoid(Format("roots account for {:.2f} of the CPU time of the slots", accounted));
}

void CheckDisturbed(double late_us, Nanos deadline, Row& row) {
  if (late_us > kMostLateness * Micros(deadline)) {
    row.SetVoid(Format("the sender was {:.0f} us late", late_us));
  }
  if (row.steal_pct > kMostSteal) row.SetVoid("the host took CPU away");
}

std::array<Nanos, kModes> RootRuns::Unloaded::Deadlines() const {
  std::array<Nanos, kModes> deadlines{};
  for (std::size_t i = 0; i < kModes; ++i) deadlines[i] = Times(deadline_ratio, medians[i]);
  return deadlines;
}

Nanos RootRuns::Unloaded::Deadline(Nanos longer) const {
  return Times(deadline_ratio, medians[0] + longer);
}

std::optional<double> RootRuns::deadline_ratio() const {
  if (options_.deadline_ratio == kDeadlineRatio) return std::nullopt;
  return options_.deadline_ratio;
}

Nanos RootRuns::task_cost() const {
  return MeanCost({.time = options_.service, .mix = options_.mix});
}

bool RootRuns::spins() const {
  return WorkOf(options_).find("sleep") == std::string_view::npos;
}

std::string RootRuns::Function(std::size_t mode) const {
  return RootFunction(options_.root, WorkOf(options_), mode);
}

Result<RootRuns> RootRuns::Open(const Target& target, const Options& options) {
  Result<WireClient> asker = WireClient::Connect({.address = target.address, .poll = options.poll});
  if (!asker.ok()) return asker.error();
  RootRuns runs(target, options, std::move(asker).value());
  if (Status status = runs.Pin(); !status.ok()) return status.error();
  if (Status status = runs.Join(""); !status.ok()) return status.error();
  return runs;
}

Status RootRuns::Pin() {
  const Result<double> slots = AskSlots();
  if (!slots.ok()) return slots.error();
  slots_ = slots.value();
  const bool apart = target_.beside != nullptr && spins() && CanPlace(Placement::kSlots, slots_);
  placement_ = options_.placement.value_or(apart ? Placement::kSlots : Placement::kFree);
  Result<Pinning> pinning = Pinning::Make(placement_, target_.process);
  if (!pinning.ok()) return pinning.error();
  pinning_.emplace(std::move(pinning).value());
  return {};
}

Result<RootStream> RootRuns::OpenStream(const std::string& address,
                                        const std::string& tenant) const {
  return RootStream::Open({.address = address, .poll = options_.poll, .tenant = tenant},
                          options_.root, WorkOf(options_), ModesOf(options_));
}

Status RootRuns::Join(const std::string& tenant) {
  Result<RootStream> stream = OpenStream(target_.address, tenant);
  if (!stream.ok()) return stream.error();
  streams_.push_back(std::move(stream).value());
  return {};
}

// ---- what the node says of itself

Result<Json> RootRuns::Ask(std::string_view what) {
  const Result<std::string> told = asker_.Stats(what);
  if (!told.ok()) return told.error();
  return Json::parse(told.value(), nullptr, false);
}

Result<std::string> RootRuns::AskController() {
  const Result<Json> stages = Ask("stages");
  if (!stages.ok()) return stages.error();
  if (!stages.value().is_object() || !stages.value().contains("stages")) return std::string();
  for (const Json& stage : stages.value()["stages"]) {
    if (stage.value("stage", "") == "submission") return stage.value("controller", "");
  }
  return std::string();
}

Result<double> RootRuns::AskSlots() {
  const Result<Json> status = Ask("status");
  if (!status.ok()) return status.error();
  const Json total = status.value().value("/resources/cpu/total"_json_pointer, Json());
  return total.is_number() ? std::max(1.0, total.get<double>()) : 1.0;
}

Result<Nanos> RootRuns::AskWasted() {
  const Result<Json> status = Ask("status");
  if (!status.ok()) return status.error();
  const Json classes =
      status.value().value("/tasks/wasted_seconds_by_class"_json_pointer, Json::object());
  double seconds = 0;
  for (const Json& each : classes) seconds += each.is_number() ? each.get<double>() : 0;
  return Nanos(static_cast<std::int64_t>(seconds * 1e9));
}

Result<RootRuns::Basis> RootRuns::FindBasis() {
  Result<std::string> controller = AskController();
  if (!controller.ok()) return controller.error();
  const Result<double> capacity = Capacity();
  if (!capacity.ok()) return capacity.error();
  const Result<Unloaded> unloaded = WithoutLoad(capacity.value());
  if (!unloaded.ok()) return unloaded.error();
  return Basis{std::move(controller).value(), slots_, capacity.value(), unloaded.value()};
}

// ---- runs

void RootRuns::Prepare(RootLoad& load) const {
  load.service = {.time = options_.service, .mix = options_.mix};
}

RootLoad RootRuns::LoadOf(double rate) const {
  RootLoad load{.rate = rate, .burst = options_.burst, .time = options_.time};
  if (options_.manners == Manners::kCooperative) {
    load.cooperative = true;
    load.turnaround = options_.turnaround;
    constexpr client::RetryOptions kAsByDefault;
    load.retries = kAsByDefault.most;
    load.retry_budget = kAsByDefault.budget;
  }
  return load;
}

Result<RootReport> RootRuns::Run(RootLoad load) {
  std::vector<RootLoad> loads{std::move(load)};
  Result<std::vector<RootReport>> reports = RunTogether(std::move(loads));
  if (!reports.ok()) return reports.error();
  return std::move(reports.value().front());
}

Result<std::vector<RootReport>> RootRuns::RunTogether(std::vector<RootLoad> loads) {
  for (RootLoad& load : loads) {
    Prepare(load);
    load.seed = options_.seed + runs_++;
  }
  // What became of the children of a root, its client is not told. On a node of our own nobody
  // else's tasks run.
  const bool own = target_.beside != nullptr;
  pinning_->AddToNode(target_.process);
  const bool ask = own && options_.root == RootShape::kNested;
  const Result<Nanos> before = ask ? AskWasted() : Nanos(0);
  if (!before.ok()) return before.error();
  const Nanos cpu_before = own ? ThreadTime(target_.process, kSlotThread) : Nanos(0);
  // What came to the node, by its own count: of tasks, so of roots where these are single ones. Its
  // second answer is taken later, as roots are under way when it is asked.
  std::optional<std::uint64_t> arrived;
  std::function<void()> at_end;
  if (options_.root == RootShape::kSingle && loads.front().rate > 0) {
    arrived = Arrived(asker_.Stats("stages"));
    if (arrived.has_value()) at_end = [this] { asker_.AskStats("stages"); };
  }
  Result<std::vector<RootReport>> reports =
      RootStream::RunTogether(std::span(streams_).first(loads.size()), loads, options_, at_end);
  if (!reports.ok()) return reports;
  RootReport& first = reports.value().front();
  if (arrived.has_value()) {
    const std::optional<std::uint64_t> by_the_end = Arrived(asker_.TakeStats());
    if (by_the_end.has_value()) first.node_received = *by_the_end - *arrived;
  }
  if (!own) return reports;
  first.slots_cpu = ThreadTime(target_.process, kSlotThread) - cpu_before;
  if (!ask) return reports;
  const Result<Nanos> after = AskWasted();
  if (!after.ok()) return after.error();
  first.node_wasted = after.value() - before.value();
  return reports;
}

Result<double> RootRuns::Capacity() {
  if (target_.beside == nullptr) return CapacityOf(streams_.front(), 0);
  double capacity = 0;
  const Status status = target_.beside([&](const Target& node) -> Status {
    Result<RootStream> stream = OpenStream(node.address, "");
    if (!stream.ok()) return stream.error();
    const Result<double> found = CapacityOf(stream.value(), node.process);
    if (!found.ok()) return found.error();
    capacity = found.value();
    return {};
  });
  if (!status.ok()) return status.error();
  return capacity;
}

Status RootRuns::WarmUp(RootStream& stream, pid_t process) const {
  RootLoad load{.window = static_cast<std::uint32_t>(slots_), .time = kWarmUp};
  Prepare(load);
  for (int i = 0; i < kMostWarmUps; ++i) {
    const Nanos before = process > 0 ? ThreadTime(process, kJournalThread) : Nanos(0);
    const Result<RootReport> warm = stream.Run(load, options_);
    if (!warm.ok()) return warm.error();
    if (process <= 0 || ThreadTime(process, kJournalThread) - before < kWarmUp / 50) break;
  }
  return {};
}

// Each window has a seed of its own, so that before and after the same work is done.
Result<double> RootRuns::CapacityOf(RootStream& stream, pid_t process) {
  const Nanos longest =
      TasksOf(options_.root) * LongestCost({.time = options_.service, .mix = options_.mix});
  const Nanos time = std::min(options_.time / 4, std::max(kLongWindow, kLongWindowRoots * longest));
  double best = 0;
  if (const Status status = WarmUp(stream, process); !status.ok()) return status.error();
  for (const std::uint32_t window : kWindows) {
    RootLoad load{.window = window * static_cast<std::uint32_t>(slots_),
                  .time = time,
                  .seed = options_.seed + window};
    Prepare(load);
    if (process > 0) pinning_->AddToNode(process);
    const Nanos cpu_before = process > 0 ? ThreadTime(process, kSlotThread) : Nanos(0);
    const Result<RootReport> report = stream.Run(load, options_);
    if (!report.ok()) return report.error();
    // A wide window may be more than the controller lets in; then a narrower one is the best.
    if (report.value().errors > 0) Keep(report.value());
    const double seconds = std::chrono::duration<double>(report.value().span).count();
    const double per_s = Ratio(report.value().good_work, root_cost()) / seconds;
    if (per_s <= best) continue;
    best = per_s;
    if (process <= 0) continue;
    const Nanos cpu = ThreadTime(process, kSlotThread) - cpu_before;
    work_per_cpu_ = cpu > Nanos(0) ? Ratio(report.value().done_work, cpu) : 0;
  }
  if (best > 0) return best;
  return Error{Code::kUnavailable, "no root came back: what would its capacity be?"};
}

Result<RootRuns::Unloaded> RootRuns::WithoutLoad(double capacity) {
  if (const Status status = WarmUp(streams_.front(), 0); !status.ok()) return status.error();
  const double rate = capacity * kUnloaded;
  const Nanos enough(static_cast<std::int64_t>(options_.unloaded_roots / rate * 1e9));
  const Result<RootReport> report =
      Run({.rate = rate, .time = std::max(2 * options_.time, enough), .paired = true});
  if (!report.ok()) return report.error();
  Keep(report.value());
  Unloaded unloaded;
  unloaded.deadline_ratio = options_.deadline_ratio;
  const Nanos cpu = report.value().slots_cpu;
  if (cpu > Nanos(0)) unloaded.work_per_cpu = Ratio(report.value().done_work, cpu);
  for (std::size_t mode = 0; mode < ModesOf(options_.mix); ++mode) {
    Latencies times = report.value().modes[mode].times;
    if (mode > 0) {
      const Result<RootReport> alone =
          Run({.window = 1, .time = 2 * options_.time, .mode = static_cast<std::uint8_t>(mode)});
      if (!alone.ok()) return alone.error();
      Keep(alone.value());
      times = alone.value().times;
    }
    if (times.count() == 0 || times.Median() == Latencies::kEndless) {
      return Error{Code::kUnavailable, "no root came back without load: measure for longer"};
    }
    unloaded.medians[mode] = times.Median();
    unloaded.p99s[mode] = times.Quantile(0.99);
    unloaded.counts[mode] = times.count();
  }
  return unloaded;
}

void RootRuns::Keep(const RootReport& report) {
  if (!problem_.empty()) return;
  if (report.errors > 0) {
    problem_ = report.problem;
  } else if (report.Count(RootFate::kRefused) > 0) {
    problem_ = "refused without load";
  } else if (report.Count(RootFate::kExpired) + report.Count(RootFate::kSilent) > 0) {
    problem_ = "accepted without load, and never ended";
  }
}

}  // namespace spillgate::bench
