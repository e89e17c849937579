// Observer: takes snapshots of a running node. Reads counters that their owners write without
// locks, so a snapshot disturbs nobody and its parts may be some microseconds apart. Sample is
// called about once a second and Take whenever somebody asks, both on the loop's thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/flow/pipeline.h"
#include "server/admin/snapshot.h"
#include "stages/tally.h"

namespace spillgate::admin {

struct NodeIdentity {
  std::string name;
  std::string version;
  std::uint64_t epoch = 0;
  Instant started;
};

class Observer {
 public:
  // All outlive it. `figures` is called once for each snapshot.
  Observer(const flow::Pipeline& pipeline, const Tally& tally, NodeIdentity identity,
           std::function<NodeFigures(Instant)> figures);

  // Remembers the counters, for rates.
  void Sample(Instant now);
  [[nodiscard]] Snapshot Take(Instant now) const;

 private:
  struct Counts {
    std::uint64_t arrived = 0;
    std::uint64_t left = 0;
    std::uint64_t shed = 0;
    std::uint64_t busy_ns = 0;
  };
  // One entry for each inbox, in the pipeline's order.
  struct Moment {
    Instant at;
    std::vector<Counts> counts;
  };

  [[nodiscard]] StageFigures Read(const flow::AnyInbox& inbox, Instant now) const;
  static void CountTasks(const SubmissionTally& tally, StageFigures& figures);
  [[nodiscard]] TaskFigures ReadTasks(Instant now) const;
  void ReadSubmissions(TaskFigures& tasks, Instant now) const;
  static Counts CountsOf(const StageFigures& figures);
  static StageRates RatesSince(const Counts& before, const Counts& now, Nanos window);
  static StageState Judge(const StageFigures& figures, Nanos window);

  const flow::Pipeline& pipeline_;
  const Tally& tally_;
  const NodeIdentity identity_;
  const std::function<NodeFigures(Instant)> figures_;
  Moment before_;  // a second or two ago: what rates are measured from
  Moment last_;
};

}  // namespace spillgate::admin
