#include "core/tables/record_index.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/base/check.h"

namespace spillgate {
namespace {

constexpr std::size_t kLeast = 64;

std::size_t SlotsFor(std::size_t records) {
  return std::bit_ceil(std::max(2 * records, kLeast));
}

}  // namespace

RecordIndex::RecordIndex(std::size_t reserve) : mask_(SlotsFor(reserve) - 1), slots_(mask_ + 1) {}

void RecordIndex::Insert(Record& record) {
  if (2 * (size_ + 1) > mask_ + 1) Grow();
  Put({HashOf(record.id), &record});
  ++size_;
}

void RecordIndex::Put(Slot slot) {
  std::size_t i = slot.hash & mask_;
  for (; slots_[i].record != nullptr; i = (i + 1) & mask_) {
    SG_CHECK(slots_[i].hash != slot.hash || slots_[i].record->id != slot.record->id);
  }
  slots_[i] = slot;
}

void RecordIndex::Grow() {
  const HugeArray<Slot> old = std::exchange(slots_, HugeArray<Slot>(2 * (mask_ + 1)));
  const std::size_t count = std::exchange(mask_, 2 * (mask_ + 1) - 1) + 1;
  for (std::size_t i = 0; i < count; ++i) {
    if (old[i].record != nullptr) Put(old[i]);
  }
}

// What was pushed on by the slot that becomes free moves back, so that no look ends too early.
void RecordIndex::Erase(const Record& record) {
  std::size_t hole = HashOf(record.id) & mask_;
  while (slots_[hole].record != &record) {
    SG_CHECK(slots_[hole].record != nullptr);
    hole = (hole + 1) & mask_;
  }
  for (std::size_t i = (hole + 1) & mask_; slots_[i].record != nullptr; i = (i + 1) & mask_) {
    const std::size_t home = slots_[i].hash & mask_;
    if (((i - home) & mask_) < ((i - hole) & mask_))
      continue;  // its way does not lead past the hole
    slots_[hole] = slots_[i];
    hole = i;
  }
  slots_[hole] = {};
  --size_;
}

}  // namespace spillgate
