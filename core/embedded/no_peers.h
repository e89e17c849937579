// A node without other nodes: nothing is ever spilled.
#pragma once

#include "core/ports/peer_link.h"

namespace spillgate {

class NoPeers final : public PeerLink {
 public:
  [[nodiscard]] bool HasPeers() const override { return false; }
  void Offer(const Task&, Instant) override {}
};

}  // namespace spillgate
