#include "core/model/parked_work.h"

namespace spillgate {

void ParkedWork::Count(const Task& task, std::int64_t by) {
  if (needs_of_ != task.shape) {
    needs_of_ = task.shape;
    needs_ = WorkAccount::Needs(*task.shape, account_.total());
  }
  Root& root = *task.root;
  root.parked_ns.fetch_add(by * WorkAccount::Summed(task.ready.work).count(),
                           std::memory_order_relaxed);
  WorkAccount::Class& cls = account_.Of(root.cls);
  WorkAccount::Flow& flow = account_.Of(root.cls, root.tenant);
  for (std::size_t i = 0; i < needs_.size(); ++i) {
    const std::int64_t change = by * needs_.NodeTime(i, task.ready.work);
    cls.parked[needs_[i].kind].Add(change);
    flow.parked[needs_[i].kind].Add(change);
    if (root.line > 0) flow.patient[root.line].parked[needs_[i].kind].Add(change);
  }
}

}  // namespace spillgate
