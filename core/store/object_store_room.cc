// Where objects are, and room for those that have none.
#include <algorithm>
#include <memory>

#include "core/base/check.h"
#include "core/store/object_store.h"

namespace spillgate {

ObjectStore::Place ObjectStore::PlaceOf(const StoredObject& object) const {
  if (object.lost) return Place::kLost;
  if (!object.here) return Place::kAway;
  if (object.pinned() || !object.sealed) return Place::kHeld;
  if (object.moving != Moving::kNot) return Place::kMoving;
  return object.copied ? Place::kCopied : Place::kIdle;
}

void ObjectStore::Count(const StoredObject& object, std::int64_t sign) {
  const auto add = [sign](std::uint64_t& to, std::uint64_t bytes) {
    to += static_cast<std::uint64_t>(sign) * bytes;
  };
  StoreFigures::OfSession& owner = figures_.sessions[object.owner];
  for (StoreFigures::OfSession* each : {&figures_.all, &owner}) {
    if (object.here) {
      add(each->used, object.memory.bytes);
      if (object.pinned()) add(each->pinned, object.memory.bytes);
    } else if (object.copied) {
      add(each->away, object.disk.bytes);
    }
    add(each->objects, 1);
  }
  if (object.place == Place::kCopied) add(figures_.copied, object.memory.bytes);
  if (owner.objects == 0) figures_.sessions.erase(object.owner);
}

void ObjectStore::Enlist(StoredObject& object) {
  object.place = PlaceOf(object);
  auto& place = places_[static_cast<std::size_t>(object.place)];
  object.at = place.insert(place.end(), &object);
  Count(object, 1);
}

// To the end of its list, if that is another than before: the first of a list has been in it for
// the longest.
void ObjectStore::Relist(StoredObject& object) {
  const Place now = PlaceOf(object);
  if (now == object.place) return;
  auto& to = places_[static_cast<std::size_t>(now)];
  to.splice(to.end(), places_[static_cast<std::size_t>(object.place)], object.at);
  object.place = now;
}

void ObjectStore::AddPin(Ticket ticket, StoreRequest& request, std::size_t at) {
  StoredObject& object = *request.objects[at].object_;
  Alter(object, [&] {
    const auto mine = std::ranges::find(object.holders, request.holder, &StoredObject::Holder::who);
    if (mine == object.holders.end()) {
      object.holders.push_back({request.holder, 1});
    } else {
      ++mine->pins;
    }
  });
  request.pins[at] = ObjectPin(request.objects[at], request.holder);
  if (object.moving != Moving::kIn) return;
  object.readers.push_back(ticket);
  ++request.reading;
}

void ObjectStore::Unpin(StoredObject& object, ConnectionId holder) {
  {
    MutexLock lock(mutex_);
    const auto mine = std::ranges::find(object.holders, holder, &StoredObject::Holder::who);
    SG_CHECK(mine != object.holders.end());
    if (--mine->pins == 0) {
      Alter(object, [&] {
        *mine = object.holders.back();
        object.holders.pop_back();
      });
    }
    if (!object.pinned() && (!object.sealed || object.lost)) Lose(object);
    Serve();
  }
  Call();
}

void ObjectStore::Forget(StoredObject* object) {
  const std::unique_ptr<StoredObject> gone(object);
  {
    MutexLock lock(mutex_);
    SG_CHECK(!object->pinned() && object->moving == Moving::kNot && object->readers.empty());
    LeaveMemory(*object);
    LeaveDisk(*object);
    Count(*object, -1);
    places_[static_cast<std::size_t>(object->place)].erase(object->at);
    Serve();
  }
  Call();
}

// Copies whose room would not do are left alone.
std::optional<FreeSpace::Block> ObjectStore::MakeRoom(std::uint64_t bytes) {
  for (;;) {
    if (const auto block = memory_.Take(bytes); block.has_value()) return block;
    if (memory_.free() + figures_.copied < FreeSpace::Rounded(bytes)) return std::nullopt;
    auto& copied = places_[static_cast<std::size_t>(Place::kCopied)];
    if (copied.empty()) return std::nullopt;
    LeaveMemory(*copied.front());
    ++figures_.evicted;
  }
}

void ObjectStore::LeaveMemory(StoredObject& object) {
  if (!object.here) return;
  memory_.Give(object.memory);
  Alter(object, [&] { object.here = false; });
}

void ObjectStore::LeaveDisk(StoredObject& object) {
  if (!object.copied) return;
  FreeDisk(object.disk);
  Alter(object, [&] { object.copied = false; });
}

// Nobody will ever read it. While somebody has it pinned its room stays.
void ObjectStore::Lose(StoredObject& object) {
  if (!object.lost) ++figures_.lost;
  Alter(object, [&] { object.lost = true; });
  if (object.pinned()) return;
  LeaveMemory(object);
  LeaveDisk(object);
}

StoreFigures ObjectStore::Figures() const {
  MutexLock lock(mutex_);
  StoreFigures figures = figures_;
  figures.bytes = memory_.bytes();
  figures.most_bytes = most_;
  figures.largest = memory_.largest();
  figures.disk_bytes = disk_.bytes();
  figures.disk_used = disk_.used();
  figures.waiting = waiting_.size();
  return figures;
}

}  // namespace spillgate
