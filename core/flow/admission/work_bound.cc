// Admits a root when the work that would run before it fits into less than half of its own slack,
// on every resource that it needs; one without a deadline waits as long as there are places. So
// what is admitted follows the cost of functions, not their number, and capacity is what the node
// has, never a rate of completions: that is the offered load while the node is idle, and falls with
// it.
//
// A deadline tightens, it buys nothing: who has time waits behind those who have less, in a line of
// its own. A few roots more than there are slots always get in, or variable service would leave
// slots idle; but none that what runs now leaves no chance. Of a function whose cost nobody knows,
// no more wait than two for each slot until the first has ended, but for those that can wait.
#include <algorithm>

#include "core/flow/admission/class_room.h"
#include "core/flow/admission/controllers.h"

namespace spillgate::flow {
namespace {

constexpr std::int64_t kUnknownPerSlot = 2;
constexpr std::int64_t kMany = std::int64_t{1} << 40;
constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);
constexpr Nanos kMostRetry = std::chrono::seconds(30);

// How many may wait so long on that resource.
std::int64_t Fit(const Queue& queue, Nanos target) {
  if (queue.wait > target) return 0;
  return std::min(kMany, (target - queue.wait) / std::max(Nanos(1), queue.each)) + 1;
}

Nanos Later(Nanos time, Nanos longer) {
  return time > Nanos::max() - longer ? Nanos::max() : time + longer;
}

// How long it may wait for what waits: a part of its slack, and no longer than what runs leaves.
Nanos Target(const Ask& ask) {
  if (ask.remaining <= Nanos(0)) return Nanos::max();
  const Nanos left = ask.remaining - ask.work.cost - ask.work.busy;
  return std::min(WaitWithin(SlackOf(ask), ask.work.lines_before, ask.work.slots), left);
}

// So many may always wait, or variable service would leave slots idle. But fewer the more others
// keep them busy: it would wait behind all that comes of those.
std::int64_t Floor(const Work& work) {
  const auto slots = static_cast<double>(work.slots);
  return static_cast<std::int64_t>(2 * slots * (1 - work.taken)) + 1;
}

// How long so many take of which each makes the next wait; kMostRetry at most.
Nanos InTurn(std::int64_t count, Nanos each) {
  return count > kMostRetry / std::max(Nanos(1), each) ? kMostRetry : count * each;
}

class WorkBound final : public Controller {
 public:
  [[nodiscard]] bool UsesWork() const override { return true; }

  std::uint32_t Admit(const Ask& ask, const Load& load, Instant) override {
    const Work& work = ask.work;
    const std::int64_t count = std::min<std::int64_t>(ask.count, PlacesFor(ask, load));
    if (work.queues.empty()) return Admitted(ask, count, Nanos(0));  // it takes nothing scarce
    const std::int64_t most = std::min(count, Fits(ask, Nanos(0)));
    if (OutOfReach(ask)) return Admitted(ask, most, work.cost);
    if (TooBusy(ask)) return Admitted(ask, most, work.busy);
    Nanos longest{0};
    Nanos each{0};
    for (const Queue& queue : work.queues) {
      longest = std::max(longest, queue.wait);
      each = std::max(each, queue.each);
    }
    const Nanos too_long = std::max(Nanos(0), longest - std::max(Nanos(0), Target(ask)));
    // All of them that are refused will want room then, each behind the one before it.
    const std::int64_t behind = ask.count - std::max<std::int64_t>(0, most) - 1;
    return Admitted(ask, most, std::min(too_long, kMostRetry) + InTurn(behind, each));
  }

  [[nodiscard]] std::int64_t Fits(const Ask& ask, Nanos longer) const override {
    const Work& work = ask.work;
    // Else a cost that was once learned too high would stay so.
    if (OutOfReach(ask)) return work.may_try ? 1 : 0;
    if (TooBusy(ask)) return 0;
    const Nanos target = Later(Target(ask), longer);
    std::int64_t most = kMany;
    for (const Queue& queue : work.queues) most = std::min(most, Fit(queue, target));
    most = std::max(most, Floor(work) - work.waiting);
    if (!work.known && work.line == 0)
      most = std::min(most, kUnknownPerSlot * work.slots - work.unstarted);
    return most;
  }

  [[nodiscard]] std::int64_t Room(std::uint8_t cls, const Load& load) const override {
    return ClassRoom(cls, load);
  }
  [[nodiscard]] std::int64_t BytesRoom(std::uint8_t cls, const Load& load) const override {
    return ClassBytesRoom(cls, load);
  }

  [[nodiscard]] std::string_view name() const override { return "work_bound"; }
  void Snapshot(ControllerState& state) const override {
    state.retry_after = std::max(kLeastRetry, last_retry());
  }

 private:
  // The rest may come again when what waits too long by now has been served.
  std::uint32_t Admitted(const Ask& ask, std::int64_t most, Nanos too_long) {
    const auto admitted = static_cast<std::uint32_t>(std::max<std::int64_t>(0, most));
    if (admitted < ask.count) NoteRetry(std::clamp(too_long, kLeastRetry, kMostRetry));
    return admitted;
  }
};

}  // namespace

std::unique_ptr<Controller> MakeWorkBound() {
  return std::make_unique<WorkBound>();
}

}  // namespace spillgate::flow
