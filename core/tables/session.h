// A session: one client's numbering of its tasks, independent of the connection it happens to use.
// Belongs to the task table's lock.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/model/class.h"
#include "core/tables/seen_window.h"
#include "core/tables/token_bucket.h"

namespace spillgate {

struct Record;
struct Root;

struct Session {
  SessionId id = 0;
  std::array<std::byte, 16> resume_token{};
  std::string name;
  TenantId tenant = 0;
  ConnectionId connection = 0;    // 0 while disconnected
  Instant disconnected = kNever;  // since when
  bool expired = false;           // its end is on its way to publication: nobody resumes it now
  bool ended = false;             // goes when the last of its tasks has
  bool journaled = false;         // the journal knows of it
  std::uint64_t unfinished = 0;   // accepted, not yet ended
  std::uint64_t unfetched = 0;    // ended, not yet released; children of running tasks apart:
  std::uint64_t unfetched_bytes = 0;
  std::uint64_t kept_children = 0;  // ended, their parent not, and it may ask for them again
  std::uint64_t kept_child_bytes = 0;
  // Its records, newest first: children of running tasks apart, for nobody but their parents and
  // whoever ends the session looks for those.
  Record* records = nullptr;
  Record* children = nullptr;
  std::uint64_t listed = 0;  // the number of `records`
  Root* roots = nullptr;     // of those that OpenRoot made, the ones that have not ended
  SeenWindow seen;           // which numbers were accepted
  TokenBucket rate;          // of tasks that it brings
  // Tasks that were to join a root and are roots, by class, since the door last counted them.
  std::array<std::uint32_t, kClasses> joined_none{};
};

}  // namespace spillgate
