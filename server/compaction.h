// Compaction: writes what the node still needs of its journal again, a little at a time, so that
// the old part of the log can be forgotten. Driven from the loop's thread; holds the table's lock
// for a bounded number of records at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/clock.h"
#include "stages/journal_writer.h"
#include "stages/shared.h"

namespace spillgate {

class Compaction {
 public:
  Compaction(Shared& shared, Journal& journal, std::uint64_t epoch);

  // One slice, or the beginning or end of a compaction; nothing when none is wanted.
  void Turn();
  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] std::uint64_t completed() const { return completed_; }

 private:
  // The part of one session that is to be written: its head first, then roots and records.
  struct Part {
    SessionId session = 0;
    bool opened = false;
    std::vector<TaskId> roots;
    std::vector<TaskId> records;  // oldest first
    std::size_t next_root = 0;
    std::size_t next_record = 0;
  };

  [[nodiscard]] std::uint64_t LiveBytes();
  void Begin();
  // False: the journal has no room now.
  [[nodiscard]] bool Slice();
  [[nodiscard]] bool WriteSlice() REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool SayWhatBegan() REQUIRES(shared_.table.mutex());
  void Commit();
  [[nodiscard]] bool WritePart(Part& part, std::size_t& budget) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool OpenPart(Part& part, const Session& session) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool WriteRoot(TaskId id) REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool WriteRecord(Part& part, std::size_t& budget) REQUIRES(shared_.table.mutex());

  Shared& shared_;
  Journal& journal_;
  const std::uint64_t epoch_;
  JournalWriter writer_;
  bool running_ = false;
  bool started_ = false;  // the Start record is written
  Lsn mark_ = 0;
  Lsn last_ = 0;
  std::vector<Part> parts_;
  std::size_t next_part_ = 0;
  std::vector<TaskId> not_begun_;  // of those that were written
  std::uint64_t completed_ = 0;
};

}  // namespace spillgate
