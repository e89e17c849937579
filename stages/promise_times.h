// PromiseTimes: until when roots may still bring what was promised of them. What has not come by
// then is expected no more, or a client that opens roots and leaves them so would hold up all
// others for as long as it is there. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "core/base/clock.h"
#include "core/model/root.h"
#include "stages/shared.h"

namespace spillgate {

class PromiseTimes {
 public:
  static constexpr Nanos kSoon = std::chrono::seconds(1);
  // Beyond, those whose time ends first are let go of before: many at once, or each root that
  // begins would take the table's lock.
  static constexpr std::size_t kMostRoots = 16'384;
  static constexpr std::size_t kAtOnce = 256;
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

  explicit PromiseTimes(Shared& shared) : shared_(shared) {}

  // The caller does not hold the table's lock.
  void Add(const RootPtr& root, Instant until);
  // Of so many, whose time ends first and has come by then; of those that have brought something
  // since, when that is too long ago. Takes the task table's lock if there are any.
  void LetGo(Instant now, std::size_t most = kAll);
  [[nodiscard]] bool empty() const { return times_.empty(); }

 private:
  struct Time {
    Instant until;
    RootPtr root;
  };
  void Push(const RootPtr& root, Instant until);
  static bool EndsLater(const Time& one, const Time& other) { return one.until > other.until; }

  Shared& shared_;
  std::vector<Time> times_;  // a heap, the first to end in front
};

// As long as something of it comes now and then, and there is time for what comes.
[[nodiscard]] inline Instant PromisedUntil(const Root& root, Instant now) {
  return std::min(root.deadline, After(now, PromiseTimes::kSoon));
}

}  // namespace spillgate
