// SlotLimit: how many runs of one function may go on at the same time, learned from how long they
// take. It is for work that waits for something outside: a database with four servers answers no
// more for being asked sixteen questions at once, but twelve slots wait there that other functions
// could compute on.
//
// The rule compares rates, not times: the runs that end in the time for which more of the function
// waits. (By Little's law it is also the runs that go on over the time that each takes; but where
// some overtake others outside, those that end say too little of those that do not.) Who fills
// slots, and wants more, while other functions wait for some is tried with half as many. If the
// half does as much, the half is the limit, and the next half is tried; if not, it has what it had,
// and as few are not tried again for a while, each time longer. A limit is tried upwards as well,
// now and then, and soon when its rate has fallen; more that does more is kept, so it follows a
// bottleneck that moves. One that is not filled is let go of.
//
// What it costs: a trial that fails takes half of the slots from a function for a round, and gives
// them to those that wait. A slowdown that has other reasons than the number of runs fails its
// trial, and so limits nothing; one fast run, or one slow one, is a sixty-fourth of a round.
//
// Pure; each call is O(1).
#pragma once

#include <cstdint>
#include <limits>

#include "core/base/clock.h"

namespace spillgate {

class SlotLimit {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t kRound = 64;       // runs on which a judgement rests
  static constexpr std::uint32_t kFirstRest = 2;    // rounds until fewer are tried again
  static constexpr std::uint32_t kFirstPause = 16;  // and until more are
  static constexpr std::uint32_t kLongestPause = 256;

  // What there is to see when a run ends.
  struct Seen {
    Instant now{};
    std::int64_t slots = 1;    // of them that fit at a time
    bool waits = false;        // more of its tasks
    bool others_wait = false;  // and tasks of other functions
    bool done = true;          // it was not cut short: those have had a slot, and brought nothing
  };
  // One of those that go on ends; Runs() tells that it is gone.
  void Ended(const Seen& seen);
  // From now on so many of the function go on.
  void Runs(std::uint32_t running, Instant now) {
    runs_time_ += static_cast<double>((now - changed_).count()) * running_;
    running_ = running;
    changed_ = now;
  }
  // What waited has gone, by whatever way: the time from now on is not one in which more waits.
  void NoneWaits() { waited_ = false; }

  [[nodiscard]] std::uint32_t limit() const { return limit_; }

 private:
  enum class Step : std::uint8_t { kSteady, kFewer, kMore };
  // Of one round: runs that went on at a time, and how many of them ended in a nanosecond.
  struct Round {
    double level = 0;
    double rate = 0;
    double done = 0;  // the part of its runs on which the rate rests
  };

  [[nodiscard]] bool IsUnclear(const Round& round) const;
  [[nodiscard]] bool DoesMore(const Round& round) const;
  void Judge(const Round& round, const Seen& seen);
  void Hold(const Round& round, const Seen& seen);
  void TryFewer(std::uint32_t fewer);
  void TryMore(const Seen& seen);
  void Set(std::uint32_t limit);

  std::uint32_t limit_ = kNone;
  std::uint32_t former_ = kNone;  // to go back to
  std::uint32_t too_few_ = 0;     // was tried last and did less
  std::uint32_t stale_ = 0;       // runs that go on and began under another limit
  std::uint32_t runs_ = 0;        // of this round
  std::uint32_t done_ = 0;        // of those, that came to their end while more of its tasks waited
  std::uint32_t rounds_ = 0;      // since more was tried
  std::uint32_t pause_more_ = kFirstPause;  // rounds until it is tried again
  std::uint32_t rest_ = 0;  // rounds until as few as did too little may be tried again
  std::uint32_t pause_fewer_ = kFirstRest;
  std::uint32_t alone_ = 0;  // rounds in a row at whose end no other function waited
  std::uint32_t less_ = 0;   // rounds in a row with much less than before
  Step step_ = Step::kSteady;
  Nanos time_{0};     // of this round, in which more waited
  double level_ = 0;  // runs that went on in it, times ns
  Instant last_{};    // when a run ended, and whether more waits since
  bool waited_ = false;
  double runs_time_ = 0;  // since then: runs that went on, times ns
  std::uint32_t running_ = 0;
  Instant changed_{};  // when they became so many
  Round before_;       // what a trial is compared with: the last rounds without one
};

}  // namespace spillgate
