#include "client/bench/bench.h"

#include <utility>
#include <vector>

#include "client/bench/bomb.h"
#include "client/bench/graph.h"
#include "client/bench/library_batch.h"
#include "client/bench/overload.h"
#include "client/bench/pinning.h"
#include "client/bench/round_trip.h"
#include "client/bench/spike.h"
#include "client/bench/throughput.h"
#include "client/bench/wire_client.h"

namespace spillgate::bench {
namespace {

bool IsRaw(Method method) {
  return method != Method::kLibraryBatch && method != Method::kLibraryTrip &&
         method != Method::kGraph;
}

// Whoever serves at the address, if that can be known.
Result<pid_t> ProcessOf(const Target& target, const Benchmark& benchmark, const Options& options) {
  if (target.process != 0) return target.process;
  const Result<WireClient> client =
      WireClient::Connect({.address = target.address, .poll = options.poll});
  if (client.ok()) return client.value().peer();
  if (IsRaw(benchmark.method) || client.error().code != Code::kDenied) return client.error();
  return pid_t{0};  // the library has a token, perhaps
}

// The ratio to a bare socket is asked for on one core and across two; but nobody's node is moved
// without being asked for.
std::vector<Placement> PlacementsOf(const Benchmark& benchmark, const Options& options,
                                    bool own_node) {
  if (options.placement.has_value()) return {*options.placement};
  const bool trip =
      benchmark.method == Method::kRoundTrip || benchmark.method == Method::kLibraryTrip;
  if (!trip || !own_node) return {Placement::kFree};
  if (!CanPlace(Placement::kAcross)) return {Placement::kSame};
  return {Placement::kSame, Placement::kAcross};
}

Result<Row> Measure(const Benchmark& benchmark, const Options& options, Placement placement,
                    const Target& target) {
  switch (benchmark.method) {
    case Method::kStream:
    case Method::kOpenLoop: return MeasureStreams(benchmark, options, target);
    case Method::kRoundTrip:
    case Method::kLoadedTrip:
    case Method::kLibraryTrip: return MeasureRoundTrip(benchmark, options, placement, target);
    case Method::kLibraryBatch: return MeasureLibraryBatches(benchmark, options, target);
    case Method::kGraph: return MeasureGraphs(benchmark, options, target);
    case Method::kSpike:
    case Method::kStorm: return MeasureSpike(benchmark.method, options, target);
    case Method::kFair:
    case Method::kBomb:
    case Method::kOverload: break;  // has a row for each multiple
  }
  return Error{Code::kInvalid, "no such method"};
}

}  // namespace

Status RunBench(const Benchmark& benchmark, const Options& options, const Target& target,
                const Report& report) {
  if (Status status = Check(benchmark, options); !status.ok()) return status;
  const Result<pid_t> process = ProcessOf(target, benchmark, options);
  if (!process.ok()) return process.error();
  Target known = target;
  known.process = process.value();
  const auto finish = [&](Row& row) {
    if (row.function.empty()) row.function = std::string(FunctionOf(options));
    row.level = std::string(ToString(LevelOf(benchmark, options)));
    row.profile = target.profile;
    row.clients = options.clients;
    row.payload = options.payload;
    report(row);
  };
  if (benchmark.method == Method::kBomb) return MeasureBomb(options, known, finish);
  if (benchmark.method == Method::kOverload || benchmark.method == Method::kFair) {
    return MeasureOverload(benchmark.method, options, known, finish);
  }
  for (const Placement placement : PlacementsOf(benchmark, options, target.process != 0)) {
    Result<Row> measured = Measure(benchmark, options, placement, known);
    if (!measured.ok()) return measured.error();
    finish(measured.value());
  }
  return {};
}

}  // namespace spillgate::bench
