// Drops what is doomed: cancelled, or past its deadline. Refuses a group whose time is already up;
// for load it relies on the stage's capacity alone.
#include "core/flow/admission/controllers.h"

namespace spillgate::flow {
namespace {

class Deadline final : public Controller {
 public:
  std::uint32_t Admit(const Ask& ask, const Load&, Instant) override {
    return ask.remaining < Nanos(0) ? 0 : ask.count;
  }
  Verdict Look(const Meta& meta, const Load&, Instant now) override {
    return meta.cancelled || now > meta.deadline ? Verdict::kDrop : Verdict::kAdmit;
  }
  [[nodiscard]] std::string_view name() const override { return "deadline"; }
  void Snapshot(ControllerState& state) const override { state.retry_after = last_retry(); }
};

}  // namespace

std::unique_ptr<Controller> MakeDeadline() {
  return std::make_unique<Deadline>();
}

}  // namespace spillgate::flow
