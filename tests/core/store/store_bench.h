// A store with a clock of the test's, an arena and a disk that are vectors of bytes; the test plays
// who has the disk, and decides when a move is made, and whether it goes well.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/store/object_store.h"

namespace spillgate {

class StoreBench {
 public:
  static constexpr std::uint64_t kUnit = 1024;
  static constexpr SessionId kOwner = 7;
  static constexpr ConnectionId kHolder = 3;

  using Way = ObjectStore::Move::Way;

  // What became of one request.
  struct Asked {
    ObjectStore::Ticket ticket = 0;
    std::optional<StoreAnswer> answer;

    [[nodiscard]] bool waits() const { return !answer.has_value(); }
    [[nodiscard]] bool ok() const { return answer.has_value() && answer->ok(); }
    [[nodiscard]] std::vector<ObjectPin>& pins() { return answer->value(); }
    [[nodiscard]] const Error& error() const { return answer->error(); }
  };
  using AskedPtr = std::shared_ptr<Asked>;

  explicit StoreBench(std::uint64_t units = 64, std::uint64_t spill_units = 256)
      : StoreBench(ObjectStore::Options{.bytes = units * kUnit,
                                        .first_bytes = units * kUnit,
                                        .spill_bytes = spill_units * kUnit}) {}
  explicit StoreBench(ObjectStore::Options options)
      : store(clock, options, [this] { ++wakes; }),
        arena(options.bytes),
        disk(options.spill_bytes) {}

  AskedPtr Create(std::uint64_t bytes, Nanos within = std::chrono::seconds(10),
                  ConnectionId holder = kHolder, SessionId owner = kOwner) {
    auto asked = std::make_shared<Asked>();
    asked->ticket =
        store.Create(owner, holder, bytes, After(clock.Now(), within),
                     [asked](StoreAnswer answer) { asked->answer = std::move(answer); });
    return asked;
  }
  AskedPtr Pin(std::vector<ObjectRef> objects, Nanos within = std::chrono::seconds(10),
               ConnectionId holder = kHolder) {
    auto asked = std::make_shared<Asked>();
    asked->ticket = store.Pin(std::move(objects), holder, After(clock.Now(), within),
                              [asked](StoreAnswer answer) { asked->answer = std::move(answer); });
    return asked;
  }

  // A sealed object that nobody has pinned, filled with `with`; there has to be room at once.
  ObjectRef Put(std::uint64_t bytes, char with, SessionId owner = kOwner) {
    const AskedPtr asked = Create(bytes, std::chrono::seconds(10), kHolder, owner);
    EXPECT_TRUE(asked->ok());
    return asked->ok() ? Fill(*asked, with) : ObjectRef();
  }
  // What a creation got is filled, sealed, and let go of.
  ObjectRef Fill(Asked& asked, char with) {
    const std::vector<ObjectPin> pins = std::move(asked.pins());
    std::memset(&arena[pins[0].offset()], with, pins[0].size());
    store.Seal(pins[0]);
    return pins[0].object();
  }
  [[nodiscard]] bool Has(const ObjectPin& pin, char with) const {
    for (std::uint64_t i = 0; i < pin.size(); ++i) {
      if (arena[pin.offset() + i] != with) return false;
    }
    return true;
  }

  // Makes up to `most` moves, and says how many.
  int Move(int most = 1'000'000) {
    int made = 0;
    while (made < most) {
      std::optional<ObjectStore::Move> move = store.NextMove();
      if (!move.has_value()) break;
      if (move->way == Way::kFree) {
        std::memset(&disk[move->disk.offset], 0, move->disk.bytes);
        store.Moved(std::move(*move), Status(), 0);
        continue;  // which is not worth counting
      }
      ++made;
      char* there = &disk[move->disk.offset];
      char* here = &arena[move->memory];
      if (fails) {
        store.Moved(std::move(*move), Error{Code::kUnavailable, "no space left on it"}, 0);
      } else if (move->way == Way::kOut) {
        std::memcpy(there, here, move->bytes);
        store.Moved(std::move(*move), Status(), ++last_sum);
      } else {
        EXPECT_NE(move->sum, 0U);
        std::memcpy(here, there, move->bytes);
        store.Moved(std::move(*move), Status(), 0);
      }
    }
    return made;
  }
  void Pass(Nanos time) {
    clock.Advance(time);
    store.Tick();
  }

  ManualClock clock;
  std::atomic<int> wakes = 0;
  bool fails = false;
  std::uint64_t last_sum = 0;
  ObjectStore store;
  std::vector<char> arena;
  std::vector<char> disk;
};

}  // namespace spillgate
