// CoDel (Nichols and Jacobson, ACM Queue 2012) in the form that folly gave it: when even the least
// wait of an interval was longer than the target, the node is overloaded, for a queue that does its
// work empties at times; then whoever would wait for more than twice the target is refused.
//
// At a door only that signal and that threshold apply. CoDel drops what it takes out of the queue,
// when its wait is known; here a root is refused before it has a place, and how long it would wait
// is computed: those in flight, by the rate at which they end. Adaptive LIFO goes with it (Maurer,
// Fail at Scale, ACM Queue 2015): while the node is overloaded the newest roots are served first,
// so that some are in time where all would be late. There is no rule of 1/sqrt(n), which is for
// senders that slow down. It knows no classes: in a full node all are refused alike.
#include <algorithm>
#include <atomic>

#include "core/flow/admission/controllers.h"
#include "core/flow/admission/drain_rate.h"

namespace spillgate::flow {
namespace {

// 100 ms in folly, for requests that take milliseconds; a thousand short tasks end in one.
constexpr Nanos kInterval = std::chrono::milliseconds(1);
constexpr std::int64_t kTimesTarget = 2;
constexpr double kNewService = 0.3;  // of a mean over the last few intervals
constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);

class Codel final : public Controller {
 public:
  [[nodiscard]] std::string_view name() const override { return "codel"; }
  [[nodiscard]] bool Observes() const override { return true; }

  std::uint32_t Admit(const Ask& ask, const Load& load, Instant) override {
    if (!overloaded_ || rate_.per_second() <= 0) {
      most_held_.store(kMany, std::memory_order_relaxed);
      return ask.count;
    }
    // Who comes behind so many others ends when those have, and has run for a while by then.
    const Nanos longest = kTimesTarget * target_delay();
    const double within_s = std::chrono::duration<double>(longest).count() + service_s_;
    const double most = std::min(within_s * rate_.per_second(), kMost);
    const std::int64_t held = load.queued + load.held;
    // An idle slot is not refused, or nothing could ever say that the overload has ended.
    const std::int64_t room = std::max(static_cast<std::int64_t>(most), slots_) - held;
    most_held_.store(held + room, std::memory_order_relaxed);
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(room, 0, ask.count));
  }

  [[nodiscard]] std::uint8_t Level(std::uint8_t cls, const Load& load) const override {
    const std::int64_t held = load.queued + load.held;
    return LevelOf(held,
                   std::min(Room(cls, load), most_held_.load(std::memory_order_relaxed) - held));
  }

  [[nodiscard]] bool NewestFirst() const override { return overloaded_; }

  void Observe(const Served& served, Instant now) override {
    slots_ = std::max<std::int64_t>(1, served.slots);
    (void)rate_.Note(served, now);
    waiting_ = std::min(waiting_, served.waiting);
    if (served.samples == 0) return;  // an interval in which nothing ended goes on
    const double service_s = std::chrono::duration<double>(served.mean_service).count();
    service_s_ = service_s_ > 0 ? service_s_ + kNewService * (service_s - service_s_) : service_s;
    least_ = std::min(least_, served.least_wait);
    if (now - begun_ < kInterval) return;
    // Where the newest go first they wait for nothing, and say nothing of the others.
    const double target_s = std::chrono::duration<double>(target_delay()).count();
    const bool stands = static_cast<double>(waiting_) > target_s * rate_.per_second();
    overloaded_ = least_ > target_delay() || (overloaded_ && stands);
    begun_ = now;
    least_ = Nanos::max();
    waiting_ = kMany;
  }

  void Snapshot(ControllerState& state) const override {
    state.retry_after = std::max(kLeastRetry, target_delay());
  }

 private:
  static constexpr double kMost = 1e9;  // more tasks than any node holds
  static constexpr std::int64_t kMany = std::int64_t{1} << 40;

  DrainRate rate_;
  double service_s_ = 0;
  std::int64_t slots_ = 1;
  Instant begun_;  // of the interval
  Nanos least_ = Nanos::max();
  std::int64_t waiting_ = kMany;  // at least, in the interval
  bool overloaded_ = false;
  std::atomic<std::int64_t> most_held_{kMany};  // when it was last asked
};

}  // namespace

std::unique_ptr<Controller> MakeCodel() {
  return std::make_unique<Codel>();
}

}  // namespace spillgate::flow
