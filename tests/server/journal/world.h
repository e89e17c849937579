// World: an owner of records on a disk that fails. It keeps what it appended, what was announced
// and when, and at each start compares what the log delivers with that. Time is a clock that it
// moves.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "server/journal/log.h"
#include "tests/server/journal/faulty_files.h"

namespace spillgate::journal {

inline constexpr Nanos kStep = std::chrono::milliseconds(1);

// Small, so that a test goes through many files.
[[nodiscard]] LogOptions SmallLog(std::uint64_t seed = 1);

class World {
 public:
  explicit World(std::uint64_t seed)
      : files(seed), random(seed * 77 + 1), options(SmallLog(seed)) {}

  // Opens the log and compares. An error is the log's refusal to start.
  [[nodiscard]] Status Start();
  void Crash();      // the process dies; what follows is Start
  void PowerLoss();  // the machine as well

  // Appends one record in a batch of its own. 0: no room.
  Lsn Append(Level level, Purpose purpose, std::string_view record);
  Lsn Append(Level level, std::string_view record) {
    return Append(level, Purpose::kNewWork, record);
  }
  void StepFor(Nanos time);  // in steps of kStep
  void Step() { next_step = log->Step(); }

  // Random work: keys come and go, in batches, at both levels; snapshots of them now and then.
  void Work();
  void Compact(std::size_t slice);  // begins a snapshot, or appends so many keys of it

  FaultyFiles files;
  ManualClock clock;
  std::mt19937_64 random;
  LogOptions options;
  std::unique_ptr<Log> log;
  Instant next_step{};
  Durable durable;
  std::map<Lsn, std::string> history;  // all that was appended and may be found
  Lsn first_delivered = 0;
  Lsn last_delivered = 0;
  std::optional<Instant> died;  // when the disk went
  std::uint64_t restarts = 0;
  std::uint64_t lost_async = 0;  // announced as written, but younger than the promise

 private:
  struct Replay {
    Lsn first = 0;
    Lsn last = 0;
    std::map<std::string, std::string> live;
    bool wrong = false;
  };
  Status See(Replay& replay, Lsn lsn, ByteView record);
  void Compare(const Replay& replay, const Durable& before);
  void OnDurable(const Durable& now);
  [[nodiscard]] std::map<std::string, std::string> LiveAt(Lsn last) const;
  static void ApplyTo(std::map<std::string, std::string>& live, std::string_view record);
  [[nodiscard]] std::size_t Below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
  }

  std::deque<std::pair<Lsn, Instant>> announced_;  // as written, when
  std::map<std::string, std::string> live_;
  std::uint64_t next_key_ = 0;
  bool power_lost_ = false;
  Lsn mark_ = 0;  // of a snapshot under way
  std::vector<std::string> to_snapshot_;
  Lsn snapshot_last_ = 0;
};

}  // namespace spillgate::journal
