// RootRuns: what benchmarks of load have in common: what the node can do at most, what it takes
// without load, and the first thing that went wrong in any of their runs. Definitions:
// docs/benchmarks.md.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "client/bench/options.h"
#include "client/bench/root_stream.h"

namespace spillgate::bench {

class RootRuns {
 public:
  // On the function that the options name.
  [[nodiscard]] static Result<RootRuns> Open(const std::string& address, const Options& options);

  // Most work done in a second of a closed loop, in mean roots.
  [[nodiscard]] Result<double> Capacity();
  struct Unloaded {
    std::array<Nanos, kModes> medians{};
    Nanos p99{0};  // of the first mode
    [[nodiscard]] std::array<Nanos, kModes> Deadlines() const {
      return {10 * medians[0], 10 * medians[1]};
    }
    [[nodiscard]] Nanos Deadline() const { return 10 * medians[0]; }
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
    double capacity = 0;
    Unloaded unloaded;
  };
  [[nodiscard]] Result<Basis> FindBasis();
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  RootRuns(std::string address, RootStream stream, const Options& options)
      : address_(std::move(address)), options_(options) {
    streams_.push_back(std::move(stream));
  }
  void Keep(const RootReport& report);
  [[nodiscard]] Result<std::string> AskController();
  // At a twentieth of the capacity; the long roots of a mix with two modes one at a time.
  [[nodiscard]] Result<Unloaded> WithoutLoad(double capacity);

  std::string address_;
  std::vector<RootStream> streams_;
  const Options& options_;
  std::uint64_t runs_ = 0;
  std::string problem_;
};

[[nodiscard]] std::string RootFunction(const Options& options);

}  // namespace spillgate::bench
