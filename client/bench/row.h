// Row: what one measurement says. Numbers that do not apply are not there. A plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/bench/latencies.h"

namespace spillgate::bench {

struct Row {
  std::string bench;
  std::optional<double> per_s;  // tasks
  std::optional<double> p50_us;
  std::optional<double> p99_us;
  std::optional<double> p999_us;
  std::optional<double> ratio;        // of the round trip to that of a bare socket
  std::optional<double> bare_p50_us;  // of that socket
  std::uint64_t n = 0;                // tasks, each of them counted in the above
  std::uint64_t errors = 0;           // refused, failed, wrong, twice
  bool verified = false;  // each id once, nonces came back, every stage of the node counted n
  std::string problem;    // why not, and the first of the errors

  std::string function;
  std::string level;
  std::string placement;
  std::string profile;  // of the node's configuration
  std::string shape;    // of graphs
  std::optional<std::uint32_t> batch;
  std::optional<std::uint32_t> window;
  std::optional<std::uint32_t> clients;
  std::optional<std::uint32_t> payload;
  std::optional<std::uint32_t> size;    // tasks of a graph
  std::optional<std::uint32_t> blocks;  // pairs of blocks that `ratio` is the median of
  // Of an open loop: what was asked for, and how much later than planned its frames were sent.
  std::optional<double> rate;
  std::optional<double> late_p50_us;
  std::optional<double> late_p99_us;
  std::optional<double> late_max_us;

  // While it was measured, of all cores: taken away by the host, used by other programs.
  double steal_pct = 0;
  double foreign_cpu_pct = 0;

  void SetTimes(const Latencies& times) {
    p50_us = Micros(times.Quantile(0.50));
    p99_us = Micros(times.Quantile(0.99));
    p999_us = Micros(times.Quantile(0.999));
  }
  // The first problem is the one that is told.
  void SetProblem(const std::string& what) {
    if (problem.empty()) problem = what;
  }
};

}  // namespace spillgate::bench
