// Run: one replay under way. Submits the steps from front to back, as far as its window has room,
// waits for results, checks them, and submits anew what the node refused for now. For Replay only;
// one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "client/lib/client.h"
#include "client/replay/plan.h"
#include "client/replay/replay.h"
#include "client/replay/workflow.h"

namespace spillgate::replay {

class Run {
 public:
  Run(client::Client& client, client::Function function, const Workflow& workflow, const Plan& plan,
      const ReplayOptions& options);

  // To the end of all steps, or to the first problem.
  [[nodiscard]] client::Status ToTheEnd(const client::Root& root, Instant until);
  [[nodiscard]] std::uint64_t verified() const { return verified_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  enum class State : std::uint8_t { kWaiting, kUnderWay, kDone };

  [[nodiscard]] bool CanSubmit(std::uint32_t step) const;
  void SubmitWhatFits(const client::Root& root, Instant now);
  void Submit(std::uint32_t step, const client::Root& root);
  [[nodiscard]] const client::Future& FutureOf(std::uint32_t step) const;
  [[nodiscard]] client::Status TakeReady(Instant now);
  [[nodiscard]] client::Status Take(std::uint32_t step, client::Future future, Instant now);
  [[nodiscard]] client::Status Check(std::uint32_t step, const client::Future& future);
  [[nodiscard]] bool MayComeAgain(std::uint32_t step, const client::Failure& failure) const;
  void Again(std::uint32_t step, const client::Failure& failure, Instant now);
  void Done(std::uint32_t step, client::Future future);
  [[nodiscard]] client::Failure Stopped() const;
  [[nodiscard]] client::Failure TooLate() const;

  client::Client& client_;
  const client::Function function_;
  const Workflow& workflow_;
  const Plan& plan_;
  const ReplayOptions options_;
  const SteadyClock clock_;
  std::optional<Expected> expected_;
  std::mt19937_64 random_;

  std::vector<State> states_;            // by step
  std::vector<std::uint32_t> unended_;   // by step: children that may still need its result
  std::vector<client::Future> results_;  // by step: once done, while a child may need it
  // Those under way, side by side because Wait takes them so.
  std::vector<client::Future> futures_;
  std::vector<std::uint32_t> steps_;   // that they are of
  std::vector<std::uint32_t> places_;  // by step: where in those two; kNone: not under way
  std::uint32_t next_ = 0;             // the first step that was never submitted
  std::set<std::uint32_t> again_;      // those before it that have to be submitted again
  Instant not_before_{};               // of those
  std::uint64_t done_ = 0;
  std::uint64_t verified_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t bytes_ = 0;
  std::string last_refusal_;
};

}  // namespace spillgate::replay
