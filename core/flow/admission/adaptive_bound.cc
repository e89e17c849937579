// Bounds what is in flight by how fast it drains: by Little's law, what the node ends within the
// target delay waits no longer than that. Of the bound the lower classes have only a part. This is
// "AB" of the comparison of controllers that the project began with, where it won; what became of
// it in the second look, and why it is no longer the default, stands there beside it: it counts
// tasks that may cost different amounts, and learns its rate from what it lets in.
//
// The rate is smoothed, measured only while tasks wait, and held through a stall (DrainRate). With
// no rate yet, and again when roots are refused although nothing waits, the bound is doubled a tick
// until what it lets in waits for half of the target.
#include <algorithm>
#include <cmath>

#include "core/base/gauge.h"
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
// Ticks of refusals with nothing waiting, after which the rate is no longer believed. One alone may
// have caught the node between two tasks.
constexpr int kTicksIdle = 2;
constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);

class AdaptiveBound final : public Controller {
 public:
  [[nodiscard]] std::string_view name() const override { return "adaptive_bound"; }
  [[nodiscard]] bool Observes() const override { return true; }

  std::uint32_t Admit(const Ask& ask, const Load& load, Instant) override {
    const std::int64_t admitted = PlacesFor(ask, Within(load, bound_.get()));
    if (admitted < ask.count) refused_ = true;
    return static_cast<std::uint32_t>(admitted);
  }

  [[nodiscard]] std::int64_t Room(std::uint8_t cls, const Load& load) const override {
    return ClassRoom(cls, Within(load, bound_.get()));
  }

  void Observe(const Served& served, Instant now) override {
    std::int64_t bound = bound_.get();
    const bool measured = rate_.Note(served, now);
    Search(served, bound);
    if (measured && !searching_) {
      const double target_s = std::chrono::duration<double>(target_delay()).count();
      const double drains = std::ceil(rate_.per_second() * target_s);
      bound = static_cast<std::int64_t>(std::min(drains, static_cast<double>(kMostBound)));
    }
    bound_.Set(
        std::clamp(bound, std::max<std::int64_t>(1, kLeastForEachSlot * served.slots), kMostBound));
    if (served.samples > 0) refused_ = false;
  }

  void Snapshot(ControllerState& state) const override {
    state.limit = bound_.get();
    // A place comes free about half a delay from now.
    state.retry_after = std::max(kLeastRetry, target_delay() / 2);
  }

 private:
  // Looks for a bound that the node can fill. Only what ends can say how long it had waited, so it
  // is not doubled before something has.
  void Search(const Served& served, std::int64_t& bound) {
    idle_ = refused_ && served.waiting == 0 ? idle_ + 1 : 0;
    if (served.samples > 0 && served.mean_wait > target_delay() / 2) {
      searching_ = false;
    } else if (searching_ && refused_ && served.samples > 0) {
      bound *= 2;
    } else if (idle_ >= kTicksIdle) {
      searching_ = true;
    }
  }

  Gauge bound_{kFirstBound};  // any thread reads it
  DrainRate rate_;
  bool searching_ = true;
  bool refused_ = false;  // since something that was timed has ended
  int idle_ = 0;
};

}  // namespace

std::unique_ptr<Controller> MakeAdaptiveBound() {
  return std::make_unique<AdaptiveBound>();
}

}  // namespace spillgate::flow
