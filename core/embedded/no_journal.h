// A node without a journal, as journal.level_max = "none" asks for: everything is forgotten when it
// ends, and no submission of a durable level is accepted.
#pragma once

#include "core/ports/journal.h"

namespace spillgate {

class NoJournal final : public Journal {
 public:
  [[nodiscard]] bool Accepting() const override { return false; }
  [[nodiscard]] JournalState State() const override {
    return {false, "this node has no journal: set journal.level_max to async or sync"};
  }
  [[nodiscard]] bool WantsCompaction(std::uint64_t) const override { return false; }
  [[nodiscard]] Lsn BeginCompaction() override { return 0; }
  void EndCompaction(Lsn, Lsn) override {}

  [[nodiscard]] bool Reserve(std::size_t, Purpose) override { return false; }
  void Return(std::size_t) override {}
  [[nodiscard]] Lsn Commit(JournalBytes&) override { return 0; }
  [[nodiscard]] std::size_t MostBytes() const override { return SIZE_MAX; }
};

}  // namespace spillgate
