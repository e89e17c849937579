// Admission control: one controller stands before each stage. The one before submission answers
// with the number admitted of a group of roots; the others say of each event whether it passes,
// stays held upstream, or is doomed and goes straight to publication. A controller knows no task,
// reads no clock, takes no lock and does no I/O; it is called by whichever thread emits into its
// stage, one at a time for a serial upstream.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>

#include "core/base/clock.h"

namespace spillgate::flow {

inline constexpr std::size_t kMaxClasses = 4;

// What an interior controller may see of an event.
struct Meta {
  Instant arrived;  // at the stage that has it
  Instant deadline = kNever;
  std::uint32_t bytes = 0;
  std::uint8_t cls = 0;
  bool cancelled = false;
  bool is_task = true;  // false for requests that ride through a stage without being work
};

// The inbox plus all that the stage holds.
struct Load {
  std::int64_t queued = 0;
  std::int64_t held = 0;
  std::int64_t bytes = 0;
  std::int64_t capacity = 0;
  std::int64_t capacity_bytes = 0;
  std::int64_t promised = 0;  // what open roots are to bring, and have not brought yet
};

// What stands before a group of roots on one resource.
struct Queue {
  Nanos wait{0};  // until the first of them would run, by the work that is served before it
  Nanos each{0};  // that one of them makes the next wait longer
};

// What is known of the work that a group asks for, and of what waits; only for a controller that
// UsesWork.
struct Work {
  std::span<const Queue> queues;  // one for each resource that a root needs
  Nanos cost{0};                  // a root takes at least so long, as learned or as its client says
  Nanos p95{0};                   // 95 of 100 take no longer
  Nanos lasts{0};                 // 95 of 100 whole roots take no longer from their beginning to
                                  // their end; 0: not known, or its function spawns nothing
  Nanos busy{0};                  // until the first of them could begin, if nothing waited
  std::int64_t slots = 0;         // of them that could run at a time
  std::int64_t waiting = 0;       // tasks that wait, of its class and above, and open roots of it
  bool may_try = false;           // one, though its deadline is out of reach
  std::int64_t unstarted = 0;     // tasks of its function that wait
  bool known = false;             // the cost is learned, or a client's hint
  double taken = 0;               // the part of the node that goes to others before it
  std::uint8_t line = 0;          // 0: it cannot wait for longer than its class is to; the further
                                  // the line, the longer it can, and the more goes before it
  std::uint8_t lines_before = 0;  // of its tenant's, those that roots come to
};

// The part of its slack that a root may spend on waiting, on so many slots as it could have. What
// is left bears an estimate half too low, or another as much work that goes before it. The more
// slots, the less of what waits is needed to keep them all busy, as one always ends soon; what
// waits beyond that only makes all of them late (Halfin and Whitt, "Heavy-Traffic Limits for Queues
// with Many Exponential Servers", 1981). Most of what bursts may want is kept: 0.45 on four slots
// or less, 0.4 on eight, down to 0.35.
[[nodiscard]] inline Nanos WaitWithin(Nanos slack, std::int64_t slots = 1) {
  const double part = 0.35 + 0.4 / static_cast<double>(std::max<std::int64_t>(4, slots));
  return Nanos(static_cast<std::int64_t>(part * static_cast<double>(slack.count())));
}

// And of one that stands behind so many lines: those that come later to each of them may have half
// of the time. The first of them is borne by what the above leaves.
[[nodiscard]] inline Nanos WaitWithin(Nanos slack, std::uint8_t lines_before, std::int64_t slots) {
  return WaitWithin(lines_before > 1 ? slack / (1 << (lines_before - 1)) : slack, slots);
}

// How full it is where so many are and so many more may come, 0 to 255; 255 where none may.
[[nodiscard]] inline std::uint8_t LevelOf(std::int64_t taken, std::int64_t room) {
  if (room <= 0) return 255;
  taken = std::max<std::int64_t>(0, taken);
  return static_cast<std::uint8_t>(taken * 255 / (taken + room));
}

// The fixed part of a submission: all that the verdict on a group of roots may read.
struct Ask {
  std::uint8_t cls = 0;
  std::uint8_t retry = 0;
  std::uint32_t flow = 0;  // tenant
  std::uint32_t function = 0;
  std::uint32_t count = 0;
  std::uint32_t bytes = 0;
  Nanos remaining{0};  // 0 is "no deadline"
  Nanos cost_hint{0};
  Work work;
};

// What is left of its time if it takes as long as most do, or, where that is too long, as half do.
// Whole roots take the longer the more of them there are, as they wait for each other: so that is a
// quarter of its time at most, or all would be refused until it is forgotten.
[[nodiscard]] inline Nanos SlackOf(const Ask& ask) {
  const Nanos own = ask.work.p95 < ask.remaining ? ask.work.p95 : ask.work.cost;
  return ask.remaining - std::max(own, std::min(ask.work.lasts, ask.remaining / 4));
}

// It takes longer than it has, as far as is known.
[[nodiscard]] inline bool OutOfReach(const Ask& ask) {
  return ask.remaining > Nanos(0) && ask.remaining < ask.work.cost;
}

// Nothing that runs is taken back, so that what runs now leaves it no chance.
[[nodiscard]] inline bool TooBusy(const Ask& ask) {
  return ask.remaining > Nanos(0) && ask.remaining < ask.work.busy + ask.work.cost;
}

// What ended since the last tick, and how it had fared; only for a controller that Observes. The
// times are of `samples` tasks: those that wait for no other task's result, or for their parent.
struct Served {
  std::uint32_t count = 0;    // tasks that ran to their end
  std::uint32_t samples = 0;  // without any, the times say nothing
  Nanos least_wait{0};        // from being accepted to the beginning of the run
  Nanos mean_wait{0};
  Nanos p90_response{0};     // from being accepted to the end of the run
  Nanos mean_service{0};     // of a run, from its beginning to its end
  std::int64_t waiting = 0;  // tasks that wait for a slot at the moment
  std::int64_t slots = 0;    // tasks that can run at a time
};

enum class Verdict : std::uint8_t { kAdmit, kKeep, kDrop };

struct ControllerState {
  std::int64_t limit = 0;  // what it admits up to at the moment, in its own unit; 0 is "no limit"
  Nanos retry_after{0};    // what a refused client should wait
};

class Controller {
 public:
  virtual ~Controller() = default;
  // As the config has it; any thread.
  [[nodiscard]] virtual std::string_view name() const = 0;
  // Whether its verdicts go by Ask::work.
  [[nodiscard]] virtual bool UsesWork() const { return false; }
  // Whether it goes by what becomes of those that it lets in.
  [[nodiscard]] virtual bool Observes() const { return false; }
  virtual std::uint32_t Admit(const Ask& ask, const Load& load, Instant now) = 0;
  // Whether a root may be opened that is to bring `ask.count` tasks piece by piece. What goes by
  // work asks for the first of them, and what goes by those that ran does not know of a crowd
  // before it comes.
  virtual bool Opens(const Ask& ask, const Load& load, Instant now) {
    Ask first = ask;
    first.count = 1;
    return Admit(first, load, now) > 0;
  }
  // Whether it looks at what open roots are to bring.
  [[nodiscard]] virtual bool CountsPromised() const { return false; }
  // Whether of what it has let in the last is to be served first, as things stand.
  [[nodiscard]] virtual bool NewestFirst() const { return false; }
  // How many more roots of that class it would let in as things stand, at most; clients are told.
  // Any thread.
  [[nodiscard]] virtual std::int64_t Room(std::uint8_t, const Load& load) const {
    return load.capacity - load.queued - load.held;
  }
  // And how many bytes these may bring. Any thread.
  [[nodiscard]] virtual std::int64_t BytesRoom(std::uint8_t, const Load& load) const {
    return load.capacity_bytes - load.bytes;
  }
  // How full it is for roots of that class, as things stand: 255 where it lets in none. By places;
  // where it goes by something else that says more, by that. Any thread.
  [[nodiscard]] virtual std::uint8_t Level(std::uint8_t cls, const Load& load) const {
    const std::int64_t promised = CountsPromised() ? load.promised : 0;
    return LevelOf(load.queued + load.held + promised, Room(cls, load));
  }
  // How many roots such as those that are asked for the work that waits leaves time for, if they
  // may wait for `longer` than what is let in; for one that UsesWork. Any thread.
  [[nodiscard]] virtual std::int64_t Fits(const Ask&, Nanos /*longer*/) const {
    return std::numeric_limits<std::int64_t>::max();
  }
  virtual Verdict Look(const Meta&, const Load&, Instant) { return Verdict::kAdmit; }
  virtual void Tick(Instant /*now*/) {}
  // At each tick, if it Observes.
  virtual void Observe(const Served& /*served*/, Instant /*now*/) {}
  virtual void Snapshot(ControllerState& state) const = 0;
  // Whom it had no places for was told to come again after so long, by who knows when there will be
  // some. Any thread.
  void NoteRetry(Nanos retry_after) {
    last_retry_ns_.store(retry_after.count(), std::memory_order_relaxed);
  }
  [[nodiscard]] Nanos last_retry() const {
    return Nanos(last_retry_ns_.load(std::memory_order_relaxed));
  }

  // How long what it lets in is to wait, for those that go by it. Any thread.
  void set_target_delay(Nanos target) {
    target_delay_ns_.store(std::max<Nanos::rep>(1, target.count()), std::memory_order_relaxed);
  }
  [[nodiscard]] Nanos target_delay() const {
    return Nanos(target_delay_ns_.load(std::memory_order_relaxed));
  }

 private:
  std::atomic<Nanos::rep> target_delay_ns_{Nanos(std::chrono::milliseconds(5)).count()};
  std::atomic<Nanos::rep> last_retry_ns_{0};
};

// Makes the controller of that name ("none", "bound", "deadline", "work_bound", "adaptive_bound",
// "codel", "seda_aimd", "gradient"); null when there is no such name.
[[nodiscard]] std::unique_ptr<Controller> MakeController(std::string_view name);

}  // namespace spillgate::flow
