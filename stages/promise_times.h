// PromiseTimes: until when roots may still bring what was promised of them. What has not come by
// then is expected no more, or a client that opens roots and leaves them so would hold up all
// others for as long as it is there. Roots that have brought all or ended before their time, which
// may be hours away, leave within a second: they would take the places of others, and keep an idle
// node awake. One thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/base/clock.h"
#include "core/model/root.h"
#include "stages/shared.h"

namespace spillgate {

class PromiseTimes {
 public:
  static constexpr Nanos kSoon = std::chrono::seconds(1);
  // Beyond, those are let go of before that bring nothing more, and then those whose time ends
  // first: many at once, or each root that begins would take the table's lock.
  static constexpr std::size_t kMostRoots = 16'384;
  static constexpr std::size_t kAtOnce = 256;
  static constexpr std::size_t kLooks = 32;  // in a pass, at what may bring nothing more
  static constexpr std::size_t kLooksForRoom = 1024;

  explicit PromiseTimes(Shared& shared) : shared_(shared) {}

  // The caller does not hold the table's lock.
  void Add(const RootPtr& root, Instant until);
  // Of all whose time has come; of those that have brought something since, when that is too long
  // ago; and of some that bring nothing more. Takes the task table's lock if there are any.
  void LetGo(Instant now);
  [[nodiscard]] bool empty() const { return times_.empty(); }

 private:
  struct Time {
    Instant until;
    RootPtr root;
  };
  void Push(const RootPtr& root, Instant until);
  [[nodiscard]] RootPtr TakeOut(std::size_t at);
  static void Trim(Root& root);
  static void LetGo(Root& root);
  void MakeRoom();
  std::size_t DropDone(std::size_t looks, std::size_t most) REQUIRES(shared_.table.mutex());
  static bool EndsLater(const Time& one, const Time& other) { return one.until > other.until; }

  Shared& shared_;
  std::vector<Time> times_;  // a heap, the first to end in front
  std::size_t look_at_ = 0;  // next, for what brings nothing more
};

// As long as something of it comes now and then, and there is time for what comes.
[[nodiscard]] inline Instant PromisedUntil(const Root& root, Instant now) {
  return std::min(root.deadline, After(now, PromiseTimes::kSoon));
}

}  // namespace spillgate
