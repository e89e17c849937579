// The submission stage where it goes by work.
#pragma once

#include <string>

#include "stages/admission.h"
#include "tests/stages/submission_bench.h"

namespace spillgate::testing {

// Two CPUs; tasks of `function` are known to take a millisecond each on one of them.
class AdmissionBench : public SubmissionBench {
 protected:
  AdmissionBench() {
    inbox.Use(flow::MakeController("work_bound"));
    for (auto& target : bench.limits.target_delay_ns)
      target = Nanos(std::chrono::seconds(1)).count();
    bench.costs.Learn(function, std::chrono::milliseconds(1));
  }
  std::string SubmitWithin(Nanos remaining, std::uint64_t seq, std::uint32_t tasks = 1,
                           TaskClass cls = TaskClass::kNormal) {
    return Submit({.ask = {.cls = cls,
                           .remaining_us = static_cast<std::uint64_t>(remaining.count() / 1000),
                           .first_seq = seq},
                   .tasks = tasks});
  }
  std::string Open(std::uint64_t seq, std::uint32_t tasks, Nanos remaining,
                   TaskClass cls = TaskClass::kNormal) {
    bench.answered.Clear();
    wire::OpenRoot root{.seq = seq, .cls = cls};
    root.remaining_us = static_cast<std::uint64_t>(remaining.count() / 1000);
    root.slot_time_ns = 1'000'000;
    root.estimated_tasks = tasks;
    Handle(Other(root));
    return bench.answered.Verdicts();
  }
  [[nodiscard]] std::int64_t Promised() const {
    return bench.account.At(TaskClass::kNormal).promised_tasks.get();
  }
};

}  // namespace spillgate::testing
