// Where a task stands in a ready set, for people.
#include <algorithm>
#include <cmath>

#include "core/base/check.h"
#include "core/model/ready_set.h"

namespace spillgate {

using ready::Flow;

// Before it go, at most: all of the more important classes, all of its own tenant's, and of each
// other tenant of its class what the fair queue gives to the others while it serves this one's
// backlog.
ReadySet::Standing ReadySet::Explain(const Task& task, const Resources& free, Instant now) const {
  SG_CHECK(Holds(task));
  const ready::Group& group = *task.ready.bundle->group;
  const Flow& flow = *group.flow;
  const ready::ClassQueue& queue = classes_[Index(flow.cls)];

  Standing standing;
  standing.cls = flow.cls;
  standing.estimate = costs_.Estimate(task.cost_key(), task.estimate);
  for (std::size_t cls = 0; cls < Index(flow.cls); ++cls) {
    standing.ahead += classes_[cls].size;
    standing.work_ahead += classes_[cls].work;
  }
  const Nanos own = flow.work - WorkAccount::Summed(task.ready.work);
  const Nanos others = queue.work - flow.work;
  // As a fraction, for the product of a backlog and a sum of weights does not fit.
  const double own_span = static_cast<double>(flow.work.count()) / flow.weight;
  const double head_start = static_cast<double>(flow.tag - queue.time);
  const double given =
      (own_span + std::max(0.0, head_start)) * static_cast<double>(queue.weights - flow.weight);
  const double before = std::min(given, static_cast<double>(others.count()));
  standing.work_ahead += own + Nanos(static_cast<std::int64_t>(before));
  standing.ahead += flow.size - 1;
  if (others > Nanos(0)) {
    const double share = before / static_cast<double>(others.count());
    standing.ahead +=
        static_cast<std::size_t>(std::lround(share * static_cast<double>(queue.size - flow.size)));
  }

  standing.lag = Nanos(queue.time - flow.tag);
  const Root& root = *task.root;
  standing.root_lag = Nanos(flow.lines[root.line].served - root.ready.fair_tag());
  standing.fits = group.lane->kind->name.shape.Fits(free);
  standing.at_limit = AtLimit(*group.lane->kind);
  if (task.ready.passed != kNever) standing.passed_for = now - task.ready.passed;
  standing.room_kept = kept_for_ == &task;
  return standing;
}

}  // namespace spillgate
