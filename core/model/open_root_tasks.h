// OpenRootTasks: what the tasks take that the clients of a tenant add to its open roots, with all
// that these spawn: for what was said of them, which may be nothing, or wrong. Where a root is
// opened its tasks are not here yet, and nobody knows their functions. Written by scheduling, on
// its thread; any thread may ask.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/gauge.h"
#include "core/model/cost_model.h"
#include "core/model/resources.h"

namespace spillgate {

class OpenRootTasks {
 public:
  static constexpr std::int64_t kWindow = 1024;                // added tasks; older ones fade
  static constexpr std::int64_t kMost = 1 << 20;               // of all that are remembered
  static constexpr Nanos kMostEach = std::chrono::minutes(5);  // or their sums overflow

  struct Run {
    bool added = false;   // by the client; or else spawned by one that was
    Nanos said{0};        // slot time, by who opened the root; 0: nothing
    Nanos slot_time{0};   // that it took
    bool on_cpu = false;  // it needs that
    NodeTimes beyond{};   // and so much of what nobody said that it would need
  };
  void Learn(const Run& run) {
    if (added_.get() == kWindow || runs_.get() == kMost) Fade();
    const std::int64_t took = std::min(run.slot_time, kMostEach).count();
    runs_.Add(1);
    if (run.added) added_.Add(1);
    slot_time_.Add(took);
    if (run.on_cpu) on_cpu_.Add(1);
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
      if (run.beyond[kind] <= 0) continue;
      uses_[kind].Add(1);
      beyond_[kind].Add(std::min<std::int64_t>(run.beyond[kind], kMostEach.count()));
    }
    if (run.said <= Nanos(0)) return;
    if (run.added) said_.Add(std::min(run.said, kMostEach).count());
    of_said_.Add(took);
  }

  // The slot time of one that is added, of which that was said, with what it spawns; what was said
  // as long as nothing is known.
  [[nodiscard]] Nanos Expect(Nanos said) const {
    const auto added = static_cast<double>(added_.get());
    if (said <= Nanos(0)) {
      return added < 1 ? Nanos(0) : AsTime(static_cast<double>(slot_time_.get()) / added);
    }
    const auto all = static_cast<double>(said_.get());
    if (all < 1) return said;
    return AsTime(static_cast<double>(said.count()) * (static_cast<double>(of_said_.get()) / all));
  }

  // Where nothing is said of that, they are taken to need a CPU until it is known that most do not.
  [[nodiscard]] bool NeedCpu() const { return 2 * on_cpu_.get() >= runs_.get(); }

  // What one that is added needs that nobody said; no tasks: nothing.
  [[nodiscard]] CostModel::Spawns Beyond() const {
    CostModel::Spawns spawns;
    const std::int64_t added = added_.get();
    if (added < 1) return spawns;
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
      spawns.node_time[kind] = beyond_[kind].get() / added;
      if (uses_[kind].get() > 0 && 2 * uses_[kind].get() >= added) {
        spawns.kinds |= std::uint64_t{1} << kind;
      }
    }
    spawns.each = std::max(Nanos(1), Expect(Nanos(0)));
    spawns.tasks = spawns.kinds != 0 ? 1 : 0;
    return spawns;
  }

 private:
  static Nanos AsTime(double ns) {
    return Nanos(
        static_cast<std::int64_t>(std::clamp(ns, 1.0, static_cast<double>(kMostSlotTime.count()))));
  }
  void Fade() {
    for (Gauge* sum : {&runs_, &added_, &slot_time_, &on_cpu_, &said_, &of_said_}) Halve(*sum);
    for (Gauge& each : uses_) Halve(each);
    for (Gauge& each : beyond_) Halve(each);
  }
  static void Halve(Gauge& sum) { sum.Set(sum.get() / 2); }

  Gauge runs_;
  Gauge added_;  // of those
  Gauge slot_time_;
  Gauge on_cpu_;
  Gauge said_;     // of those that were added, of which something was
  Gauge of_said_;  // what they took, with what they spawned
  std::array<Gauge, kResourceKinds> uses_;
  std::array<Gauge, kResourceKinds> beyond_;
};

}  // namespace spillgate
