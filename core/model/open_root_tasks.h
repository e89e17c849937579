// OpenRootTasks: what the tasks take that the clients of a tenant add to its open roots, of each
// resource and with all that these spawn: by what was said of their time, which may be nothing, or
// wrong. Where a root is opened its tasks are not here yet, and nobody knows their functions.
// Written by scheduling, on its thread; any thread may ask.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/gauge.h"
#include "core/model/resources.h"

namespace spillgate {

class OpenRootTasks {
 public:
  static constexpr std::int64_t kWindow = 1024;                // added tasks; older ones fade
  static constexpr std::int64_t kMost = 1 << 20;               // of all that are remembered
  static constexpr Nanos kMostEach = std::chrono::minutes(5);  // or their sums overflow

  // One that has run.
  struct Run {
    bool added = false;  // by the client; or else spawned by one that was
    Nanos said{0};       // slot time, by who opened the root; 0: nothing
    Nanos slot_time{0};  // that it took
    NodeTimes work{};    // and so much of each resource
  };
  void Learn(const Run& run) {
    Sums& sums = sums_[run.said > Nanos(0) ? 1 : 0];
    if (sums.runs.get() == kMost && !run.added) return;  // more would not be another lesson
    if (sums.runs.get() == kMost || sums.added.get() == kWindow) Fade(sums);
    sums.runs.Add(1);
    if (run.added) {
      sums.added.Add(1);
      sums.said.Add(std::min(run.said, kMostEach).count());
      sums.own.Add(std::min(run.slot_time, kMostEach).count());
    }
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
      if (run.work[kind] <= 0) continue;
      sums.uses[kind].Add(1);
      sums.work[kind].Add(std::min<std::int64_t>(run.work[kind], kMostEach.count()));
    }
  }

  // Of one that is added.
  struct Each {
    bool known = false;       // else the rest says nothing
    Nanos own{0};             // its own slot time
    NodeTimes work{};         // what it takes with what it spawns
    std::uint64_t kinds = 0;  // a bit for each resource that it waits for
    [[nodiscard]] bool Need(std::size_t kind) const { return ((kinds >> kind) & 1U) != 0; }
  };
  // Of which that was said.
  [[nodiscard]] Each Expect(Nanos said) const {
    const Sums& sums = sums_[said > Nanos(0) ? 1 : 0];
    const std::int64_t added = sums.added.get();
    if (added <= 0) return {};
    const double part = said > Nanos(0)
                            ? static_cast<double>(said.count()) /
                                  static_cast<double>(std::max<std::int64_t>(1, sums.said.get()))
                            : 1 / static_cast<double>(added);
    Each each{.known = true, .own = Nanos(Scaled(sums.own, part))};
    std::int64_t most = 0;
    for (const Gauge& work : sums.work) most = std::max(most, work.get());
    for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
      const std::int64_t work = sums.work[kind].get();
      each.work[kind] = Scaled(sums.work[kind], part);
      // What few need, and hardly, is not what all of them wait for.
      const bool often = 2 * sums.uses[kind].get() >= added;
      if (work > 0 && (often || 2 * work >= most)) each.kinds |= std::uint64_t{1} << kind;
    }
    return each;
  }

 private:
  // Of roots of which a time was said, or of the others.
  struct Sums {
    Gauge runs;
    Gauge added;  // of those
    Gauge said;   // of the added ones, in ns
    Gauge own;    // their slot time
    std::array<Gauge, kResourceKinds> uses;
    std::array<Gauge, kResourceKinds> work;
  };
  static std::int64_t Scaled(const Gauge& sum, double part) {
    const double most = static_cast<double>(kMostEach.count());
    return static_cast<std::int64_t>(std::min(most, static_cast<double>(sum.get()) * part));
  }
  static void Fade(Sums& sums) {
    for (Gauge* sum : {&sums.runs, &sums.added, &sums.said, &sums.own}) sum->Set(sum->get() / 2);
    for (auto* each : {&sums.uses, &sums.work}) {
      for (Gauge& sum : *each) sum.Set(sum.get() / 2);
    }
  }

  std::array<Sums, 2> sums_;
};

}  // namespace spillgate
