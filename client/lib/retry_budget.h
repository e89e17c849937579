// RetryBudget: how many retries a client may make, as a share of what it asks for first; so clients
// that are refused together add little to the load that they were refused for, however long it
// lasts. A new client has a handful to begin with. Not thread-safe.
//
// As in Finagle and gRPC (retry throttling, gRFC A6), but a retry is paid for by a first try that
// was answered, not by one that went well: where all is refused a tenth is tried again still.
#pragma once

#include <algorithm>
#include <cstdint>

namespace spillgate::client {

class RetryBudget {
 public:
  // `share`: retries for each first try. `saved`: how many may be kept for later.
  RetryBudget(double share, std::uint32_t saved) : share_(share), saved_(saved), tokens_(saved) {}

  // First tries that were answered, together: a whole map may be, and earns its retries at once.
  void Earn(std::uint64_t first_tries) {
    tokens_ = std::min<double>(tokens_, saved_) + share_ * static_cast<double>(first_tries);
  }
  // One retry, if there is one left.
  [[nodiscard]] bool Take() {
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double share_;
  std::uint32_t saved_;
  double tokens_;
};

}  // namespace spillgate::client
