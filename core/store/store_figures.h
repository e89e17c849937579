// What there is to know of an object store at one moment: for metrics, for `spillgate status`, and
// for whoever is told that there is no room.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/hash_map.h"
#include "core/base/ids.h"

namespace spillgate {

struct StoreFigures {
  struct OfSession {
    std::uint64_t used = 0;    // bytes of the arena
    std::uint64_t pinned = 0;  // of these
    std::uint64_t away = 0;    // bytes on disk alone
    std::uint64_t objects = 0;
  };

  std::uint64_t bytes = 0;       // of the arena, so far
  std::uint64_t most_bytes = 0;  // when it is as large as it gets
  std::uint64_t largest = 0;     // room that could be had without moving anything, in one piece
  std::uint64_t disk_bytes = 0;  // most that may be on disk
  std::uint64_t disk_used = 0;

  OfSession all;
  std::uint64_t copied = 0;   // of the arena: has a copy on disk, and nobody has it pinned
  std::uint64_t waiting = 0;  // requests for room
  HashMap<SessionId, OfSession> sessions;

  std::uint64_t created = 0;   // objects that were given room, since the beginning
  std::uint64_t written = 0;   // bytes written to disk
  std::uint64_t read = 0;      // bytes read from it
  std::uint64_t evicted = 0;   // objects whose room went to others
  std::uint64_t refused = 0;   // requests that got no room
  std::uint64_t lost = 0;      // objects never finished, or that the disk did not give back
  std::uint64_t failures = 0;  // writes and reads that failed
  std::string last_failure;    // of the disk, as it said; empty since the last success
};

}  // namespace spillgate
