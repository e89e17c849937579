// Inbox: the bounded queue before a stage. Forward events take a credit (count and bytes) when they
// are committed and keep it until the stage has emitted or ended them, so occupancy covers the
// queue and all that the stage holds. Back events (what flows against the stream) have a lane of
// their own, bounded by construction, that forward traffic can never fill.
//
// Any thread may Reserve and Commit; one thread at a time takes. Where producer and consumer are
// the same thread, events pass through a plain vector instead of the concurrent queue.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/flow/admission.h"
#include "core/flow/arrival_marks.h"
#include "core/flow/credits.h"
#include "core/flow/remote_queue.h"
#include "core/flow/runnable.h"
#include "core/flow/stage_stats.h"

namespace spillgate::flow {

struct InboxOptions {
  std::int64_t capacity = 65536;
  std::int64_t capacity_bytes = 256 << 20;
  std::int64_t back_capacity = 1 << 20;  // more back events than this at once is a bug of ours
};

// First in, first out, for one consumer and any producers.
template <class In>
class Lane {
 public:
  void PushLocal(std::span<In> events) {
    for (In& event : events) local_.push_back(std::move(event));
    local_size_.store(local_.size() - head_, std::memory_order_relaxed);
  }
  void PushRemote(std::span<In> events) {
    remote_size_.fetch_add(events.size(), std::memory_order_relaxed);
    remote_.Push(events);
  }
  // Appends at most `most` events to `batch`. Half of the room is kept for the remote side, or
  // every second turn where there is room for one, so that neither starves the other.
  void Take(std::vector<In>& batch, std::size_t most) {
    const std::size_t waiting = remote_size_.load(std::memory_order_relaxed);
    std::size_t from_local = std::min(most, local_.size() - head_);
    if (waiting > 0) {
      from_local = std::min(from_local, (most + static_cast<std::size_t>(local_is_next_)) / 2);
      local_is_next_ = !local_is_next_;
    }
    for (std::size_t i = 0; i < from_local; ++i) batch.push_back(std::move(local_[head_ + i]));
    head_ += from_local;
    if (head_ == local_.size()) {
      local_.clear();  // start over on the same, cached memory
      head_ = 0;
    } else if (head_ >= 4096 && head_ * 2 >= local_.size()) {
      local_.erase(local_.begin(), local_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    local_size_.store(local_.size() - head_, std::memory_order_relaxed);
    if (waiting == 0) return;
    const std::size_t start = batch.size();
    batch.resize(start + (most - from_local));
    const std::size_t got = remote_.Pop(batch.data() + start, most - from_local);
    batch.resize(start + got);
    remote_size_.fetch_sub(got, std::memory_order_relaxed);
  }
  [[nodiscard]] std::size_t size() const {
    return local_size_.load(std::memory_order_relaxed) +
           remote_size_.load(std::memory_order_relaxed);
  }

 private:
  std::vector<In> local_;
  std::size_t head_ = 0;
  bool local_is_next_ = true;  // of both sides, where the room is odd
  std::atomic<std::size_t> local_size_{0};
  std::atomic<std::size_t> remote_size_{0};
  RemoteQueue<In> remote_;
};

// A controller that is asked what it would do, and does nothing.
struct DryRun {
  std::unique_ptr<Controller> controller;
  std::array<Counter, kMaxClasses> refused;  // that it would have; tasks, by class
};

// The part of an inbox that does not depend on the events in it: what edges, pools and metrics see.
class AnyInbox {
 public:
  AnyInbox(std::string name, std::uint32_t shard, InboxOptions options,
           std::unique_ptr<Controller> controller)
      : credits_(options.capacity, options.capacity_bytes),
        back_capacity_(options.back_capacity),
        name_(std::move(name)),
        shard_(shard) {
    Use(std::move(controller));
  }
  virtual ~AnyInbox() = default;
  AnyInbox(const AnyInbox&) = delete;
  AnyInbox& operator=(const AnyInbox&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::uint32_t shard() const { return shard_; }
  [[nodiscard]] Credits& credits() { return credits_; }
  // Whoever asks for it again later may get another one; each that was in use lives on.
  [[nodiscard]] Controller& controller() const {
    return *controller_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::string_view controller_name() const { return controller().name(); }
  // From the next event on, while the stage runs; one thread at a time. One of that name that was
  // in use before is taken up again.
  void Use(std::unique_ptr<Controller> controller) {
    const auto same = [&](const auto& each) { return each->name() == controller->name(); };
    auto found = std::find_if(controllers_.begin(), controllers_.end(), same);
    if (found == controllers_.end()) {
      controllers_.push_back(std::move(controller));
      found = controllers_.end() - 1;
    }
    controller_.store(found->get(), std::memory_order_release);
  }
  // Beside it, and without effect; null for none. As with the controllers, each that was in use
  // lives on.
  [[nodiscard]] DryRun* dry_run() const { return dry_run_.load(std::memory_order_acquire); }
  void UseDryRun(std::unique_ptr<Controller> controller) {
    if (controller == nullptr) return dry_run_.store(nullptr, std::memory_order_release);
    const auto same = [&](const auto& each) {
      return each->controller->name() == controller->name();
    };
    auto found = std::find_if(dry_runs_.begin(), dry_runs_.end(), same);
    if (found == dry_runs_.end()) {
      dry_runs_.push_back(std::make_unique<DryRun>());
      dry_runs_.back()->controller = std::move(controller);
      found = dry_runs_.end() - 1;
    }
    dry_run_.store(found->get(), std::memory_order_release);
  }
  // Of all of them, also of those that come into use again.
  void SetTargetDelay(Nanos target) {
    for (const auto& each : controllers_) each->set_target_delay(target);
    for (const auto& each : dry_runs_) each->controller->set_target_delay(target);
  }
  // Whether one of the two is to be told of what ended.
  [[nodiscard]] bool Observes() const {
    const DryRun* dry = dry_run();
    return controller().Observes() || (dry != nullptr && dry->controller->Observes());
  }
  void Observe(const Served& served, Instant now) const {
    controller().Observe(served, now);
    if (const DryRun* dry = dry_run()) dry->controller->Observe(served, now);
  }
  [[nodiscard]] StageStats& stats() { return stats_; }
  [[nodiscard]] const StageStats& stats() const { return stats_; }
  [[nodiscard]] virtual std::size_t queued() const = 0;   // forward events not yet taken
  [[nodiscard]] virtual std::size_t waiting() const = 0;  // all events not yet taken

  [[nodiscard]] Load load() const {
    const auto in_queue = static_cast<std::int64_t>(queued());
    return {.queued = in_queue,
            .held = std::max<std::int64_t>(0, credits_.count() - in_queue),
            .bytes = credits_.bytes(),
            .capacity = credits_.count_limit(),
            .capacity_bytes = credits_.bytes_limit()};
  }

  // Events have left the stage: their places come home, and an upstream that found it full is told.
  void Leave(std::int64_t count, std::int64_t bytes) {
    credits_.Release(count, bytes);
    Runnable* upstream = short_of_room_.exchange(nullptr, std::memory_order_acq_rel);
    if (upstream != nullptr) upstream->MarkReady();
  }
  // `upstream` is run again when a place comes free.
  void TellWhenRoom(Runnable* upstream) {
    short_of_room_.store(upstream, std::memory_order_release);
    if (credits_.room() > 0) upstream->MarkReady();  // it came free in between
  }

  // At each tick, by the one thread that is in the stage: publishes what the counters alone do not
  // say. `held_oldest`: when the oldest that the stage holds arrived, kNever if it holds none;
  // without it, what it holds is taken to leave in the order of arrival.
  void PublishVitals(Instant now, std::optional<Instant> held_oldest) {
    PublishController();
    const std::uint64_t arrived = stats_.arrived.load(std::memory_order_relaxed);
    const auto here = static_cast<std::uint64_t>(std::max<std::int64_t>(
        0, held_oldest.has_value() ? static_cast<std::int64_t>(queued()) : credits_.count()));
    marks_.Note(arrived, arrived - std::min(arrived, here), now);
    const Instant oldest = std::min(marks_.Oldest(), held_oldest.value_or(kNever));
    stats_.oldest_ns.store(oldest.time_since_epoch().count(), std::memory_order_relaxed);
  }

  void set_runnable(Runnable* runnable) { runnable_ = runnable; }
  [[nodiscard]] Runnable* runnable() const { return runnable_; }

 protected:
  Credits credits_;
  const std::int64_t back_capacity_;
  Runnable* runnable_ = nullptr;

 private:
  void PublishController() {
    ControllerState state;
    controller().Snapshot(state);
    stats_.admits_up_to.store(state.limit, std::memory_order_relaxed);
    stats_.retry_after_ns.store(state.retry_after.count(), std::memory_order_relaxed);
  }

  std::vector<std::unique_ptr<Controller>> controllers_;  // each name once, so there are few
  std::atomic<Controller*> controller_{nullptr};
  std::vector<std::unique_ptr<DryRun>> dry_runs_;  // likewise
  std::atomic<DryRun*> dry_run_{nullptr};
  StageStats stats_;
  ArrivalMarks marks_;
  std::atomic<Runnable*> short_of_room_{nullptr};
  const std::string name_;
  const std::uint32_t shard_;
};

template <class In>
class Inbox final : public AnyInbox {
 public:
  using AnyInbox::AnyInbox;

  // Takes places; the Commit of as many events that follows cannot fail.
  [[nodiscard]] bool Reserve(std::int64_t count, std::int64_t bytes) {
    return credits_.Reserve(count, bytes);
  }

  void Commit(std::span<In> events) {
    stats().arrived.fetch_add(events.size(), std::memory_order_relaxed);
    Push(forward_, events);
  }

  void CommitBack(std::span<In> events) {
    SG_CHECK(static_cast<std::int64_t>(back_.size() + events.size()) <= back_capacity_);
    Push(back_, events);
  }

  // Back events first: they free what forward events wait for.
  void Take(std::vector<In>& batch, std::size_t most) {
    back_.Take(batch, most);
    if (batch.size() < most) forward_.Take(batch, most - batch.size());
  }

  [[nodiscard]] std::size_t queued() const override { return forward_.size(); }
  [[nodiscard]] std::size_t waiting() const override { return forward_.size() + back_.size(); }

 private:
  void Push(Lane<In>& lane, std::span<In> events) {
    if (events.empty()) return;
    if (runnable_->OnOwnThread()) {
      lane.PushLocal(events);
    } else {
      lane.PushRemote(events);
    }
    runnable_->MarkReady();
  }

  Lane<In> forward_;
  Lane<In> back_;
};

}  // namespace spillgate::flow
