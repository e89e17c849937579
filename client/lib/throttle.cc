#include "client/lib/throttle.h"

#include <algorithm>
#include <cmath>

namespace spillgate::client {
namespace {

// Not for each task anew.
constexpr Nanos kAgeEvery = Throttle::kHalfLife / 64;
constexpr std::uint8_t kHalfFull = 128;
constexpr double kFew = 64;  // refusals that say nothing yet
constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);
constexpr Nanos kMostRetry = std::chrono::seconds(1);

}  // namespace

void Throttle::OnAccepted(std::uint32_t count, std::uint8_t load_level, Instant now) {
  Age(now);
  asked_ += count;
  accepted_ += count;
  if (load_level < kHalfFull) asked_ = accepted_ = 0;
}

void Throttle::OnRefused(std::uint32_t count, Nanos retry_after, Instant now) {
  Age(now);
  asked_ += count;
  retry_after_ = std::clamp(retry_after, kLeastRetry, kMostRetry);
}

bool Throttle::Refuses(double most, std::mt19937_64& random, Instant now) {
  if (most <= 0 || asked_ <= most * accepted_ + kFew) return false;
  Age(now);
  std::uniform_real_distribution<double> draw(0, asked_ + 1);
  if (now >= ask_at_ || draw(random) >= asked_ - most * accepted_) {
    ask_at_ = now + retry_after_;
    return false;
  }
  asked_ += 1;
  return true;
}

void Throttle::Age(Instant now) {
  if (now - aged_ < kAgeEvery) return;
  const double lives = std::chrono::duration<double>(now - aged_) / kHalfLife;
  const double left = std::exp2(-lives);
  asked_ *= left;
  accepted_ *= left;
  aged_ = now;
}

}  // namespace spillgate::client
