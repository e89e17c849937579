// RootRuns: what benchmarks of load have in common: what the node can do at most, what it takes
// without load, and the first thing that went wrong in any of their runs. Definitions:
// docs/benchmarks.md.
#pragma once

#include <string>

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
    Nanos median{0};
    Nanos p99{0};
    [[nodiscard]] Nanos Deadline() const { return 10 * median; }
  };
  // At a twentieth of that.
  [[nodiscard]] Result<Unloaded> WithoutLoad(double capacity);

  // One more run; each has a seed of its own.
  [[nodiscard]] Result<RootReport> Run(RootLoad load);

  // The controller of submission, as the node names it; "" if it does not say.
  [[nodiscard]] Result<std::string> AskController();
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  RootRuns(RootStream stream, const Options& options)
      : stream_(std::move(stream)), options_(options) {}
  void Keep(const RootReport& report);

  RootStream stream_;
  const Options& options_;
  std::uint64_t runs_ = 0;
  std::string problem_;
};

[[nodiscard]] std::string RootFunction(const Options& options);

}  // namespace spillgate::bench
