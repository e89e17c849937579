#include "client/bench/graph.h"

#include <string>
#include <utility>

#include "client/bench/cpu_meter.h"
#include "client/bench/library.h"
#include "client/bench/pinning.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr std::uint64_t kWarmUpGraphs = 3;

// Submits the whole of it, then waits for the last result.
Status RunOnce(client::Client& client, const client::Function& sum, const Graph& graph,
               const Options& options, Level level, const std::string& expected) {
  std::vector<client::Future> futures;
  futures.reserve(graph.size());
  std::vector<client::Arg> arguments;
  const client::SubmitOptions last{.level = level};
  client::SubmitOptions inner = last;
  inner.push = false;  // only passed on
  for (std::size_t i = 0; i < graph.size(); ++i) {
    arguments.clear();
    arguments.emplace_back("1");
    for (const std::uint32_t from : graph[i]) arguments.emplace_back(futures[from]);
    futures.push_back(client.Submit(sum, arguments, i + 1 == graph.size() ? last : inner));
  }
  client.Flush();
  const auto value = futures.back().Get(options.answer_within);
  if (!value.ok()) return AsError(value.error());
  const std::string_view got = AsText(value.value().view());
  if (got == expected) return {};
  return Error{Code::kCorrupt, Format("the last task returned {}, not {}", got, expected)};
}

}  // namespace

Graph MakeGraph(Shape shape, std::uint32_t size) {
  Graph graph(size);
  for (std::uint32_t i = 1; i < size; ++i) {
    if (shape == Shape::kChain) graph[i] = {i - 1};
    if (shape == Shape::kFan && i + 1 < size) graph[i] = {0};
    if (shape == Shape::kFan && i + 1 == size) {
      for (std::uint32_t from = 1; from < i; ++from) graph[i].push_back(from);
    }
  }
  if (shape != Shape::kTree) return graph;
  // A heap from its end: the last task is the root, its children stand before it.
  for (std::uint32_t node = 1; node <= size; ++node) {
    for (const std::uint32_t child : {2 * node, 2 * node + 1}) {
      if (child <= size) graph[size - node].push_back(size - child);
    }
  }
  return graph;
}

std::int64_t ValueOf(const Graph& graph) {
  std::vector<std::int64_t> values;
  for (const std::vector<std::uint32_t>& from : graph) {
    std::int64_t value = 1;
    for (const std::uint32_t each : from) value += values[each];
    values.push_back(value);
  }
  return values.back();
}

Result<Row> MeasureGraphs(const Benchmark& benchmark, const Options& options,
                          const Target& target) {
  const Placement placement = options.placement.value_or(Placement::kFree);
  const Result<Pinning> pinning = Pinning::Make(placement, target.process);
  if (!pinning.ok()) return pinning.error();
  Result<client::Client> client = ConnectLibrary(target, options);
  if (!client.ok()) return client.error();
  const auto sum = client.value().Find("sum");
  if (!sum.ok()) return AsError(sum.error());
  const Graph graph = MakeGraph(options.shape, options.size);
  const std::string expected = Format("{}", ValueOf(graph));
  const Level level = LevelOf(benchmark, options);
  const auto run = [&] {
    return RunOnce(client.value(), sum.value(), graph, options, level, expected);
  };
  const AskStages ask = AskThrough(client.value());
  const Result<StageCounts> before = ReadStageCounts(ask);
  if (!before.ok()) return before.error();
  for (std::uint64_t i = 0; i < kWarmUpGraphs; ++i) {
    if (const Status status = run(); !status.ok()) return status.error();
  }
  const SteadyClock clock;
  const CpuMeter meter({target.process});
  Latencies makespans;
  const Instant begin = clock.Now();
  Instant now = begin;
  while (now - begin < options.time) {
    if (options.stopped()) return Error{Code::kCancelled, "interrupted"};
    if (const Status status = run(); !status.ok()) return status.error();
    const Instant end = clock.Now();
    makespans.Add(end - now);
    now = end;
  }
  const CpuShares shares = meter.Read();
  Row row{.bench = std::string(benchmark.name)};
  row.n = makespans.count() * graph.size();
  row.per_s = static_cast<double>(row.n) / std::chrono::duration<double>(now - begin).count();
  row.SetTimes(makespans);
  row.verified = true;
  row.function = "sum";
  row.shape = std::string(ToString(options.shape));
  row.size = options.size;
  row.placement = std::string(ToString(placement));
  row.steal_pct = shares.steal;
  row.foreign_cpu_pct = shares.foreign;
  VerifyCounts(ask, before.value(), row.n + kWarmUpGraphs * graph.size(), row);
  return row;
}

}  // namespace spillgate::bench
