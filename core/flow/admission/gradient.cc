// Gradient2 of Netflix's concurrency-limits: a limit on what is in flight that follows the response
// time of the moment against a long mean of it. Once it is more than the tolerance above that, the
// limit shrinks; otherwise it grows by the queue that is allowed.
//
// What is changed: their window discards all response times below 100 µs and needs some samples in
// 100 ms, so that the limit froze where it stood; here every 10 ms in which anything ended counts,
// and 100 µs more than the tolerance are borne, for as long may a turn of a loop take.
// Their range of 20 to 200 is from the slots of the node up to its capacity. What is as it was, and
// to be known by who compares: there is no target delay, and under a long overload the long mean
// drifts up to the overloaded response time, and the limit with it. Of the limit the lower classes
// have a part, as of any bound.
#include <algorithm>
#include <atomic>
#include <utility>

#include "core/flow/admission/class_room.h"
#include "core/flow/admission/controllers.h"

namespace spillgate::flow {
namespace {

// Theirs.
constexpr double kSmoothing = 0.2;
constexpr double kTolerance = 1.5;
constexpr double kLeastGradient = 0.5;
constexpr double kQueue = 4;
constexpr double kFirstLimit = 20;
constexpr double kLongWindow = 600;
constexpr int kWarmUp = 10;        // updates whose mean the long one begins with
constexpr double kFarAbove = 2;    // of the long mean over the short one: then it
constexpr double kLetDown = 0.95;  // comes down faster
// Ours.
constexpr double kGrain = 1e-4;  // seconds
constexpr std::uint64_t kSamples = 10;
constexpr Nanos kLongest = std::chrono::milliseconds(10);
constexpr std::int64_t kLeastForEachSlot = 2;
constexpr double kLeastLimit = 4;
constexpr double kMostLimit = 1 << 24;  // as limits.in_flight
constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);
constexpr Nanos kMostRetry = std::chrono::seconds(1);

class Gradient final : public Controller {
 public:
  [[nodiscard]] std::string_view name() const override { return "gradient"; }
  [[nodiscard]] bool Observes() const override { return true; }

  std::uint32_t Admit(const Ask& ask, const Load& load, Instant) override {
    const auto admitted = static_cast<std::uint32_t>(PlacesFor(ask, Within(load, whole())));
    most_held_ = std::max(most_held_, load.queued + load.held + admitted);
    return admitted;
  }

  // Of the places, for clients are told for seconds.
  [[nodiscard]] std::int64_t Room(std::uint8_t cls, const Load& load) const override {
    return ClassRoom(cls, load);
  }
  [[nodiscard]] std::int64_t BytesRoom(std::uint8_t cls, const Load& load) const override {
    return ClassBytesRoom(cls, load);
  }
  // A level is of the moment.
  [[nodiscard]] std::uint8_t Level(std::uint8_t cls, const Load& load) const override {
    const std::int64_t limit = told_limit_.load(std::memory_order_relaxed);
    return LevelOf(load.queued + load.held, ClassRoom(cls, Within(load, limit)));
  }

  void Observe(const Served& served, Instant now) override {
    if (served.samples > 0) {
      if (samples_ == 0) begun_ = now;
      samples_ += served.samples;
      const Nanos response = served.mean_wait + served.mean_service;
      sum_s_ += served.samples * std::chrono::duration<double>(response).count();
      if (samples_ >= kSamples || now - begun_ >= kLongest) Update();
    }
    const double least =
        std::max(kLeastLimit, static_cast<double>(kLeastForEachSlot * served.slots));
    limit_ = std::clamp(limit_, least, std::max(least, kMostLimit));
    told_limit_.store(whole(), std::memory_order_relaxed);
  }

  void Snapshot(ControllerState& state) const override {
    state.limit = whole();
    // A place comes free about half a response time from now.
    const Nanos half(static_cast<std::int64_t>(1e9 * short_s_ / 2));
    state.retry_after = std::clamp(half, kLeastRetry, kMostRetry);
  }

 private:
  [[nodiscard]] std::int64_t whole() const { return static_cast<std::int64_t>(limit_); }

  void Update() {
    short_s_ = sum_s_ / static_cast<double>(samples_);
    samples_ = 0;
    sum_s_ = 0;
    if (updates_ < kWarmUp) {
      long_s_ += (short_s_ - long_s_) / ++updates_;
    } else {
      long_s_ += (short_s_ - long_s_) * 2 / (kLongWindow + 1);
    }
    if (short_s_ <= 0) return;
    if (long_s_ > kFarAbove * short_s_) long_s_ *= kLetDown;
    // Who uses less than half of it says nothing of what it should be.
    const auto in_flight = static_cast<double>(std::exchange(most_held_, 0));
    if (in_flight < limit_ / 2) return;
    const double borne_s = kTolerance * long_s_ + kGrain;
    const double gradient = std::clamp(borne_s / short_s_, kLeastGradient, 1.0);
    limit_ = (1 - kSmoothing) * limit_ + kSmoothing * (limit_ * gradient + kQueue);
  }

  double limit_ = kFirstLimit;
  std::int64_t most_held_ = 0;  // in flight since the last update
  Instant begun_;
  std::uint64_t samples_ = 0;  // since then
  double sum_s_ = 0;           // of their response times
  double short_s_ = 0;
  double long_s_ = 0;
  int updates_ = 0;
  std::atomic<std::int64_t> told_limit_{static_cast<std::int64_t>(kFirstLimit)};  // for any thread
};

}  // namespace

std::unique_ptr<Controller> MakeGradient() {
  return std::make_unique<Gradient>();
}

}  // namespace spillgate::flow
