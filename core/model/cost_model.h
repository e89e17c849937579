// What functions cost, learned: the slot time of each over its last runs, as a mean and as the time
// within which 95 of 100 runs end. Slot time is the time that a lease was held times the slots in
// it, so that costs of different shapes add up. Beside it the span: the time from the beginning of
// a run to its end, with all that it waited for, which is what a deadline has to leave.
//
// A function whose arguments are of several sizes has costs for each size beside those for all of
// its runs (cost_key.h). Who asks for a size that is not known yet hears what all runs cost.
//
// One stage learns, on its thread; any thread may ask. Every call is O(1). Memory grows with the
// functions that ran, of which the node has a bounded number, and with kMostSized.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/clock.h"
#include "core/base/gauge.h"
#include "core/base/ids.h"
#include "core/model/cost_key.h"
#include "core/model/function.h"
#include "core/model/resources.h"
#include "core/model/root_mean.h"
#include "core/model/spread.h"

namespace spillgate {

inline constexpr std::int64_t kOneSlot = 1000;  // units of slots are thousandths, as in Resources

// Slots that a lease of these resources takes: the most of any kind but memory; one for what holds
// none.
[[nodiscard]] std::int64_t SlotUnits(const Resources& held);

// The one formula for cost. Never negative, and at most kMostSlotTime, so that sums of it do not
// overflow.
inline constexpr Nanos kMostSlotTime = std::chrono::hours(24);

// Of so many tasks, likewise.
[[nodiscard]] inline Nanos SlotTimeOf(std::uint32_t tasks, Nanos each) {
  return each > kMostSlotTime / std::max(1U, tasks) ? kMostSlotTime : tasks * each;
}
[[nodiscard]] Nanos SlotTime(Nanos wall, std::int64_t units);
// How long a lease of so many units has to be held for that.
[[nodiscard]] Nanos WallTime(Nanos slot_time, std::int64_t units);

class CostModel {
 public:
  static constexpr Nanos kPrior = std::chrono::milliseconds(1);
  static constexpr std::uint32_t kWindow = RootMean::kWindow;
  static constexpr std::uint32_t kEnough = 4;  // runs of a size, for it to have costs of its own
  static constexpr std::size_t kMostSized = 8192;  // of all functions; those that come later share

  // Function ids are at most `most`.
  explicit CostModel(std::uint32_t most = kMostFunctions)
      : costs_(std::make_unique<Place[]>(most + 1)), most_(most) {}

  // A run that held so many units; of the root of that order, where it is known (root_mean.h).
  void Learn(CostKey key, Nanos wall, std::int64_t units = kOneSlot, std::uint64_t root = 0);
  void LearnSpan(CostKey key, Nanos span);
  // Slot time that a lease was held for beside its run: to be handed over, and to come home. Of one
  // that went on to a prefetched task it is known when the news of both ends came, so it can be
  // below nothing; the mean is what counts.
  void LearnHandover(FunctionId function, Nanos slot_time);
  // A root begins whose own task is of that function; a task that one of it has spawned runs, soon
  // after, and takes so much of each resource.
  void LearnRoot(FunctionId function);
  void LearnSpawn(FunctionId root, Nanos slot_time, const NodeTimes& node_time);

  // The mean, at least 1 ns. Of a function that never ran: the hint if there is one, else the
  // prior.
  [[nodiscard]] Nanos Estimate(CostKey key, Nanos hint = Nanos(0)) const {
    const Runs* runs = RunsOf(key);
    if (runs != nullptr && runs->count.get() != 0) return Nanos(runs->mean_ns.get());
    return hint > Nanos(0) ? SlotTime(hint, kOneSlot) : kPrior;
  }

  // How long a slot is taken by it: the estimate, and what handing it over takes, of a function
  // whose handovers are not known that of any.
  [[nodiscard]] Nanos Takes(CostKey key, Nanos hint = Nanos(0)) const {
    const Cost* cost = Find(key.function);
    const bool known = cost != nullptr && cost->handovers.get() != 0;
    const std::int64_t handover = (known ? cost->handover_ns : handover_ns_).get();
    return Estimate(key, hint) + Nanos(std::max<std::int64_t>(0, handover));
  }

  // 95 of 100 runs take no longer; up to a quarter above the least such time, and never below 128
  // ns. Of a function that never ran its estimate.
  [[nodiscard]] Nanos P95(CostKey key, Nanos hint = Nanos(0)) const {
    const Runs* runs = RunsOf(key);
    if (runs != nullptr && runs->count.get() != 0) return Nanos(runs->p95_ns.get());
    return Estimate(key, hint);
  }

  // Half of the runs took at least so long from their beginning to their end; up to a fifth below
  // the greatest such time, so that it does not take what is in reach for what is not. Of a
  // function that never ran nothing is known: 0; nor of a size, while others are known. Without a
  // size it is that of the size which takes least.
  [[nodiscard]] Nanos MedianSpan(CostKey key) const;

  // What a root soon brings that begins with a task of that function: tasks, and the slot time and
  // the node time of one of them, on average over the last roots.
  struct Spawns {
    std::uint32_t tasks = 0;
    Nanos each{0};
    NodeTimes node_time{};
    std::uint64_t kinds = 0;  // a bit for each resource that a task of every second root needs
    [[nodiscard]] bool Need(std::size_t kind) const { return ((kinds >> kind) & 1U) != 0; }
  };
  [[nodiscard]] Spawns SpawnsOf(FunctionId function) const {
    const Cost* cost = Find(function);
    const bool brings = cost != nullptr && cost->spawned_tasks.get() > 0;
    return brings ? ReadSpawns(*cost) : Spawns{};
  }

  // Runs learned from, at most kWindow: 0 is a function whose estimate is a guess.
  [[nodiscard]] std::uint32_t CountRuns(CostKey key) const {
    const Runs* runs = RunsOf(key);
    return runs == nullptr ? 0 : static_cast<std::uint32_t>(runs->count.get());
  }

 private:
  struct Runs {
    RootMean mean;  // ns
    Spread spread;
    Spread spans;
    Gauge mean_ns;
    Gauge p95_ns;
    Gauge median_span_ns;
    Gauge count;
    void Learn(std::int64_t slot_time, std::uint64_t root);
    void LearnSpan(Nanos span);
  };
  // tidy: atomics: written by scheduling, read by the door on any thread
  using SizedPlace = std::atomic<Runs*>;
  struct Cost {
    Runs all;
    std::array<SizedPlace, CostKey::kSizes> sized{};
    std::uint8_t first_size = CostKey::kAny;  // while all of its runs are of that size
    Gauge sizes;                              // that have costs of their own
    Gauge handover_ns;                        // mean
    Gauge handovers;                          // learned from, at most kWindow
    // Of its last roots; halved when there are enough.
    std::uint32_t roots = 0;
    std::uint64_t spawns = 0;
    double spawned = 0;  // slot time, ns
    struct SpawnedOn {   // a resource
      std::uint64_t spawns = 0;
      double node_time = 0;  // ns
      Gauge mean_ns;         // of all spawns, also of those that do not need it
    };
    std::array<SpawnedOn, kResourceKinds> spawned_on;
    Gauge spawned_tasks;
    Gauge spawned_ns;
    Gauge spawned_kinds;  // as in Spawns
  };

  // tidy: atomics: written by scheduling, read by the door on any thread
  using Place = std::atomic<Cost*>;

  [[nodiscard]] const Cost* Find(FunctionId function) const {
    return function > most_ ? nullptr : costs_[function].load(std::memory_order_acquire);
  }
  // What is known of that size, null if it is too little.
  [[nodiscard]] static const Runs* SizedOf(const Cost& cost, std::uint8_t size) {
    const Runs* runs = cost.sized[size].load(std::memory_order_acquire);
    return runs != nullptr && runs->count.get() >= kEnough ? runs : nullptr;
  }
  [[nodiscard]] const Runs* RunsOf(CostKey key) const {
    const Cost* cost = Find(key.function);
    if (cost == nullptr || key.size == CostKey::kAny || cost->sizes.get() == 0) {
      return cost == nullptr ? nullptr : &cost->all;
    }
    const Runs* sized = SizedOf(*cost, key.size);
    return sized == nullptr ? &cost->all : sized;
  }

  [[nodiscard]] Cost& CostOf(FunctionId function);
  [[nodiscard]] Runs* ToLearnOf(Cost& cost, std::uint8_t size);
  static void ShowSpawns(Cost& cost);
  [[nodiscard]] static Spawns ReadSpawns(const Cost& cost);

  std::unique_ptr<Place[]> costs_;
  const std::uint32_t most_;
  std::vector<std::unique_ptr<Cost>> owned_;
  std::vector<std::unique_ptr<Runs>> sized_;
  Gauge handover_ns_;  // of all functions
};

}  // namespace spillgate
