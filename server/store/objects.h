// Objects: the node's object store with its memory and its disk. A thread of its own makes the
// arena's memory ready, most of it after the start, and carries out what the store wants moved,
// with a check sum over each object that goes to the disk. Without that thread a test takes its
// steps.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/base/wake.h"
#include "core/store/object_store.h"
#include "server/store/arena.h"
#include "server/store/spill_disk.h"

namespace spillgate {

class Objects {
 public:
  // `disk` may be none, where nothing is spilled. The first bytes are there when this returns; the
  // rest comes step by step, and if the system has no more, the store's figures say so.
  [[nodiscard]] static Result<std::unique_ptr<Objects>> Make(const Clock& clock,
                                                             ObjectStore::Options options,
                                                             std::unique_ptr<SpillDisk> disk);
  ~Objects();  // ends the thread; after all that held something of it
  Objects(const Objects&) = delete;
  Objects& operator=(const Objects&) = delete;

  void Start();  // the thread
  // One move, and a piece of the arena as long as that is not all there. Whether there was anything
  // to do.
  bool Step();

  [[nodiscard]] ObjectStore& store() { return store_; }
  [[nodiscard]] const Arena& arena() const { return *arena_; }
  // The bytes of what is pinned. May be written until it is sealed.
  [[nodiscard]] std::span<std::byte> BytesOf(const ObjectPin& pin) const {
    return arena_->bytes().subspan(pin.offset(), pin.size());
  }

 private:
  Objects(const Clock& clock, ObjectStore::Options options, std::unique_ptr<Arena> arena,
          std::unique_ptr<SpillDisk> disk);
  void Run();
  void Grow();
  void CarryOut(ObjectStore::Move move);
  [[nodiscard]] Status WriteOut(const ObjectStore::Move& move, std::uint64_t& sum);
  [[nodiscard]] Status ReadIn(const ObjectStore::Move& move);

  const std::unique_ptr<Arena> arena_;
  const std::unique_ptr<SpillDisk> disk_;
  std::uint64_t there_;  // bytes of the arena; as the next, of whose thread takes the steps
  std::uint64_t most_;

  Wake wake_;
  std::atomic<bool> ends_ = false;
  ObjectStore store_;
  std::thread thread_;
};

}  // namespace spillgate
