// RootRuns: what benchmarks of load have in common: what the node can do at most, what it takes
// without load, and the first thing that went wrong in any of their runs. Definitions:
// docs/benchmarks.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/bench/bench.h"
#include "client/bench/options.h"
#include "client/bench/pinning.h"
#include "client/bench/root_stream.h"
#include "client/bench/row.h"
#include "core/base/json.h"

namespace spillgate::bench {

// Two that differ by more are not the same: capacities from before to after, and work to CPU time.
inline constexpr double kMostDrift = 0.05;

// Void if the node could do more or less in the end than in the beginning, in roots a second.
void CheckDrift(double before, double after, Row& row);
// Void if the CPU time of the slots is not what the roots took: `done` of it that ended well,
// `accounted` of it all that was spent, where nothing is wasted at least `least`.
void CheckCpu(double done, double accounted, double least, Row& row);
// Void if the sender was late, at the p99, or the host took CPU away.
void CheckDisturbed(double late_us, Nanos deadline, Row& row);

class RootRuns {
 public:
  // On the function and the shape that the options name. What is given has to outlive it.
  // Where the options do not say where to, client and node are pinned if each slot can have a core
  // of its own to spin on, beside that of all else.
  [[nodiscard]] static Result<RootRuns> Open(const Target& target, const Options& options);

  // Most work done in a second of a closed loop, in mean roots, without a controller at the door
  // if there can be such a node.
  [[nodiscard]] Result<double> Capacity();
  // Work done then to the CPU time of the slots; 0: not known.
  [[nodiscard]] double work_per_cpu() const { return work_per_cpu_; }
  // By mode.
  struct Unloaded {
    std::array<Nanos, kModes> medians{};
    std::array<Nanos, kModes> p99s{};
    std::array<std::uint64_t, kModes> counts{};  // roots that those are of
    double work_per_cpu = 0;                     // as below
    double deadline_ratio = kDeadlineRatio;
    [[nodiscard]] std::array<Nanos, kModes> Deadlines() const;
    // Of the first mode; or of roots that take so much longer than those.
    [[nodiscard]] Nanos Deadline(Nanos longer = Nanos(0)) const;
  };

  // One more run; each has a seed of its own.
  [[nodiscard]] Result<RootReport> Run(RootLoad load);
  // Another connection beside the first, which calls itself that tenant ("": none).
  [[nodiscard]] Status Join(const std::string& tenant);
  // A load for each of them, at the same time.
  [[nodiscard]] Result<std::vector<RootReport>> RunTogether(std::vector<RootLoad> loads);

  // What all else is relative to.
  struct Basis {
    std::string controller;  // of submission, as the node names it; "" if it does not say
    double slots = 1;
    double capacity = 0;
    Unloaded unloaded;
  };
  [[nodiscard]] Result<Basis> FindBasis();
  [[nodiscard]] const std::string& problem() const { return problem_; }

  [[nodiscard]] Placement placement() const { return placement_; }
  // Of the options, where it is not what rows that do not tell it have.
  [[nodiscard]] std::optional<double> deadline_ratio() const;
  [[nodiscard]] bool spins() const;       // what tasks do with their time, other than to sleep
  [[nodiscard]] Nanos task_cost() const;  // the mean
  [[nodiscard]] Nanos root_cost() const { return TasksOf(options_.root) * task_cost(); }
  [[nodiscard]] std::string Function(std::size_t mode) const;
  // An open loop of such clients as the options say.
  [[nodiscard]] RootLoad LoadOf(double rate) const;

 private:
  RootRuns(const Target& target, const Options& options, WireClient asker)
      : target_(target), options_(options), asker_(std::move(asker)) {}
  [[nodiscard]] Status Pin();
  [[nodiscard]] Result<RootStream> OpenStream(const std::string& address,
                                              const std::string& tenant) const;
  void Prepare(RootLoad& load) const;
  void Keep(const RootReport& report);
  [[nodiscard]] Result<Json> Ask(std::string_view what);
  [[nodiscard]] Result<std::string> AskController();
  [[nodiscard]] Result<double> AskSlots();
  [[nodiscard]] Result<Nanos> AskWasted();
  // `process`: of the node, if it is one of our own.
  [[nodiscard]] Status WarmUp(RootStream& stream, pid_t process) const;
  [[nodiscard]] Result<double> CapacityOf(RootStream& stream, pid_t process);
  // At a twentieth of the capacity; the roots of further modes one at a time.
  [[nodiscard]] Result<Unloaded> WithoutLoad(double capacity);

  const Target& target_;
  const Options& options_;
  Placement placement_ = Placement::kFree;
  std::optional<Pinning> pinning_;
  WireClient asker_;
  std::vector<RootStream> streams_;
  double slots_ = 1;
  double work_per_cpu_ = 0;
  std::uint64_t runs_ = 0;
  std::string problem_;
};

}  // namespace spillgate::bench
