// Admission, of what a disk that stands still has in its way.
#include <algorithm>

#include "stages/admission.h"

namespace spillgate {

// A disk that has stood still for so long stands still for as long again, as far as anybody knows.
// A durable root that has no more time than that would run, and be told of too late. One that is
// let in and waits is how the next one learns that it goes on.
bool Admission::DiskIsTooLate(Level level, Ruling& ruling, Instant now) const {
  if (level == Level::kNone) return false;
  const Instant since = on_disk_since_[level == Level::kSync];
  if (since == kNever || ruling.deadline == kNever || now - since < ruling.deadline - now) {
    return false;
  }
  ruling.retry_after = std::clamp(Nanos(now - since), kLeastRetry, kMostDiskRetry);
  return true;
}

// Once at most, and not before a disk that stands still knows of it: nobody would count it as work
// that waits, as it waits for no slot.
bool Admission::CannotBegin(Level level, const Named& named, Ruling& ruling) const {
  if (level == Level::kNone || named.function == nullptr) return false;
  if (shared_.signals.disk_stands.load(std::memory_order_relaxed) == 0) return false;
  if (RetriesOf(*named.function, shared_.limits) > 0) return false;
  ruling.retry_after = kMostDiskRetry;
  return true;
}

}  // namespace spillgate
