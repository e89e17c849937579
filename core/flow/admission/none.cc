// Admits everything that has a place. The stage's capacity still holds.
#include "core/flow/admission/controllers.h"

namespace spillgate::flow {
namespace {

class None final : public Controller {
 public:
  std::uint32_t Admit(const Ask& ask, const Load&, Instant) override { return ask.count; }
  [[nodiscard]] std::string_view name() const override { return "none"; }
  void Snapshot(ControllerState& state) const override { state.retry_after = last_retry(); }
};

}  // namespace

std::unique_ptr<Controller> MakeNone() {
  return std::make_unique<None>();
}

}  // namespace spillgate::flow
