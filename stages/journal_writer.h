// JournalWriter: one stage's pen. Gathers the records of a pass and commits them together.
// Positions are within the pass; Commit turns them into LSNs. One thread, that of the stage.
#pragma once

#include <optional>

#include "core/ports/journal.h"
#include "schema/out_buffer.h"
#include "schema/record.h"

namespace spillgate {

class JournalWriter {
 public:
  JournalWriter(Journal& journal, Purpose purpose) : batch_(journal, purpose) {}

  // A record, and the bytes that it ends with. Nothing: the journal has no room for it now.
  template <class Record>
  [[nodiscard]] std::optional<std::uint32_t> Add(Level level, const Record& record,
                                                 ByteView tail = {}) {
    head_.Clear();
    record::WriteHead(record, head_);
    return batch_.Append(level, {head_.view(), tail});
  }
  [[nodiscard]] std::optional<std::uint32_t> Add(Level level, const record::Ended& ended,
                                                 const Outcome& outcome) {
    head_.Clear();
    record::WriteHead(ended, outcome, head_);
    return batch_.Append(level, {head_.view()});
  }

  [[nodiscard]] bool empty() const { return batch_.size() == 0; }
  // The LSN of position 0 of this pass.
  Lsn Commit() { return batch_.size() == 0 ? 0 : batch_.Commit(); }

 private:
  JournalBatch batch_;
  wire::OutBuffer head_;
};

}  // namespace spillgate
