// The built-in that stands for a root which grows: far more tasks than a node can have at a time.
#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "core/base/format.h"
#include "server/functions/arguments.h"
#include "server/functions/entries.h"

namespace spillgate::functions {
namespace {

constexpr std::int64_t kMostChildren = 100'000'000;
constexpr std::int64_t kBatch = 1024;
// More than the window of a root has by default, so that the node has to hold it up.
constexpr std::size_t kBatchesAhead = 16;

class Spawned {
 public:
  explicit Spawned(sdk::Context& context) : context_(context) {}

  void Add(const sdk::Batch& batch) { batches_.push_back(context_.Submit(batch)); }
  [[nodiscard]] std::size_t batches() const { return batches_.size(); }
  // Waits for those that were spawned first, and lets go of what they returned.
  void Reap() {
    const std::vector<sdk::Future> first = std::move(batches_.front());
    batches_.pop_front();
    ended_ += static_cast<std::int64_t>(context_.Get(first).size());
    context_.Release(first);
  }
  [[nodiscard]] std::int64_t ended() const { return ended_; }

 private:
  sdk::Context& context_;
  std::deque<std::vector<sdk::Future>> batches_;
  std::int64_t ended_ = 0;
};

}  // namespace

// bomb(function, microseconds, children): has so many tasks of that function run, which is told how
// long, and does not wait for one before it spawns the next. Returns how many ended well.
void Bomb(sdk::Context& context) {
  const auto time = Number(context, 1, "microseconds", 0);
  const auto children = Number(context, 2, "children", 0);
  if (!time.has_value() || !children.has_value()) return;
  if (*children > kMostChildren) {
    return context.Fail(Format("{} children, the most is {}", *children, kMostChildren));
  }
  const std::string argument = Format("{}", *time);
  Spawned spawned(context);
  for (std::int64_t left = *children; left > 0; left -= kBatch) {
    sdk::Batch batch(context.Arg(0));
    for (std::int64_t i = std::min(left, kBatch); i > 0; --i) batch.Add({argument});
    spawned.Add(batch);
    if (spawned.batches() > kBatchesAhead) spawned.Reap();
  }
  while (spawned.batches() > 0) spawned.Reap();
  context.Return(Format("{}", spawned.ended()));
}

}  // namespace spillgate::functions
