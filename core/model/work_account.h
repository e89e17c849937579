// WorkAccount: the work that waits for the resources of a node, as its fair queue sees it. The
// ready set keeps it, on its thread; who judges new roots asks it, on any thread, how much would
// run before them. So door and scheduler go by one account, and a refusal means "your backlog
// exceeds your share".
//
// Work is counted by resource in node time: how long all of that resource would be busy with it.
// One millisecond on one of four CPUs is 250 us. So the work that runs before a task, in node time,
// is how long the task waits.
//
// What found its function at its limit is held back by that, and not by the resources: it is
// counted apart, as it does not go before what is of other functions, but for the slots that it has
// anyway.
//
// Beside what waits for resources stand what waits for arguments (parked_work.h), and what is
// promised: the work that the estimates of open roots have not brought yet (work_promise.h).
//
// The bound on what comes before is that of start-time fair queueing (Goyal, Vin, Cheng, SIGCOMM
// 1996): of other flows only as much as they are given while one's own backlog is served.
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
#include "core/base/mutex.h"  // tidy: locks: two may meet an unknown tenant at once
#include "core/model/active_weights.h"
#include "core/model/class.h"
#include "core/model/cost_model.h"
#include "core/model/function.h"
#include "core/model/given_lately.h"
#include "core/model/kept_slot.h"
#include "core/model/open_root_sizes.h"
#include "core/model/open_root_times.h"
#include "core/model/resources.h"
#include "core/model/slack_lines.h"

namespace spillgate {

class WorkAccount {
 public:
  using Work = std::array<Gauge, kResourceKinds>;  // node time in ns
  using Given = std::array<GivenLately, kResourceKinds>;

  // A tenant in a class.
  struct Flow {
    Work work;
    Work promised;
    Work parked;
    Work held_back;  // of the work, what waits for its own function
    struct Line {
      Work work;
      Work promised;
      Work parked;
      Work held_back;
      Gauge each;  // slot time of one of its tasks lately, in ns
    };
    // Of that, what is of patient roots, by their line; line 0 has the rest, and is left empty.
    std::array<Line, kLines> patient;
    // By line: slot time that it and those behind it have had less than the one before it, while
    // both wait.
    std::array<Gauge, kLines> behind;
    // By line: from when on it takes its half while those before it wait, in ns of the clock; 0: at
    // once.
    std::array<Gauge, kLines> claims;
    // By line: when one of its tasks last began, or rather came, in ns of the clock; 0: never.
    std::array<Gauge, kLines> came;
    OpenRootSizes open_roots;
    OpenRootTimes open_root_times;
    Given given;
    ActiveWeights::Mark active;
    Gauge tag;  // virtual time, in slot ns, at which it has had what it was given
    Gauge weight{1};
  };
  // The last roots that the door refused for load: they want room as well, though they never wait
  // for it. Read while it is written it may be of two of them.
  struct TurnedAway {
    Gauge at;  // ns of the clock; 0: none yet
    Gauge p95;
    Gauge slack;
    // tidy: atomics: written by the door, read by scheduling
    std::atomic<const Resources*> shape{nullptr};  // one that stays
  };
  struct Class {
    TurnedAway turned_away;
    Work work;
    Work promised;
    Work parked;
    Work held_back;
    Gauge tasks;
    Gauge held_back_tasks;
    Gauge patient;  // of those, tasks of patient roots
    Gauge promised_tasks;
    Gauge promises;  // open roots that have something left to bring
    Gauge time;      // virtual
    Gauge weights;   // of the flows that wait
    Given given;
    ActiveWeights active;
    Gauge saved;  // slot time that it may have before more important classes, of its least share
  };

  // Of one task, at most: as many as a node can have add up without an overflow.
  static constexpr Nanos kMostNodeTime = std::chrono::minutes(5);
  // The same for sums of slot time: what a task that waits is there.
  [[nodiscard]] static Nanos Summed(Nanos slot_time) { return std::min(slot_time, kMostNodeTime); }

  // What a task of some shape takes of each resource: node time for one slot time. Of a root, also
  // what it will bring beside that task.
  class Needs {
   public:
    struct Need {
      std::size_t kind = 0;
      double node_time = 0;  // ns, of 1 ns of slot time
    };
    Needs(const Resources& shape, const Resources& total);
    // It is a root that brings those. What only they need it needs as well, for the node time that
    // they take of it for each slot time of theirs.
    void Bring(const CostModel::Spawns& spawns);
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] const Need& operator[](std::size_t i) const { return needs_[i]; }
    [[nodiscard]] std::int64_t cpu() const { return cpu_; }  // as in Resources
    // Tasks of the shape that the node can run at a time.
    [[nodiscard]] std::int64_t own_slots() const { return own_slots_; }
    // The same of roots, as far as what they bring needs something else.
    [[nodiscard]] std::int64_t slots() const { return slots_; }
    // Its own task does not need that, only what it brings.
    [[nodiscard]] bool IsBrought(std::size_t i) const { return i >= own_; }
    // How long a task takes as much of that as the root and what it brings, if its own task takes
    // so long.
    [[nodiscard]] Nanos WithBrought(std::size_t i, Nanos slot_time) const {
      return (IsBrought(i) ? Nanos(0) : slot_time) + brought_[i];
    }
    // The same for the same arguments, so that what was added can be taken away again.
    [[nodiscard]] std::int64_t NodeTime(std::size_t i, Nanos slot_time) const {
      const double ns = static_cast<double>(slot_time.count()) * needs_[i].node_time;
      return static_cast<std::int64_t>(std::min(ns, static_cast<double>(kMostNodeTime.count()))) +
             1;
    }
    [[nodiscard]] NodeTimes ByKind(Nanos slot_time) const;

   private:
    std::array<Need, kResourceKinds> needs_{};
    std::size_t size_ = 0;
    std::size_t own_ = 0;  // the first so many are its own
    std::int64_t slots_ = 0;
    std::int64_t own_slots_ = 0;
    std::int64_t cpu_ = 0;
    std::array<Nanos, kResourceKinds> brought_{};  // slot time
  };

  // Tenant ids are at most `most_tenants`.
  WorkAccount(const Resources& total, std::uint32_t most_tenants);

  [[nodiscard]] const Resources& total() const { return total_; }

  [[nodiscard]] Class& Of(TaskClass cls) { return classes_[Index(cls)]; }
  [[nodiscard]] Flow& Of(TaskClass cls, TenantId tenant) EXCLUDES(mutex_);

  // ---- the ready set's
  // All that was handed on to scheduling has been counted.
  void EndPass() { passes_.Add(1); }

  // All of that resource is held until then, as far as is known; kNever: it is not, or nobody
  // knows.
  void SetBusyUntil(std::size_t kind, Instant until) {
    busy_until_[kind].Set(until == kNever ? 0 : until.time_since_epoch().count());
  }

  void SetShutOut(const KeptSlot::ShutOut& shut) {
    shut_out_.from.Set(shut.from);
    shut_out_.room.Set(shut.room);
    shut_out_.most.Set(shut.most);
    shut_out_.until.Set(shut.until.time_since_epoch().count());
  }

  // Short work has a place beside the CPU slots.
  void SetPlaceForShort(bool has) { place_for_short_.Set(has ? 1 : 0); }

  // The door's: of each tenant the newest roots are to go first.
  void SetNewestFirst(bool newest) { newest_first_.Set(newest ? 1 : 0); }
  [[nodiscard]] bool newest_first() const { return newest_first_.get() != 0; }

  // Tasks of a function that wait.
  [[nodiscard]] Gauge& WaitingOf(FunctionId function) { return waiting_[function]; }
  // Their slot time, in ns; and how many of its tasks run.
  [[nodiscard]] Gauge& WorkOf(FunctionId function) { return functions_[function].work; }
  [[nodiscard]] Gauge& RunningOf(FunctionId function) { return functions_[function].running; }
  // Of them, those that found it at its limit.
  [[nodiscard]] Gauge& HeldBackOf(FunctionId function) { return held_back_[function]; }
  // What runs of the functions of which some are held back.
  void ShowTaken(const Resources& taken);

  // ---- any thread
  [[nodiscard]] std::int64_t passes() const { return passes_.get(); }
  [[nodiscard]] const Class& At(TaskClass cls) const { return classes_[Index(cls)]; }
  [[nodiscard]] const Flow& At(TaskClass cls, TenantId tenant) const;
  [[nodiscard]] bool HasPlaceForShort() const { return place_for_short_.get() != 0; }
  // How much longer all of that resource is held by what runs.
  [[nodiscard]] Nanos BusyFor(std::size_t kind, Instant now) const {
    return std::max(Nanos(0), Nanos(busy_until_[kind].get()) - now.time_since_epoch());
  }
  // And for one that takes so long, and so much of the CPU, as a slot is kept from it.
  [[nodiscard]] Nanos ShutOutFor(KeptSlot::Length length, std::int64_t cpu, Instant now) const {
    const ShutOut& shut = shut_out_;
    if (length < shut.from.get() || cpu <= shut.room.get() || cpu > shut.most.get()) {
      return Nanos(0);
    }
    return std::max(Nanos(0), Nanos(shut.until.get()) - now.time_since_epoch());
  }
  [[nodiscard]] std::int64_t Waiting(FunctionId function) const {
    return function > kMostFunctions ? 0 : waiting_[function].get();
  }
  // The part of all that waits for that resource which waits for runs of the function.
  [[nodiscard]] double PartOf(FunctionId function, const Needs& needs, std::size_t which) const;
  [[nodiscard]] std::int64_t Running(FunctionId function) const {
    return function > kMostFunctions ? 0 : functions_[function].running.get();
  }
  [[nodiscard]] bool IsHeldBack(FunctionId function) const {
    return function <= kMostFunctions && held_back_[function].get() > 0;
  }
  // The part of a resource that is left for functions of which none is held back.
  [[nodiscard]] double Left(std::size_t kind) const;
  // The part of it that more important classes leave, if they go on having what they had lately:
  // never nothing.
  [[nodiscard]] double LeftBelow(TaskClass cls, std::size_t kind, Instant now) const;
  // Tasks that are promised, of all classes.
  [[nodiscard]] std::int64_t Promised() const;
  // Of those, what open roots are to bring: their clients will send it.
  [[nodiscard]] const Gauge& opened() const { return opened_; }
  [[nodiscard]] Gauge& opened() { return opened_; }
  // Tasks that wait, of this class and of more important ones; and of them, those held back.
  [[nodiscard]] std::int64_t TasksBefore(TaskClass cls) const;
  [[nodiscard]] std::int64_t HeldBackBefore(TaskClass cls) const;

 private:
  using Tenant = std::array<Flow, kClasses>;
  // tidy: atomics: written by scheduling, read by the door on any thread
  using Place = std::atomic<Tenant*>;

  const Resources total_;
  const std::uint32_t most_;
  std::array<Class, kClasses> classes_;
  std::unique_ptr<Place[]> tenants_;
  Mutex mutex_;  // tidy: locks: of making a tenant, once each
  std::vector<std::unique_ptr<Tenant>> owned_ GUARDED_BY(mutex_);
  std::unique_ptr<Gauge[]> waiting_;
  std::unique_ptr<Gauge[]> held_back_;
  Work taken_;  // in the units of resources
  struct OfFunction {
    Gauge work;
    Gauge running;
  };
  std::unique_ptr<OfFunction[]> functions_;
  const Tenant nobody_{};
  Gauge passes_;
  Gauge opened_;
  std::array<Gauge, kResourceKinds> busy_until_;  // ns of the clock
  struct ShutOut {
    Gauge from{KeptSlot::kNothing};
    Gauge room;
    Gauge most;
    Gauge until;  // ns of the clock
  };
  ShutOut shut_out_;  // as KeptSlot says
  Gauge place_for_short_;
  Gauge newest_first_;
};

}  // namespace spillgate
