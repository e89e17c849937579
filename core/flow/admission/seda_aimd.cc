// The controller of SEDA (Welsh and Culler, USITS 2003; ResponseTimeControllerMulticlass of their
// Sandstorm): a bucket of tokens before the stage, whose rate follows the ninetieth percentile of
// the response time. While that is below half of what it may be the rate grows by a step; above, it
// is divided.
//
// What is changed: times are fractions of a second and not whole milliseconds, in which every rate
// above a thousand a second was one thousand. An update comes with 100 samples, as there, or after
// 10 ms instead of a second; but no sooner than the target after the one before, for what ends
// until then was let in before it. The step grows with the rate, for two tasks a second are nothing
// to one of a hundred thousand. The rate starts high and does not grow while nobody is refused:
// from their 10 a second upwards it takes hours. The target is of what a task waits, so the mean
// time of a run is taken off the response time. An open root is paid for whole, or with
// a second's tokens if that is less, before others get a token. It knows no classes.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "core/flow/admission/controllers.h"

namespace spillgate::flow {
namespace {

constexpr std::uint64_t kSamples = 100;                    // theirs
constexpr Nanos kLongest = std::chrono::milliseconds(10);  // 1 s
constexpr double kOld = 0.7;                               // theirs
constexpr double kDecrease = 1.2;                          // theirs
constexpr double kGrowBelow = -0.5;                        // of the error; theirs
constexpr double kNoStepAt = -0.1;                         // theirs
constexpr double kStep = 2;                                // tasks a second; theirs
constexpr double kStepOfRate = 0.02;                       // "SEDA µs" of our comparison
constexpr double kFirstRate = 1e4;                         // tasks a second
constexpr double kLeastRate = 10;
constexpr double kMostRate = 1e8;
// Tokens that may be saved: theirs, and at high rates what comes in a tick, for a frame has many
// roots.
constexpr double kLeastDepth = 10;
constexpr double kDepthSeconds = 1e-3;
constexpr double kMostOwedSeconds = 1;
constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);

double Seconds(Nanos nanos) {
  return std::chrono::duration<double>(nanos).count();
}

class SedaAimd final : public Controller {
 public:
  [[nodiscard]] std::string_view name() const override { return "seda_aimd"; }
  [[nodiscard]] bool Observes() const override { return true; }

  std::uint32_t Admit(const Ask& ask, const Load&, Instant now) override {
    Refill(now);
    const double most = std::min(std::floor(tokens_), static_cast<double>(ask.count));
    const auto admitted = static_cast<std::uint32_t>(std::max(0.0, most));
    tokens_ -= admitted;
    if (admitted < ask.count) NoteRefusal();
    NoteLevel();
    return admitted;
  }

  // It is let in while there is a token, and nobody else before all of its tasks are paid for: else
  // work that is wrapped in roots would be let in at a multiple of the rate. What it may bring and
  // does not, or if it is refused for another reason, holds the others up for a second at most.
  bool Opens(const Ask& ask, const Load&, Instant now) override {
    Refill(now);
    if (tokens_ < 1) {
      NoteRefusal();
      NoteLevel();
      return false;
    }
    tokens_ = std::max(tokens_ - ask.count, -kMostOwedSeconds * rate_);
    NoteLevel();
    return true;
  }

  // By its tokens, when it was last asked: while nobody is refused there are mostly all of them.
  [[nodiscard]] std::uint8_t Level(std::uint8_t, const Load&) const override {
    return level_.load(std::memory_order_relaxed);
  }

  void Observe(const Served& served, Instant now) override {
    if (served.samples == 0) return;
    if (samples_ == 0) begun_ = now;
    samples_ += served.samples;
    response_s_ += served.samples * Seconds(served.p90_response);
    service_s_ += served.samples * Seconds(served.mean_service);
    const Nanos least = target_delay();
    const bool enough = samples_ >= kSamples || now - begun_ >= std::max(kLongest, least);
    if (!enough || now - updated_ < least) return;
    updated_ = now;
    const double samples = static_cast<double>(samples_);
    const double delay_s = std::max(0.0, (response_s_ - service_s_) / samples);
    smoothed_s_ = smoothed_s_ < 0 ? delay_s : kOld * smoothed_s_ + (1 - kOld) * delay_s;
    samples_ = 0;
    response_s_ = service_s_ = 0;
    Update();
  }

  void Snapshot(ControllerState& state) const override {
    state.limit = static_cast<std::int64_t>(rate_);
    const double tokens = 1 + owed_.load(std::memory_order_relaxed);
    state.retry_after =
        std::max(kLeastRetry, Nanos(static_cast<std::int64_t>(1e9 * tokens / rate_)));
  }

 private:
  void NoteRefusal() {
    refused_ = true;
    owed_.store(std::max(0.0, -tokens_), std::memory_order_relaxed);
  }

  // By the tokens that are missing.
  void NoteLevel() {
    const double left = std::clamp(std::floor(tokens_) / Depth(), 0.0, 1.0);
    level_.store(static_cast<std::uint8_t>(255 * (1 - left)), std::memory_order_relaxed);
  }

  [[nodiscard]] double Depth() const { return std::max(kLeastDepth, rate_ * kDepthSeconds); }

  void Refill(Instant now) {
    const double depth = Depth();
    // Two threads may have read the clock, so the later call can have the earlier time.
    if (now > filled_) {
      tokens_ = started_ ? tokens_ + rate_ * Seconds(now - filled_) : depth;
      filled_ = now;
      started_ = true;
    }
    tokens_ = std::min(tokens_, depth);
  }

  void Update() {
    const double target_s = Seconds(target_delay());
    const double error = (smoothed_s_ - target_s) / target_s;
    if (error > 0) {
      rate_ /= kDecrease;
    } else if (error < kGrowBelow && refused_) {
      rate_ += (kNoStepAt - error) * (kStep + kStepOfRate * rate_);
    }
    rate_ = std::clamp(rate_, kLeastRate, kMostRate);
    refused_ = false;
  }

  double rate_ = kFirstRate;            // tokens a second
  double tokens_ = kLeastDepth;         // less than none: of an open root, to be paid for
  std::atomic<double> owed_{0};         // when it last refused
  std::atomic<std::uint8_t> level_{0};  // when it was last asked
  Instant filled_;
  bool started_ = false;
  bool refused_ = false;  // since the last update

  // Since the last update; the times are sums over the samples.
  Instant updated_;
  Instant begun_;  // the first of the samples
  std::uint64_t samples_ = 0;
  double response_s_ = 0;
  double service_s_ = 0;
  double smoothed_s_ = -1;  // none yet
};

}  // namespace

std::unique_ptr<Controller> MakeSedaAimd() {
  return std::make_unique<SedaAimd>();
}

}  // namespace spillgate::flow
