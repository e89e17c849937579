// RecordIndex: records by the ids of their tasks; which id a record has is its own affair. A flat
// table of hashes and pointers, probed one slot after the other and at most half full, so that most
// looks cost one cache line, those for an id that is not there among them. Who has many ids to look
// for says so first (Prefetch): then their cache misses overlap.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/huge_array.h"
#include "core/base/ids.h"
#include "core/tables/record.h"

namespace spillgate {

class RecordIndex {
 public:
  // Has room for so many before it grows.
  explicit RecordIndex(std::size_t reserve);

  [[nodiscard]] Record* Find(TaskId id) const {
    const std::uint64_t hash = HashOf(id);
    for (std::size_t i = hash & mask_; slots_[i].record != nullptr; i = (i + 1) & mask_) {
      if (slots_[i].hash == hash && slots_[i].record->id == id) return slots_[i].record;
    }
    return nullptr;
  }

  // There may be none with its id yet.
  void Insert(Record& record);
  void Erase(const Record& record);

  void Prefetch(TaskId id) const { __builtin_prefetch(&slots_[HashOf(id) & mask_]); }

  [[nodiscard]] std::size_t size() const { return size_; }

  // Calls `take(record)` for each, in no order.
  template <class Take>
  void Each(Take&& take) const {
    for (std::size_t i = 0; i <= mask_; ++i) {
      if (slots_[i].record != nullptr) take(*slots_[i].record);
    }
  }

 private:
  struct Slot {
    std::uint64_t hash;
    Record* record;
  };

  static std::uint64_t HashOf(TaskId id) { return std::hash<TaskId>()(id); }
  void Grow();
  void Put(Slot slot);

  std::size_t mask_;
  HugeArray<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace spillgate
