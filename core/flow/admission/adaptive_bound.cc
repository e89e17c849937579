// Bounds what is in flight by how fast it drains: by Little's law, what the node ends within the
// target delay waits no longer than that. Of the bound the lower classes have only a part. This is
// "AB" of the comparison of controllers that the project began with, where it won; what became of
// it in the second look, and why it is no longer the default, stands there beside it: it counts
// tasks that may cost different amounts, and learns its rate from what it lets in.
//
// The rate is smoothed, measured only while tasks wait, and held through a stall (DrainRate). With
// no rate yet, and again when all places are taken although nothing waits, the bound is doubled a
// tick until what it lets in waits for half of the target.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/flow/admission/class_room.h"
#include "core/flow/admission/controllers.h"
#include "core/flow/admission/drain_rate.h"

namespace spillgate::flow {
namespace {

// Before anything is known of the node; small, for a task may take long.
constexpr std::int64_t kFirstBound = 4;
constexpr std::int64_t kMostBound = 1 << 24;  // as limits.in_flight
// Below this slots stand idle between one task and the next.
constexpr std::int64_t kLeastForEachSlot = 2;
// Ticks with all places taken and nothing waiting, after which the rate is no longer believed. One
// alone may have caught the node between two tasks.
constexpr int kTicksIdle = 2;
constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);

class AdaptiveBound final : public Controller {
 public:
  [[nodiscard]] std::string_view name() const override { return "adaptive_bound"; }
  [[nodiscard]] bool Observes() const override { return true; }

  std::uint32_t Admit(const Ask& ask, const Load& load, Instant) override {
    const Load bounded = Within(load, bound_);
    const std::int64_t admitted = PlacesFor(ask, bounded);
    // Nothing needs to be refused for that: clients that wait for answers may need no more.
    if (admitted >= ClassRoom(ask.cls, bounded)) full_ = true;
    return static_cast<std::uint32_t>(admitted);
  }

  // Clients are told for seconds, in which the bound moves a thousand times: so only of the places.
  [[nodiscard]] std::int64_t Room(std::uint8_t cls, const Load& load) const override {
    return ClassRoom(cls, load);
  }
  [[nodiscard]] std::int64_t BytesRoom(std::uint8_t cls, const Load& load) const override {
    return ClassBytesRoom(cls, load);
  }
  // A level is of the moment.
  [[nodiscard]] std::uint8_t Level(std::uint8_t cls, const Load& load) const override {
    const std::int64_t bound = told_bound_.load(std::memory_order_relaxed);
    return LevelOf(load.queued + load.held, ClassRoom(cls, Within(load, bound)));
  }

  void Observe(const Served& served, Instant now) override {
    const bool measured = rate_.Note(served, now);
    Search(served);
    if (measured && !searching_) {
      const double target_s = std::chrono::duration<double>(target_delay()).count();
      const double drains = std::ceil(rate_.per_second() * target_s);
      bound_ = static_cast<std::int64_t>(std::min(drains, static_cast<double>(kMostBound)));
    }
    bound_ =
        std::clamp(bound_, std::max<std::int64_t>(1, kLeastForEachSlot * served.slots), kMostBound);
    if (served.samples > 0) full_ = false;
    told_bound_.store(bound_, std::memory_order_relaxed);
  }

  void Snapshot(ControllerState& state) const override {
    state.limit = bound_;
    // A place comes free about half a delay from now.
    state.retry_after = std::max(kLeastRetry, target_delay() / 2);
  }

 private:
  // Looks for a bound that the node can fill. Only what ends can say how long it had waited, so it
  // is not doubled before something has.
  void Search(const Served& served) {
    idle_ = full_ && served.waiting == 0 ? idle_ + 1 : 0;
    if (served.samples > 0 && served.mean_wait > target_delay() / 2) {
      searching_ = false;
    } else if (searching_ && full_ && served.samples > 0) {
      bound_ *= 2;
    } else if (idle_ >= kTicksIdle) {
      searching_ = true;
    }
  }

  std::int64_t bound_ = kFirstBound;
  std::atomic<std::int64_t> told_bound_{kFirstBound};  // for any thread
  DrainRate rate_;
  bool searching_ = true;
  bool full_ = false;  // since something that was timed has ended: all places were taken
  int idle_ = 0;
};

}  // namespace

std::unique_ptr<Controller> MakeAdaptiveBound() {
  return std::make_unique<AdaptiveBound>();
}

}  // namespace spillgate::flow
