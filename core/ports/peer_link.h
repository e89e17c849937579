// PeerLink: the way to other nodes. Forwarding is two-phase: this node keeps the task until the
// peer says that it has accepted it; the answer comes through the callback given at construction,
// exactly once an offer, on any thread. An answer that got lost is kUnknown: the same offer is then
// repeated, and the peer deduplicates by id.
#pragma once

#include <functional>

#include "core/base/clock.h"
#include "core/model/task.h"

namespace spillgate {

enum class PeerAnswer : std::uint8_t { kAccepted, kRefused, kUnknown };

struct PeerReply {
  TaskId task;
  PeerAnswer answer = PeerAnswer::kUnknown;
};
using OnPeerReply = std::function<void(const PeerReply&)>;

class PeerLink {
 public:
  virtual ~PeerLink() = default;
  [[nodiscard]] virtual bool HasPeers() const = 0;
  // Offers a copy of the task; the caller keeps the task until the answer.
  virtual void Offer(const Task& task, Instant now) = 0;
};

}  // namespace spillgate
