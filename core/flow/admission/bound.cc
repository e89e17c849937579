// A static bound on occupancy, in count and bytes, with partial buffer sharing: a lower class may
// fill only part of it, so that when the node is full the more important work still finds room. The
// shares are those of the "AB" rule in the comparison of controllers that this project began with:
// all, 9/10, 8/10, 1/2.
#include <algorithm>
#include <array>

#include "core/flow/admission/controllers.h"

namespace spillgate::flow {
namespace {

constexpr std::array<std::int64_t, kMaxClasses> kShareTenths{10, 9, 8, 5};
constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);
constexpr Nanos kMostRetry = std::chrono::seconds(1);
constexpr double kSmoothing = 0.2;

class Bound final : public Controller {
 public:
  std::uint32_t Admit(const Ask& ask, const Load& load, Instant) override {
    const std::int64_t places = Room(ask.cls, load);
    const std::int64_t bytes = load.capacity_bytes * Tenths(ask.cls) / 10 - load.bytes;
    if (places <= 0 || static_cast<std::int64_t>(ask.bytes) > bytes) return 0;
    return static_cast<std::uint32_t>(std::min<std::int64_t>(places, ask.count));
  }

  [[nodiscard]] std::int64_t Room(std::uint8_t cls, const Load& load) const override {
    const std::int64_t tenths = Tenths(cls);
    const std::int64_t used = load.queued + load.held;
    // At least one place, or a class could never get in where the capacity is tiny.
    return std::max<std::int64_t>(1, load.capacity * tenths / 10) - used;
  }

  Verdict Look(const Meta& meta, const Load& load, Instant) override {
    const bool fits = load.queued + load.held < load.capacity &&
                      load.bytes + static_cast<std::int64_t>(meta.bytes) <= load.capacity_bytes;
    return fits ? Verdict::kAdmit : Verdict::kKeep;
  }

  void Left(std::uint32_t, Nanos delay, Nanos, Instant) override {
    smoothed_delay_ns_ += kSmoothing * (static_cast<double>(delay.count()) - smoothed_delay_ns_);
  }

  void Tick(Instant) override {}

  [[nodiscard]] std::string_view name() const override { return "bound"; }
  void Snapshot(ControllerState& state) const override {
    // A place comes free about half a delay from now.
    const Nanos half(static_cast<std::int64_t>(smoothed_delay_ns_ / 2));
    state.retry_after = std::clamp(half, kLeastRetry, kMostRetry);
  }

 private:
  static std::int64_t Tenths(std::uint8_t cls) {
    return kShareTenths[std::min<std::size_t>(cls, kMaxClasses - 1)];
  }

  double smoothed_delay_ns_ = 0;
};

}  // namespace

std::unique_ptr<Controller> MakeBound() {
  return std::make_unique<Bound>();
}

}  // namespace spillgate::flow
