// What others hold of an object in the store. ObjectRef keeps it existing, in the arena or on disk;
// ObjectPin keeps it in the arena as well, where it does not move, and says on whose behalf. The
// first may be copied, both moved and dropped, on any thread; neither outlives the store.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/store/free_space.h"

namespace spillgate {

class ObjectStore;

// The store's own, under its lock, but for the count of references and what is constant.
struct StoredObject {
  enum class Moving : std::uint8_t { kNot, kOut, kIn };
  // Exactly one of the store's lists has it.
  enum class Place : std::uint8_t {
    kHeld,    // pinned, or not sealed yet
    kIdle,    // in the arena alone, and nobody has it pinned
    kCopied,  // the same, with a copy on disk: its room can be had at once
    kMoving,  // on its way to the disk or back, and nobody has it pinned
    kAway,    // on disk alone, or has no room yet
    kLost,    // never finished, or the disk did not give it back
  };

  StoredObject(ObjectStore& of, SessionId whose, std::uint64_t bytes)
      : store(of), owner(whose), size(bytes) {}

  std::atomic<std::uint32_t> refs{1};
  ObjectStore& store;
  const SessionId owner;
  const std::uint64_t size;  // bytes, as it was asked for

  bool sealed = false;
  bool here = false;    // `memory` is its own
  bool copied = false;  // `disk` has what it contains
  bool lost = false;
  Moving moving = Moving::kNot;
  std::uint64_t sum = 0;  // of the copy, by who made it
  FreeSpace::Block memory;
  FreeSpace::Block disk;  // while it is copied, or on its way there

  struct Holder {
    ConnectionId who;
    std::uint32_t pins;
  };
  std::vector<Holder> holders;
  std::vector<std::uint64_t> readers;  // tickets of requests that wait until it has been read
  std::list<StoredObject*>::iterator at;
  Place place = Place::kAway;

  [[nodiscard]] bool pinned() const { return !holders.empty(); }
  [[nodiscard]] bool readable() const { return here && moving != Moving::kIn && !lost; }
};

class ObjectRef {
 public:
  ObjectRef() = default;
  ObjectRef(const ObjectRef& other) noexcept : object_(other.object_) {
    if (object_ != nullptr) object_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  ObjectRef(ObjectRef&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  ObjectRef& operator=(ObjectRef other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~ObjectRef();

  [[nodiscard]] bool empty() const { return object_ == nullptr; }
  [[nodiscard]] std::uint64_t size() const { return object_->size; }
  friend bool operator==(const ObjectRef&, const ObjectRef&) = default;

 private:
  friend class ObjectStore;
  friend class ObjectPin;
  explicit ObjectRef(StoredObject* object) : object_(object) {}  // has been counted

  StoredObject* object_ = nullptr;
};

class ObjectPin {
 public:
  ObjectPin() = default;
  ObjectPin(ObjectPin&& other) noexcept = default;
  ObjectPin& operator=(ObjectPin&& other) noexcept {
    std::swap(object_, other.object_);
    std::swap(holder_, other.holder_);
    return *this;
  }
  ~ObjectPin();

  [[nodiscard]] bool empty() const { return object_.empty(); }
  [[nodiscard]] const ObjectRef& object() const { return object_; }
  [[nodiscard]] std::uint64_t size() const { return object_.size(); }
  [[nodiscard]] std::uint64_t offset() const;  // in the arena

 private:
  friend class ObjectStore;
  ObjectPin(ObjectRef object, ConnectionId holder) : object_(std::move(object)), holder_(holder) {}

  ObjectRef object_;
  ConnectionId holder_ = 0;
};

}  // namespace spillgate
