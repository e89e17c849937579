#include "client/bench/throughput.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <vector>

#include "client/bench/cpu_meter.h"
#include "client/bench/pinning.h"
#include "client/bench/stage_counts.h"
#include "client/bench/stream.h"

namespace spillgate::bench {
namespace {

// Pages, caches and the node's own memory have been touched after that.
Nanos WarmUpOf(const Options& options) {
  constexpr Nanos kMost = std::chrono::milliseconds(300);
  return std::min(kMost, options.time / 4);
}

StreamPlan PlanOf(const Benchmark& benchmark, const Options& options, std::uint32_t client) {
  return {.batch = BatchOf(benchmark, options),
          .window = WindowOf(benchmark, options),
          .level = LevelOf(benchmark, options),
          .function = std::string(FunctionOf(options)),
          .payload = options.payload,
          .rate = options.rate / options.clients,
          .seed = options.seed + client,
          .answer_within = options.answer_within};
}

// All streams at once, each on a thread. The first error, if any cannot go on.
Result<StreamReport> RunAll(std::vector<Stream>& streams, Nanos time, const Options& options) {
  std::vector<std::optional<Result<StreamReport>>> reports(streams.size());
  std::vector<std::thread> threads;
  threads.reserve(streams.size());
  for (std::size_t i = 0; i < streams.size(); ++i) {
    threads.emplace_back([&, i] { reports[i] = streams[i].Run(time, options); });
  }
  for (std::thread& thread : threads) thread.join();
  StreamReport all;
  all.began = kNever;
  for (const auto& report : reports) {
    if (!report->ok()) return report->error();
    all.Add(report->value());
  }
  return all;
}

Row ToRow(const Benchmark& benchmark, const Options& options, const StreamReport& report) {
  Row row{.bench = std::string(benchmark.name)};
  const double seconds = std::chrono::duration<double>(report.ended - report.began).count();
  row.n = report.sent;
  if (seconds > 0) row.per_s = static_cast<double>(report.done) / seconds;
  if (report.times.count() > 0) row.SetTimes(report.times);
  row.errors = report.errors;
  row.problem = report.problem;
  row.verified = report.errors == 0 && report.done == report.sent && report.done > 0;
  row.batch = BatchOf(benchmark, options);
  row.window = WindowOf(benchmark, options);
  if (report.echoed == 0) {
    row.verified = false;
    row.SetProblem("no nonce came back: measure for longer");
  }
  if (options.rate > 0) {
    row.rate = options.rate;
    row.late_p50_us = Micros(report.late.Quantile(0.50));
    row.late_p99_us = Micros(report.late.Quantile(0.99));
    row.late_max_us = Micros(report.late.max());
  }
  return row;
}

}  // namespace

Result<Row> MeasureStreams(const Benchmark& benchmark, const Options& options,
                           const Target& target) {
  const Placement placement = options.placement.value_or(Placement::kFree);
  const Result<Pinning> pinning = Pinning::Make(placement, target.process);
  if (!pinning.ok()) return pinning.error();
  std::vector<Stream> streams;
  for (std::uint32_t i = 0; i < options.clients; ++i) {
    Result<Stream> stream = Stream::Open({.address = target.address, .poll = options.poll},
                                         PlanOf(benchmark, options, i));
    if (!stream.ok()) return stream.error();
    streams.push_back(std::move(stream).value());
  }
  const AskStages ask = [&streams] { return streams.front().wire().Stats("stages"); };
  const Result<StageCounts> before = ReadStageCounts(ask);
  if (!before.ok()) return before.error();
  const Result<StreamReport> warm = RunAll(streams, WarmUpOf(options), options);
  if (!warm.ok()) return warm.error();

  const CpuMeter meter({target.process});
  const Result<StreamReport> report = RunAll(streams, options.time, options);
  const CpuShares shares = meter.Read();
  if (!report.ok()) return report.error();
  Row row = ToRow(benchmark, options, report.value());
  row.placement = std::string(ToString(placement));
  row.steal_pct = shares.steal;
  row.foreign_cpu_pct = shares.foreign;
  if (warm.value().errors > 0) {
    row.errors += warm.value().errors;
    row.SetProblem(warm.value().problem);
  }
  VerifyCounts(ask, before.value(), warm.value().sent + report.value().sent, row);
  return row;
}

}  // namespace spillgate::bench
