// ObjectStore: whose the bytes of the node's arena are, and what goes to disk when there are more
// objects than room. An object is created with room for its bytes, filled by whoever asked, sealed
// once, and does not change after that. What somebody has pinned stays where it is; what nobody
// has is copied to disk ahead of need, the longest untouched first, and then its room may go to
// others at once. A request that finds no room waits for it, the first first, until its deadline.
//
// It reads and writes no byte of an object, neither in memory nor on disk: who has the disk asks
// for moves (NextMove), carries them out and tells of them (Moved). So it can be stepped.
//
// Any thread may call; one lock, under which nothing outside is called. It is for objects of 100 KB
// and more: a call costs a lock and some look-ups.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/store/free_space.h"
#include "core/store/store_figures.h"
#include "core/store/stored_object.h"

namespace spillgate {

// The pins in the order of what was asked for, or why there are none:
//   kInvalid    it is larger than the arena, or is not sealed;
//   kExhausted  there was no room by its deadline, or too many wait: the message names the largest
//               pins;
//   kTimeout    the disk had not given all of them back by its deadline;
//   kCorrupt    an object was never finished, or the disk did not give it back.
using StoreAnswer = Result<std::vector<ObjectPin>>;

struct StoreRequest {
  using Done = std::function<void(StoreAnswer)>;

  bool creates = false;
  ConnectionId holder = 0;
  Instant deadline = kNever;
  std::vector<ObjectRef> objects;
  std::vector<ObjectPin> pins;  // as `objects`; empty where there is none yet
  bool gathers = false;         // it has been first in the queue: those that were there are pinned
  std::size_t next = 0;         // those before this one have room
  std::size_t reading = 0;      // of those that have room: still on their way from the disk
  std::optional<Error> error;
  Done done;
};

class ObjectStore {
 public:
  struct Options {
    std::uint64_t bytes = 0;        // of the arena, when it is as large as it gets
    std::uint64_t first_bytes = 0;  // of it, there from the beginning
    std::uint64_t spill_bytes = 0;  // most that may lie on disk; 0: nothing goes there
    double spill_at = 0.8;          // above this part of the arena, what is idle is copied to disk
    std::size_t most_waiting = 10'000;
    Nanos least_rest = std::chrono::seconds(1);  // after a write that failed; doubles each time
    Nanos longest_rest = std::chrono::seconds(60);
  };
  using Ticket = std::uint64_t;
  using Done = StoreRequest::Done;

  // What the disk is to do. Keeps its object existing.
  struct Move {
    enum class Way : std::uint8_t { kOut, kIn, kFree };

    Way way = Way::kFree;
    ObjectRef object;          // none for kFree
    std::uint64_t bytes = 0;   // of the object
    std::uint64_t memory = 0;  // its offset in the arena
    FreeSpace::Block disk;     // its own; of kFree: what the disk need not keep any more
    std::uint64_t sum = 0;     // on the way in: what was told of it on the way out
  };

  // `wake` is called on any thread, without a lock, when there are moves after there were none.
  ObjectStore(const Clock& clock, Options options, std::function<void()> wake);
  ~ObjectStore();  // nobody holds anything of it any more
  ObjectStore(const ObjectStore&) = delete;
  ObjectStore& operator=(const ObjectStore&) = delete;

  // Asks for room for a new object of `bytes`, which is `owner`'s, pinned for `holder` to fill. If
  // the last pin goes before it is sealed, it is lost. `done` is called once, perhaps before this
  // returns and perhaps by another thread, with no lock held; it should do no more than hand over.
  Ticket Create(SessionId owner, ConnectionId holder, std::uint64_t bytes, Instant deadline,
                Done done) EXCLUDES(mutex_);
  // Its bytes are final.
  void Seal(const ObjectPin& pin) EXCLUDES(mutex_);
  // Pins all of `objects`, from the disk if need be, or none. Only the first that waits gathers
  // room, so that two never wait for what the other one has.
  Ticket Pin(std::vector<ObjectRef> objects, ConnectionId holder, Instant deadline, Done done)
      EXCLUDES(mutex_);
  // Whether that request was still waiting; then `done` is not called.
  bool Cancel(Ticket ticket) EXCLUDES(mutex_);

  // Ends what has waited past its deadline. Every few milliseconds.
  void Tick() EXCLUDES(mutex_);

  // Of the thread that has the disk. `sum` is a check sum of what was written out.
  [[nodiscard]] std::optional<Move> NextMove() EXCLUDES(mutex_);
  void Moved(Move move, const Status& status, std::uint64_t sum) EXCLUDES(mutex_);

  // So many more bytes of the arena are there, behind the others.
  void Grow(std::uint64_t bytes) EXCLUDES(mutex_);
  // It gets no larger than it is: what would need more is refused.
  void GrowNoMore() EXCLUDES(mutex_);

  [[nodiscard]] StoreFigures Figures() const EXCLUDES(mutex_);

 private:
  friend class ObjectRef;
  friend class ObjectPin;
  using Requests = std::map<Ticket, StoreRequest>;  // in the order in which they came
  using Place = StoredObject::Place;
  using Moving = StoredObject::Moving;
  using Way = Move::Way;
  static constexpr std::size_t kPlaces = 6;
  enum class Got : std::uint8_t { kAll, kNotYet, kNone };

  void Forget(StoredObject* object) EXCLUDES(mutex_);
  void Unpin(StoredObject& object, ConnectionId holder) EXCLUDES(mutex_);

  // object_store.cc: requests
  Ticket Ask(StoreRequest request) REQUIRES(mutex_);
  void Serve() REQUIRES(mutex_);
  [[nodiscard]] Got Acquire(Ticket ticket, StoreRequest& request) REQUIRES(mutex_);
  [[nodiscard]] bool AllReadable(const StoreRequest& request) const REQUIRES(mutex_);
  [[nodiscard]] std::optional<Error> Unusable(const StoreRequest& request) const REQUIRES(mutex_);
  [[nodiscard]] std::optional<Error> NeverFits(const StoreRequest& request) const REQUIRES(mutex_);
  [[nodiscard]] Error OutOfStore(const StoreRequest& request, std::string_view why) const
      REQUIRES(mutex_);
  [[nodiscard]] std::string LargestPins() const REQUIRES(mutex_);
  void End(Requests& of, Requests::iterator at) REQUIRES(mutex_);
  void EndExpired(Requests& of, Instant now) REQUIRES(mutex_);
  [[nodiscard]] bool HasCalls() const REQUIRES(mutex_) { return !ended_.empty() || wakes_; }
  void Call() EXCLUDES(mutex_);

  // object_store_room.cc: where objects are
  [[nodiscard]] Place PlaceOf(const StoredObject& object) const;
  void Count(const StoredObject& object, std::int64_t sign) REQUIRES(mutex_);
  void Enlist(StoredObject& object) REQUIRES(mutex_);
  void Relist(StoredObject& object) REQUIRES(mutex_);
  template <class Change>
  void Alter(StoredObject& object, Change change) REQUIRES(mutex_) {
    Count(object, -1);
    change();
    Relist(object);
    Count(object, 1);
  }
  void AddPin(Ticket ticket, StoreRequest& request, std::size_t at) REQUIRES(mutex_);
  [[nodiscard]] std::optional<FreeSpace::Block> MakeRoom(std::uint64_t bytes) REQUIRES(mutex_);
  void LeaveMemory(StoredObject& object) REQUIRES(mutex_);
  void LeaveDisk(StoredObject& object) REQUIRES(mutex_);
  void Lose(StoredObject& object) REQUIRES(mutex_);

  // object_store_moves.cc: to the disk and back
  void PlanCopies() REQUIRES(mutex_);
  [[nodiscard]] bool CopyOut(StoredObject& object) REQUIRES(mutex_);
  [[nodiscard]] std::optional<FreeSpace::Block> MakeDiskRoom(std::uint64_t bytes) REQUIRES(mutex_);
  void ReadIn(StoredObject& object) REQUIRES(mutex_);
  void AddMove(Way way, StoredObject& object, ObjectRef ref) REQUIRES(mutex_);
  void FreeDisk(const FreeSpace::Block& block) REQUIRES(mutex_);
  [[nodiscard]] bool IsForNothing(const Move& move) REQUIRES(mutex_);
  void WasWritten(StoredObject& object, const Status& status, std::uint64_t sum) REQUIRES(mutex_);
  void WasRead(StoredObject& object, const Status& status) REQUIRES(mutex_);

  const Clock& clock_;
  const Options options_;
  const std::function<void()> wake_;

  mutable Mutex mutex_;
  FreeSpace memory_ GUARDED_BY(mutex_);
  FreeSpace disk_ GUARDED_BY(mutex_);
  std::array<std::list<StoredObject*>, kPlaces> places_ GUARDED_BY(mutex_);
  StoreFigures figures_ GUARDED_BY(mutex_);  // what can be counted as it happens

  Requests waiting_ GUARDED_BY(mutex_);                 // for room; the first may have some of it
  Requests reading_ GUARDED_BY(mutex_);                 // have their room
  std::vector<StoreRequest> ended_ GUARDED_BY(mutex_);  // to be called
  Ticket last_ticket_ GUARDED_BY(mutex_) = 0;
  Instant first_deadline_ GUARDED_BY(mutex_) = kNever;  // or earlier
  bool wakes_ GUARDED_BY(mutex_) = false;
  bool calling_ GUARDED_BY(mutex_) = false;

  std::uint64_t most_ GUARDED_BY(mutex_);  // bytes of the arena when it is as large as it gets
  std::deque<Move> moves_ GUARDED_BY(mutex_);
  std::uint64_t going_out_ GUARDED_BY(mutex_) = 0;  // bytes of the arena whose copies are under way
  std::uint64_t leaving_disk_ GUARDED_BY(mutex_) = 0;  // bytes of the disk that are being freed
  Instant no_copies_before_ GUARDED_BY(mutex_){};
  Nanos rest_ GUARDED_BY(mutex_){0};  // after the next write that fails
};

}  // namespace spillgate
