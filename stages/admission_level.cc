// Admission, of how full the node is for whoever asks: what verdicts and credits tell a client, so
// that it asks for less before it is refused, and goes on doing so while it is. Each bound that
// refuses has a part in it, or a client that meets that bound alone would hear of a node that is
// nearly empty.
#include <algorithm>

#include "stages/admission.h"
#include "stages/quotas.h"

namespace spillgate {

std::uint8_t Admission::PlacesTaken() const {
  const flow::Credits& places = shared_.in_flight;
  const std::int64_t most = std::max<std::int64_t>(1, places.count_limit());
  return static_cast<std::uint8_t>(std::clamp<std::int64_t>(places.count() * 255 / most, 0, 255));
}

std::uint8_t Admission::LevelOfPlaces(TenantId tenant, TaskClass cls, std::uint32_t has) const {
  const std::uint8_t of_controller =
      stage_.controller().Level(static_cast<std::uint8_t>(cls), LoadBeside(0, 0));
  return std::max({PlacesTaken(), of_controller, LevelOfTenant(shared_, tenant, cls, has)});
}

}  // namespace spillgate
