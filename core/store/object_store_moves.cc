// Which objects go to the disk and come back.
#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/store/object_store.h"

namespace spillgate {

namespace {

constexpr int kTooLarge = 16;

// A reference, unless the last one is being dropped.
bool Retain(StoredObject& object) {
  std::uint32_t refs = object.refs.load(std::memory_order_relaxed);
  while (refs != 0) {
    if (object.refs.compare_exchange_weak(refs, refs + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

}  // namespace

// Enough that a part of the arena is free, or could be at once; and for the first that waits as
// much as it lacks, whatever is free, as that is not in one piece.
void ObjectStore::PlanCopies() {
  auto& idle = places_[static_cast<std::size_t>(Place::kIdle)];
  if (options_.spill_bytes == 0 || idle.empty()) return;
  const auto spill_at =
      static_cast<std::uint64_t>(options_.spill_at * static_cast<double>(memory_.bytes()));
  std::uint64_t want = memory_.used() > spill_at ? memory_.used() - spill_at : 0;
  if (!waiting_.empty()) {
    const StoreRequest& first = waiting_.begin()->second;
    want = std::max(want, FreeSpace::Rounded(first.objects[first.next].size()));
  }
  if (figures_.copied + going_out_ >= want) return;
  if (no_copies_before_ != Instant() && clock_.Now() < no_copies_before_) return;
  int too_large = 0;  // for what is left of the disk; others may not be
  for (auto at = idle.begin(); at != idle.end() && too_large < kTooLarge;) {
    if (figures_.copied + going_out_ >= want) return;
    StoredObject& object = **at++;  // which leaves the list
    if (!CopyOut(object)) ++too_large;
  }
}

// False if there is no room on the disk.
bool ObjectStore::CopyOut(StoredObject& object) {
  const std::optional<FreeSpace::Block> room = MakeDiskRoom(object.size);
  if (!room.has_value()) return false;
  if (!Retain(object)) {
    disk_.Give(*room);
    return true;
  }
  object.disk = *room;
  going_out_ += object.memory.bytes;
  AddMove(Way::kOut, object, ObjectRef(&object));
  return true;
}

// Copies of what is in the arena as well, and will be for a while, are the first to go.
std::optional<FreeSpace::Block> ObjectStore::MakeDiskRoom(std::uint64_t bytes) {
  if (const auto block = disk_.Take(bytes); block.has_value()) return block;
  for (StoredObject* each : places_[static_cast<std::size_t>(Place::kHeld)]) {
    if (disk_.free() + leaving_disk_ >= FreeSpace::Rounded(bytes)) break;
    if (each->moving == Moving::kNot) LeaveDisk(*each);
  }
  return std::nullopt;  // not before that is free
}

void ObjectStore::ReadIn(StoredObject& object) {
  object.refs.fetch_add(1, std::memory_order_relaxed);  // who asked has one
  AddMove(Way::kIn, object, ObjectRef(&object));
}

void ObjectStore::AddMove(Way way, StoredObject& object, ObjectRef ref) {
  Alter(object, [&] { object.moving = way == Way::kIn ? Moving::kIn : Moving::kOut; });
  wakes_ |= moves_.empty();
  moves_.push_back({.way = way,
                    .object = std::move(ref),
                    .bytes = object.size,
                    .memory = object.memory.offset,
                    .disk = object.disk,
                    .sum = object.sum});
}

// Before the others, which may need the room.
void ObjectStore::FreeDisk(const FreeSpace::Block& block) {
  leaving_disk_ += block.bytes;
  wakes_ |= moves_.empty();
  moves_.push_front({.way = Way::kFree, .disk = block});
}

std::optional<ObjectStore::Move> ObjectStore::NextMove() {
  for (;;) {
    Move move;  // what is for nothing ends behind the lock
    MutexLock lock(mutex_);
    if (moves_.empty()) return std::nullopt;
    move = std::move(moves_.front());
    moves_.pop_front();
    if (!IsForNothing(move)) return move;
  }
}

// Nobody else has its object any more, nor can come to it.
bool ObjectStore::IsForNothing(const Move& move) {
  if (move.way == Way::kFree) return false;
  StoredObject& object = *move.object.object_;
  if (object.refs.load(std::memory_order_acquire) > 1) return false;
  Alter(object, [&] { object.moving = Moving::kNot; });
  if (move.way == Way::kOut) {
    going_out_ -= object.memory.bytes;
    disk_.Give(object.disk);  // as it was
  }
  return true;
}

void ObjectStore::Moved(Move move, const Status& status, std::uint64_t sum) {
  {
    MutexLock lock(mutex_);
    if (!status.ok()) {
      ++figures_.failures;
      figures_.last_failure = status.error().message;
    } else if (move.way != Way::kFree) {  // which says nothing of the next write
      figures_.last_failure.clear();
    }
    switch (move.way) {
      case Way::kOut: WasWritten(*move.object.object_, status, sum); break;
      case Way::kIn: WasRead(*move.object.object_, status); break;
      case Way::kFree:
        leaving_disk_ -= move.disk.bytes;
        disk_.Give(move.disk);
        break;
    }
    Serve();
  }
  move = Move();  // perhaps with the last reference
  Call();
}

void ObjectStore::WasWritten(StoredObject& object, const Status& status, std::uint64_t sum) {
  SG_CHECK(object.moving == Moving::kOut);
  Alter(object, [&] {
    object.moving = Moving::kNot;
    object.copied = status.ok();
    object.sum = sum;
  });
  going_out_ -= object.memory.bytes;
  if (status.ok()) {
    figures_.written += object.size;
    rest_ = Nanos(0);
    no_copies_before_ = Instant();
  } else {
    FreeDisk(object.disk);
    rest_ = std::clamp(2 * rest_, options_.least_rest, options_.longest_rest);
    no_copies_before_ = clock_.Now() + rest_;
  }
}

void ObjectStore::WasRead(StoredObject& object, const Status& status) {
  SG_CHECK(object.moving == Moving::kIn);
  Alter(object, [&] { object.moving = Moving::kNot; });
  if (status.ok()) {
    figures_.read += object.size;
  } else {
    Lose(object);
  }
  for (const Ticket ticket : std::exchange(object.readers, {})) {
    // The first that waits for room may read already, and goes on by itself.
    Requests& of = waiting_.contains(ticket) ? waiting_ : reading_;
    const auto at = of.find(ticket);
    if (at == of.end()) continue;  // the object is in it twice, and it has ended
    StoreRequest& request = at->second;
    --request.reading;
    if (!status.ok()) {
      request.error =
          Error{Code::kCorrupt, "the disk did not give the object back: " + status.error().message};
    }
    if (&of == &reading_ && (request.reading == 0 || !status.ok())) End(reading_, at);
  }
}

}  // namespace spillgate
