// A static bound on occupancy, in count and bytes, of which the lower classes have only a part.
#include <algorithm>

#include "core/flow/admission/class_room.h"
#include "core/flow/admission/controllers.h"

namespace spillgate::flow {
namespace {

class Bound final : public Controller {
 public:
  std::uint32_t Admit(const Ask& ask, const Load& load, Instant) override {
    return static_cast<std::uint32_t>(PlacesFor(ask, WithPromised(load)));
  }

  // All of its tasks or none, or as many as its class ever has places for: each that is opened
  // counts until they are there.
  bool Opens(const Ask& ask, const Load& load, Instant) override {
    const std::int64_t most = ClassRoom(ask.cls, Load{.capacity = load.capacity});
    return PlacesFor(ask, WithPromised(load)) >= std::min<std::int64_t>(ask.count, most);
  }
  [[nodiscard]] bool CountsPromised() const override { return true; }

  [[nodiscard]] std::int64_t Room(std::uint8_t cls, const Load& load) const override {
    return ClassRoom(cls, WithPromised(load));
  }
  [[nodiscard]] std::int64_t BytesRoom(std::uint8_t cls, const Load& load) const override {
    return ClassBytesRoom(cls, load);
  }

  Verdict Look(const Meta& meta, const Load& load, Instant) override {
    const bool fits = load.queued + load.held < load.capacity &&
                      load.bytes + static_cast<std::int64_t>(meta.bytes) <= load.capacity_bytes;
    return fits ? Verdict::kAdmit : Verdict::kKeep;
  }

  [[nodiscard]] std::string_view name() const override { return "bound"; }
  void Snapshot(ControllerState& state) const override { state.retry_after = last_retry(); }

 private:
  static Load WithPromised(Load load) {
    load.held += load.promised;
    return load;
  }
};

}  // namespace

std::unique_ptr<Controller> MakeBound() {
  return std::make_unique<Bound>();
}

}  // namespace spillgate::flow
