// Timeouts: until when a client waits for each of the things that it has sent, the earliest first.
// What is answered meanwhile stays here until its time is over, so that this holds what was sent
// within one deadline at most. A pure rule; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/clock.h"

namespace spillgate::bench {

class Timeouts {
 public:
  // By its place among all that was sent.
  void Add(Instant until, std::uint32_t sending);
  // One whose time is over, the earliest first; each is told once.
  [[nodiscard]] std::optional<std::uint32_t> Take(Instant now);
  // Until when the next one is waited for; kNever: there is none.
  [[nodiscard]] Instant Next() const;
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  void Clear() { heap_.clear(); }

 private:
  struct Entry {
    Instant until;
    std::uint32_t sending = 0;
  };
  [[nodiscard]] static bool IsLater(const Entry& a, const Entry& b) { return a.until > b.until; }

  std::vector<Entry> heap_;  // the earliest is the first
};

}  // namespace spillgate::bench
