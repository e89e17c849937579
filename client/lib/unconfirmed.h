// Unconfirmed: what was said to the node that it does not answer, released results and closed
// roots, until something shows that it has arrived: an answer to what was said later on the same
// connection. What a lost connection may have lost is said again on the next; twice does no harm.
// Under the driver's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "schema/messages.h"

namespace spillgate::client {

class Unconfirmed {
 public:
  // Correlations are given out in the order in which things are said; they wrap around.
  void Released(std::uint32_t correlation, std::span<const wire::Range> ranges);
  void Closed(std::uint32_t correlation, std::uint64_t root);
  // The node has answered this.
  void Confirm(std::uint32_t answered) {
    if (!said_.empty()) Forget(answered);
  }
  // There is so much of it that the node should be asked something. True once until it answers.
  [[nodiscard]] bool WantsAnswer();
  // All of it, the oldest first, to be said again.
  void TakeAll(std::vector<wire::Range>& ranges, std::vector<std::uint64_t>& roots);
  void Clear();

 private:
  struct Said {
    std::uint32_t correlation = 0;
    std::uint64_t root = 0;  // that was closed; 0: results were released
    wire::Range range;
  };
  void Add(const Said& said);
  void Forget(std::uint32_t answered);

  std::deque<Said> said_;
  bool asked_ = false;
};

}  // namespace spillgate::client
