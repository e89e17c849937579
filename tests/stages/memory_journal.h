// MemoryJournal: a journal whose disk is the test. Keeps the records that are committed, and says
// nothing of them by itself: the test hands Durable to the stage. Takes no new work until it is
// opened, like NoJournal. One thread.
#pragma once

#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/buffer.h"
#include "core/ports/journal.h"

namespace spillgate::testing {

class MemoryJournal final : public Journal {
 public:
  struct Kept {
    Lsn lsn = 0;
    std::string bytes;
  };

  [[nodiscard]] bool Accepting() const override { return open; }
  [[nodiscard]] JournalState State() const override {
    return {open, open ? "" : "the test has not opened it"};
  }
  [[nodiscard]] bool WantsCompaction(std::uint64_t) const override { return wants_compaction; }
  [[nodiscard]] Lsn BeginCompaction() override { return last(); }
  void EndCompaction(Lsn mark, Lsn) override {
    std::erase_if(records, [mark](const Kept& each) { return each.lsn <= mark; });
    wants_compaction = false;
  }
  [[nodiscard]] bool Reserve(std::size_t, Purpose purpose) override {
    return !full && (open || purpose != Purpose::kNewWork);
  }
  void Return(std::size_t) override {}
  [[nodiscard]] Lsn Commit(JournalBytes& bytes) override {
    if (before_commit) std::exchange(before_commit, nullptr)();
    const Lsn first = next_;
    const std::byte* at = bytes.memory.get() + JournalBytes::kFront;
    for (std::uint32_t i = 0; i < bytes.records; ++i) {
      std::uint32_t size = 0;
      std::memcpy(&size, at, sizeof(size));
      at += sizeof(size);
      records.push_back({next_++, std::string(AsText(ByteView(at, size)))});
      at += size;
    }
    return first;
  }
  [[nodiscard]] std::size_t MostBytes() const override { return 1 << 20; }

  [[nodiscard]] Lsn last() const { return next_ - 1; }

  bool open = false;
  bool full = false;  // of whatever purpose
  bool wants_compaction = false;
  std::function<void()> before_commit;  // what another thread does just then; once
  std::vector<Kept> records;

 private:
  Lsn next_ = 1;
};

}  // namespace spillgate::testing
