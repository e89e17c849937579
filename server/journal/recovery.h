// Recovery: finds the log in its folder and reads it back, in order. Pages reach a disk in any
// order, so a log may end in pieces when the power fails: it is cut at its first hole. But a hole
// at or below what some block knows to be synced is damage, and then there is no log: the error
// says where and what is missing. Only `salvage` goes on without it, and that is remembered, so
// that the next start is an ordinary one.
//
// Reads everything twice, once to learn where the log begins and ends and once to deliver. On one
// thread, before the node runs. Removes nothing that could be part of a log.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/ports/journal.h"
#include "server/journal/files.h"
#include "server/journal/writer.h"

namespace spillgate::journal {

// A record, whose bytes are good for the call. An error ends recovery.
using Deliver = std::function<Status(Lsn, ByteView)>;

struct RecoveryOptions {
  std::string dir;
  std::uint64_t segment_bytes = 0;
  bool salvage = false;
};

struct Recovered {
  Position position;
  std::vector<Spare> spares;
  FileNumber next_file = 1;
  std::vector<JournalBytes> tail;   // records after position.synced: to be written again
  std::uint64_t records = 0;        // delivered
  std::uint64_t cut_records = 0;    // found behind the first hole: never synced
  std::uint64_t broken_blocks = 0;  // found damaged there
  std::uint64_t missing = 0;        // records that were synced and are not there: forgiven ones
  bool forgives = false;            // some of these only now
};

[[nodiscard]] Result<Recovered> Recover(Files& files, const RecoveryOptions& options,
                                        const Deliver& deliver);

}  // namespace spillgate::journal
