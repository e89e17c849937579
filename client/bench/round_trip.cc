#include "client/bench/round_trip.h"

#include <algorithm>
#include <optional>

#include "client/bench/blocks.h"
#include "client/bench/cpu_meter.h"
#include "client/bench/library.h"
#include "client/bench/pinning.h"
#include "client/bench/spinner.h"
#include "client/bench/stage_counts.h"
#include "client/bench/task_trip.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr std::uint64_t kWarmUpTrips = 200;

// Through the library, with nonces as the raw one has them. Refers to what it is made from.
class LibraryTrip {
 public:
  LibraryTrip(client::Client& client, client::Function function, client::Function echo,
              const Options& options, Level level)
      : client_(client),
        function_(std::move(function)),
        echo_(std::move(echo)),
        options_(options),
        submit_{.level = level},
        nonces_(options.seed, options.payload) {}

  [[nodiscard]] Status Once() {
    const bool echo = function_.id == echo_.id || count_ % kEchoEvery == 0;
    const ByteView nonce = nonces_.Of(count_);
    const client::Arg argument(nonce);
    const bool has_argument = echo || options_.payload > 0;
    const client::Future future = client_.Submit(
        echo ? echo_ : function_, client::Args(&argument, has_argument ? 1 : 0), submit_);
    const auto value = future.Get(options_.answer_within);
    if (!value.ok()) return AsError(value.error());
    if (echo && !nonces_.Matches(count_, value.value().view())) {
      return Error{Code::kCorrupt, "a result is not the nonce that was sent"};
    }
    echoed_ += echo ? 1 : 0;
    ++count_;
    return {};
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t echoed() const { return echoed_; }

 private:
  static constexpr std::uint64_t kEchoEvery = 64;

  client::Client& client_;
  const client::Function function_;
  const client::Function echo_;
  const Options& options_;
  const client::SubmitOptions submit_;
  Nonces nonces_;
  std::uint64_t count_ = 0;
  std::uint64_t echoed_ = 0;
};

// What is compared, and who has counted what before.
struct Setting {
  Trip trip;
  std::function<std::uint64_t()> count;   // tasks so far
  std::function<std::uint64_t()> echoed;  // nonces that came back so far
  AskStages ask;
  EchoSizes sizes;
};

// Whatever goes wrong in a trip ends the measurement, so a row that is there has no errors.
Result<Row> MeasureSetting(const Benchmark& benchmark, const Options& options,
                           const Pinning& pinning, const Target& target, const Setting& setting,
                           const StageCounts& before) {
  // A node beside a task that has the CPU blocks at once, so the bare one does as well.
  const bool loaded = benchmark.method == Method::kLoadedTrip;
  Result<BareEcho> bare = BareEcho::Start(
      setting.sizes, {.client = options.poll, .server = loaded ? Nanos(0) : options.poll});
  if (!bare.ok()) return bare.error();
  pinning.AddToNode(bare.value().process());
  const Trip echo = [&]() -> Status {
    if (bare.value().Once(options.answer_within)) return {};
    return Error{Code::kUnavailable, "the bare echo did not answer"};
  };
  for (std::uint64_t i = 0; i < kWarmUpTrips; ++i) {
    if (const Status status = echo(); !status.ok()) return status.error();
  }
  const Trip trip = [&]() -> Status {
    if (options.stopped()) return Error{Code::kCancelled, "interrupted"};
    return setting.trip();
  };
  const CpuMeter meter({target.process, bare.value().process()});
  const std::uint64_t echoed_before = setting.echoed();
  const Result<Comparison> comparison = Compare(trip, echo, options.time, SteadyClock());
  const CpuShares shares = meter.Read();
  if (!comparison.ok()) return comparison.error();
  const Comparison& measured = comparison.value();

  Row row{.bench = std::string(benchmark.name)};
  row.SetTimes(measured.times);
  row.bare_p50_us = Micros(measured.bare.Quantile(0.5));
  row.ratio = measured.ratio();
  row.blocks = static_cast<std::uint32_t>(measured.ratios.size());
  row.n = measured.times.count();
  row.steal_pct = shares.steal;
  row.foreign_cpu_pct = shares.foreign;
  row.verified = setting.echoed() > echoed_before;
  if (!row.verified) row.SetProblem("no nonce came back: measure for longer");
  VerifyCounts(setting.ask, before, setting.count(), row);
  return row;
}

Status WarmUp(const Trip& trip) {
  for (std::uint64_t i = 0; i < kWarmUpTrips; ++i) {
    if (Status status = trip(); !status.ok()) return status;
  }
  return {};
}

Result<Row> MeasureLibrary(const Benchmark& benchmark, const Options& options,
                           const Pinning& pinning, const Target& target, EchoSizes sizes) {
  Result<client::Client> client = ConnectLibrary(target, options);
  if (!client.ok()) return client.error();
  const auto function = client.value().Find(FunctionOf(options));
  if (!function.ok()) return AsError(function.error());
  const auto echo = client.value().Find("echo");
  if (!echo.ok()) return AsError(echo.error());
  const AskStages ask = AskThrough(client.value());
  const Result<StageCounts> before = ReadStageCounts(ask);
  if (!before.ok()) return before.error();
  LibraryTrip trip(client.value(), function.value(), echo.value(), options,
                   LevelOf(benchmark, options));
  const Setting setting{.trip = [&trip] { return trip.Once(); },
                        .count = [&trip] { return trip.count(); },
                        .echoed = [&trip] { return trip.echoed(); },
                        .ask = ask,
                        .sizes = sizes};
  if (const Status status = WarmUp(setting.trip); !status.ok()) return status.error();
  return MeasureSetting(benchmark, options, pinning, target, setting, before.value());
}

}  // namespace

Result<Row> MeasureRoundTrip(const Benchmark& benchmark, const Options& options,
                             Placement placement, const Target& target) {
  const Result<Pinning> pinning = Pinning::Make(placement, target.process);
  if (!pinning.ok()) return pinning.error();
  std::optional<Result<Spinner>> spinner;
  if (benchmark.method == Method::kLoadedTrip) {
    spinner.emplace(Spinner::Start(target, options.answer_within));
    if (!spinner->ok()) return spinner->error();
  }
  Result<TaskTrip> opened = TaskTrip::Open({.address = target.address, .poll = options.poll},
                                           options, LevelOf(benchmark, options));
  if (!opened.ok()) return opened.error();
  TaskTrip& raw = opened.value();
  const AskStages ask = [&raw] { return raw.wire().Stats("stages"); };
  const Result<StageCounts> before = ReadStageCounts(ask);
  if (!before.ok()) return before.error();
  const Setting setting{.trip = [&raw] { return raw.Once(); },
                        .count = [&raw] { return raw.count(); },
                        .echoed = [&raw] { return raw.echoed(); },
                        .ask = ask,
                        .sizes = {}};
  if (const Status status = WarmUp(setting.trip); !status.ok()) return status.error();
  const bool library = benchmark.method == Method::kLibraryTrip;
  Setting sized = setting;
  sized.sizes = raw.sizes();
  Result<Row> row =
      library ? MeasureLibrary(benchmark, options, pinning.value(), target, raw.sizes())
              : MeasureSetting(benchmark, options, pinning.value(), target, sized, before.value());
  if (row.ok()) row.value().placement = std::string(ToString(placement));
  return row;
}

}  // namespace spillgate::bench
