// Snapshot: everything that the node shows of itself at one moment, as plain values. Metrics, JSON
// and the page are three ways to write the same snapshot, so they never disagree.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/flow/stage_stats.h"
#include "core/model/class.h"
#include "core/model/reason.h"
#include "server/admin/node_figures.h"
#include "stages/tally.h"

namespace spillgate::admin {

// The only stage that refuses, by its name in the config.
inline constexpr std::string_view kRefusingStage = "submission";

// A histogram of the stage runtime, copied: bucket i counts durations of [2^(i-1), 2^i) ns.
struct Durations {
  std::array<std::uint64_t, flow::Histogram::kBuckets> buckets{};
  std::uint64_t sum_ns = 0;

  void Add(const flow::Histogram& histogram);
  void Add(const Durations& other);
  [[nodiscard]] std::uint64_t count() const;
  // Interpolated within a bucket, so right to within a factor of two; 0 when there are none.
  [[nodiscard]] Nanos Quantile(double q) const;
};

using CountByClass = std::array<std::uint64_t, kClasses>;
using CountByReason = std::array<std::uint64_t, kReasons>;

// Over the last second or two.
struct StageRates {
  double in_per_s = 0;
  double out_per_s = 0;
  double shed_per_s = 0;   // refused and dropped
  double utilisation = 0;  // busy time ÷ time, at most 1 for each shard
};

enum class StageState : std::uint8_t { kIdle, kOk, kShedding, kSaturated, kStalled };
[[nodiscard]] std::string_view ToString(StageState state);

// One shard of a stage, or all of them together.
struct StageFigures {
  std::int64_t queued = 0;  // in the inbox
  std::int64_t held = 0;    // taken from it, and still the stage's
  std::int64_t capacity = 0;
  std::int64_t bytes = 0;
  std::int64_t capacity_bytes = 0;
  Nanos oldest_age{0};

  // Tasks that came to the stage, and that went from it; of submission, as far as they have a
  // verdict.
  std::uint64_t arrived = 0;
  std::uint64_t left = 0;
  CountByClass handled{};
  std::uint64_t kept = 0;     // told to stay upstream
  std::uint64_t dropped = 0;  // doomed on the way in
  std::uint64_t fuses = 0;
  CountByReason refused{};  // tasks; only submission refuses
  std::uint64_t batches = 0;
  std::uint64_t batch_most = 0;  // events at a time, by the config
  std::uint64_t batch_fits = 0;  // and by the time they take: the lesser counts; 0 is unknown
  std::uint64_t busy_ns = 0;
  std::array<Durations, kClasses> wait;     // arrival to emit
  std::array<Durations, kClasses> service;  // busy time of the batch ÷ its size

  CountByClass dry_run_refused{};  // tasks that the controller on trial would have refused
  std::int64_t admits_up_to = 0;   // by its controller, in its own unit; 0 is no limit
  Nanos retry_after{0};            // told to those it refuses
  StageRates rates;
  StageState state = StageState::kIdle;

  void Add(const StageFigures& shard);
  [[nodiscard]] std::int64_t occupied() const { return queued + held; }
  [[nodiscard]] std::uint64_t handled_in_all() const;
  [[nodiscard]] std::uint64_t refused_in_all() const;
  [[nodiscard]] std::uint64_t shed() const { return refused_in_all() + dropped; }
};

struct Stage {
  std::string name;
  std::string controller;
  std::string dry_run;  // the controller on trial; "" for none
  StageFigures all;
  std::vector<StageFigures> shards;
};

struct PoolFigures {
  std::string name;
  std::uint32_t threads = 1;
  std::uint64_t busy_ns = 0;
};

// What tasks waited for before they could go on, and, last, why connections were not read: in the
// order of SocketTally.
inline constexpr std::array<std::string_view, 5 + SocketTally::kWhys> kDeferralReasons{
    "slack",           "arguments",   "spawn",        "disk",         "retry",
    "socket_refusals", "socket_full", "socket_large", "socket_unread"};
inline constexpr std::array<std::string_view, DeferralTally::kOutcomes> kDeferralOutcomes{
    "run", "expired", "cancelled", "failed"};

struct DeferralFigures {
  std::array<std::uint64_t, DeferralTally::kOutcomes> outcomes{};
  Durations ages;

  void Add(const DeferralTally& shard);
};

// The tally, summed over shards.
struct TaskFigures {
  CountByClass accepted{};
  CountByClass roots_refused{};  // for want of room or time
  std::uint64_t repeated = 0;
  std::uint64_t spawns_waited = 0;
  std::int64_t spawns_waiting = 0;        // tasks, now
  std::int64_t spawns_waiting_bytes = 0;  // of their frames
  Nanos spawns_oldest_age{0};             // of those that wait
  std::uint64_t from_reserve = 0;
  std::uint64_t parked = 0;
  std::array<DeferralFigures, kDeferralReasons.size()> deferrals;  // in that order
  std::uint64_t out_of_reach = 0;
  std::uint64_t prefetched = 0;
  std::uint64_t held_up = 0;
  std::uint64_t started = 0;
  std::uint64_t host_deaths = 0;
  std::uint64_t retried = 0;
  std::int64_t aside = 0;    // now, without a slot while the disk stands still
  std::int64_t resting = 0;  // now, after the death of their worker
  std::array<std::uint64_t, kFates> ended{};
  CountByReason unsuccessful{};
  std::uint64_t late = 0;
  std::uint64_t unmatched = 0;
  CountByClass wasted_ns{};  // slot time of roots that were not done in time
  CountByClass saved_ns{};   // that tasks are known to take which were dropped before they began
};

// Of the process; zero where the system does not say.
struct ProcessFigures {
  double start_time_s = 0;  // of the calendar
  double cpu_s = 0;
  std::uint64_t resident_bytes = 0;
};

struct Snapshot {
  std::string node_name;
  std::string version;
  std::uint64_t epoch = 0;
  Nanos uptime{0};
  std::vector<Stage> stages;  // in the order in which a task travels
  std::vector<PoolFigures> pools;
  TaskFigures tasks;
  NodeFigures node;
  Nanos park_oldest_age{0};
  ProcessFigures process;

  [[nodiscard]] bool ready() const { return node.accepting && !node.draining; }
  [[nodiscard]] std::string why_not_ready() const;  // a sentence; "" when it is ready
};

[[nodiscard]] std::string_view ToString(Fate fate);  // a metric label

// The reasons that a submission can be refused for, and those that an accepted task can end by: the
// closed sets of the label "reason".
[[nodiscard]] std::vector<Reason> RefusalReasons();
[[nodiscard]] std::vector<Reason> FailureReasons();

}  // namespace spillgate::admin
