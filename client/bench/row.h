// Row: what one measurement says. Numbers that do not apply are not there. A plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/bench/latencies.h"
#include "client/bench/spike_series.h"
#include "core/base/clock.h"
#include "core/model/class.h"

namespace spillgate::bench {

// Of one of the functions of a mix that has several.
struct FunctionFigures {
  std::string function;
  std::uint64_t offered = 0;
  std::uint64_t good = 0;
  std::uint64_t late = 0;
  std::uint64_t expired = 0;
  std::uint64_t refused = 0;
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double unloaded_p99_us = 0;
  double deadline_us = 0;
};

// What became of roots, in numbers.
struct FateCounts {
  std::uint64_t good = 0;
  std::uint64_t late = 0;
  std::uint64_t expired = 0;
  std::uint64_t silent = 0;
  std::uint64_t refused = 0;  // in the end
  std::uint64_t held = 0;     // had no credit in time
};

// Of one of the classes in which roots came, where there were several.
struct ClassFigures : FateCounts {
  TaskClass cls = TaskClass::kNormal;
  std::uint64_t offered = 0;
  std::optional<double> ok_ratio;  // good ones to those offered, if any were
  // Of those of the first function that were accepted, if any were.
  std::optional<double> p50_us;
  std::optional<double> p99_us;
  std::optional<double> p999_us;
};

// What the roots of one stream were drawn from (root_schedule.h): who has it draws them again.
struct DrawnFrom {
  std::uint64_t seed = 0;
  double per_s = 0;  // exactly
  Nanos time{0};
  Nanos service{0};
  std::uint32_t burst = 1;
};

// Of one multiple of a node's capacity.
struct OverloadFigures : FateCounts {
  double x = 0;
  std::optional<std::uint64_t> step;  // of a run whose load changes, from 1
  std::optional<double> service_us;   // of such a step, if it has one of its own
  double slots = 0;
  double capacity_per_s = 0;       // roots, measured in closed loops before and after
  double capacity_ratio = 0;       // work of those to the time of all slots
  double offered_per_s = 0;        // by the schedule
  double offered_work_ratio = 0;   // work that came to that of x times the capacity
  double received_per_s = 0;       // came to the node while roots were due
  double goodput_ratio = 0;        // work of good roots to min(x, 1) of the capacity
  double goodput_ratio_count = 0;  // the same by their number
  double unloaded_p99_us = 0;
  std::uint64_t unloaded_n = 0;           // roots that this is of
  std::optional<double> slots_cpu_ratio;  // work spent to the CPU time of the node's slots
  double wasted_ratio = 0;  // work spent on roots that were not good, to all that was spent
  double refused_ratio = 0;
  double refusal_p99_us = 0;
  double lateness_p99_us = 0;  // of the sender
  double deadline_us = 0;
  std::vector<FunctionFigures> functions;
  std::optional<double> long_p99_us;        // of the second of them
  double min_function_success = 1;          // of the worst of them, to that of all; of one, 1
  std::vector<ClassFigures> classes;        // the most important first
  std::optional<double> critical_ok_ratio;  // good ones of that class, to those offered
  std::optional<double> critical_p99_us;
  std::optional<std::uint64_t> critical_n;  // of that class, offered
  double jain = 1;                          // over good work to entitlement, by tenant; of one, 1
  std::optional<double> least_of_tenant;    // the least of those
  std::optional<double> mice_p99_us;        // of the tenants that ask for little
  std::uint64_t again = 0;                  // sent again, as they were refused
  std::string controller;                   // of submission
  std::string mix;
  std::string clients;
  std::optional<double> turnaround_us;  // of those that cooperate
  std::optional<std::uint64_t> burst;   // roots that come at the same time, if more than one
  std::optional<DrawnFrom> drawn;       // if all came in one stream, and at one rate
};

// Of bursts of `x` times a node's capacity, and of half of it between them.
struct SpikeFigures {
  double x = 0;
  std::uint64_t spikes = 0;
  std::optional<std::uint64_t> again;  // of a storm: roots that were sent again
  double capacity_per_s = 0;
  // From the beginning of a spike until what is accepted comes in time, and from its end until
  // everything does: the median, the worst, and the median of the same without a spike.
  double converge_ms = 0;
  double converge_ms_worst = 0;
  double converge_ms_baseline = 0;
  double recover_ms = 0;
  double recover_ms_worst = 0;
  double recover_ms_baseline = 0;
  double unloaded_p99_us = 0;
  double deadline_us = 0;
  double lateness_p99_us = 0;  // of the sender
  std::string controller;
  std::string mix;
  std::string clients;
  std::vector<SeriesBin> series;  // around the short spikes; none of a storm
};

// Of small roots beside one that grows.
struct BombFigures {
  std::uint64_t children = 0;
  double service_us = 0;        // of each
  std::string tenant;           // "same": that of the small ones; or "other"
  double alone_p99_us = 0;      // of the small ones, as loaded, without it
  double success = 0;           // part of them that came in time
  std::optional<double> share;  // of the slot time that they left; none where nobody knows
  double capacity_per_s = 0;    // small ones
  double deadline_us = 0;       // theirs
  double lateness_p99_us = 0;
  std::string controller;
};

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
  std::string disturbed;  // what makes it void, if anything, also where that is not the problem

  std::string function;
  std::string level;
  std::string placement;
  std::string profile;  // of the node's configuration
  std::string shape;    // of graphs, and of roots
  std::optional<std::uint32_t> batch;
  std::optional<std::uint32_t> window;
  std::optional<std::uint32_t> clients;
  std::optional<std::uint32_t> payload;
  std::optional<std::uint32_t> size;    // tasks of a graph, or of a root
  std::optional<std::uint32_t> blocks;  // pairs of blocks that `ratio` is the median of
  // Of an open loop: what was asked for, and how much later than planned its frames were sent.
  std::optional<double> rate;
  std::optional<double> late_p50_us;
  std::optional<double> late_p99_us;
  std::optional<double> late_max_us;

  std::optional<double> deadline_ratio;  // of roots of a load, in medians without load; or 10
  std::optional<OverloadFigures> overload;
  std::optional<SpikeFigures> spike;
  std::optional<BombFigures> bomb;

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
  void SetVoid(const std::string& what) {
    if (disturbed.empty()) disturbed = what;
    SetProblem("void: " + what);
  }
};

}  // namespace spillgate::bench
