// Edges: the only way out of a stage. Emit<E> goes with the stream: each event is shown to the next
// stage's controller, takes a place there, gives back its place here, and moves on; what may not
// pass goes where the wiring says. EmitBack<E> goes against the stream and cannot be refused.
// Ending<E> is for what leaves the node. None of them blocks. A miswired edge does not compile. One
// edge object belongs to one stage object.
//
// An event type E provides, by argument-dependent lookup: Meta MetaOf(const E&); void Arrive(E&,
// Instant), which stamps its arrival; and, where a target has shards, std::size_t RouteOf(const
// E&).
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/flow/inbox.h"

namespace spillgate::flow {

template <class E>
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Pass(std::span<E> events, Instant now) = 0;
};

// Where an event goes that may not pass: back to be held (kKeep), or on to publication (kDrop).
template <class E>
using Kept = std::function<void(E&&, Verdict, Instant)>;

// Counts events out of the stage they leave. `from` may be null: for what holds no place (the
// park).
class Departure {
 public:
  explicit Departure(AnyInbox* from) : from_(from) {}

  void Note(const Meta& meta, Instant now) {
    if (from_ == nullptr) return;
    const std::size_t cls = meta.cls < kMaxClasses ? meta.cls : kMaxClasses - 1;
    if (meta.is_task) {
      from_->stats().wait[cls].Add(now - meta.arrived);
      from_->stats().handled[cls].Add(1);
    }
    ++count_;
    bytes_ += meta.bytes;
  }
  void Settle() {
    if (from_ != nullptr && count_ > 0) from_->Leave(count_, bytes_);
    count_ = 0;
    bytes_ = 0;
  }
  [[nodiscard]] AnyInbox* from() const { return from_; }

 private:
  AnyInbox* from_;
  std::int64_t count_ = 0;
  std::int64_t bytes_ = 0;
};

template <class E, class In>
class ForwardEdge final : public Sink<E> {
 public:
  ForwardEdge(AnyInbox* from, const std::vector<Inbox<In>*>& to, Kept<E> kept)
      : departure_(from), kept_(std::move(kept)) {
    for (Inbox<In>* inbox : to) targets_.push_back({inbox, {}});
  }

  void Pass(std::span<E> events, Instant now) override {
    for (E& event : events) {
      Target& target = targets_.size() == 1 ? targets_.front() : Route(event);
      if (target.batch.empty()) target.load = target.inbox->load();
      const Meta meta = MetaOf(event);
      const Verdict verdict = target.inbox->controller().Look(meta, target.load, now);
      if (verdict != Verdict::kAdmit || !target.inbox->Reserve(1, meta.bytes)) {
        Refuse(target, std::move(event), verdict, now);
        continue;
      }
      ++target.load.queued;
      target.load.bytes += meta.bytes;
      departure_.Note(meta, now);
      Arrive(event, now);
      target.batch.emplace_back(std::move(event));
    }
    departure_.Settle();
    for (Target& target : targets_) {
      if (target.batch.empty()) continue;
      target.inbox->Commit(target.batch);
      target.batch.clear();
    }
  }

 private:
  struct Target {
    Inbox<In>* inbox;
    std::vector<In> batch;
    Load load{};
  };

  Target& Route(const E& event)
    requires requires(const E& e) { RouteOf(e); }
  {
    return targets_[RouteOf(event) % targets_.size()];
  }
  Target& Route(const E&)
    requires(!requires(const E& e) { RouteOf(e); })
  {
    return targets_.front();
  }

  void Refuse(Target& target, E&& event, Verdict verdict, Instant now) {
    StageStats& stats = target.inbox->stats();
    if (verdict == Verdict::kDrop) {
      stats.dropped.fetch_add(1, std::memory_order_relaxed);
      kept_(std::move(event), Verdict::kDrop, now);
      return;
    }
    stats.kept.fetch_add(1, std::memory_order_relaxed);
    stats.fuses.fetch_add(1, std::memory_order_relaxed);
    kept_(std::move(event), Verdict::kKeep, now);
    if (departure_.from() != nullptr) target.inbox->TellWhenRoom(departure_.from()->runnable());
  }

  Departure departure_;
  Kept<E> kept_;
  std::vector<Target> targets_;
};

template <class E>
class Emit {
 public:
  explicit Emit(std::unique_ptr<Sink<E>> sink) : sink_(std::move(sink)) {}

  template <class In>
    requires std::constructible_from<In, E&&>
  Emit(AnyInbox* from, Inbox<In>& to, Kept<E> kept)
      : Emit(from, std::vector<Inbox<In>*>{&to}, std::move(kept)) {}

  template <class In>
    requires std::constructible_from<In, E&&>
  Emit(AnyInbox* from, const std::vector<Inbox<In>*>& shards, Kept<E> kept)
      : sink_(std::make_unique<ForwardEdge<E, In>>(from, shards, std::move(kept))) {}

  void operator()(std::span<E> events, Instant now) const {
    if (!events.empty()) sink_->Pass(events, now);
  }
  void operator()(E&& event, Instant now) const { sink_->Pass(std::span<E>(&event, 1), now); }

 private:
  std::unique_ptr<Sink<E>> sink_;
};

template <class E, class In>
class BackEdge final : public Sink<E> {
 public:
  explicit BackEdge(std::vector<Inbox<In>*> to) : to_(std::move(to)), batches_(to_.size()) {}

  void Pass(std::span<E> events, Instant now) override {
    for (E& event : events) {
      const std::size_t shard = to_.size() == 1 ? 0 : Route(event);
      // What comes back as work takes its place again; its node-wide one it never gave up.
      if constexpr (requires { MetaOf(event); }) {
        to_[shard]->credits().Force(1, MetaOf(event).bytes);
      }
      Arrive(event, now);
      batches_[shard].emplace_back(std::move(event));
    }
    for (std::size_t i = 0; i < to_.size(); ++i) {
      to_[i]->CommitBack(batches_[i]);
      batches_[i].clear();
    }
  }

 private:
  std::size_t Route(const E& event) {
    if constexpr (requires { RouteOf(event); }) {
      return RouteOf(event) % to_.size();
    } else {
      return 0;
    }
  }

  std::vector<Inbox<In>*> to_;
  std::vector<std::vector<In>> batches_;
};

template <class E>
class EmitBack {
 public:
  explicit EmitBack(std::unique_ptr<Sink<E>> sink) : sink_(std::move(sink)) {}

  template <class In>
    requires std::constructible_from<In, E&&>
  explicit EmitBack(Inbox<In>& to) : EmitBack(std::vector<Inbox<In>*>{&to}) {}

  template <class In>
    requires std::constructible_from<In, E&&>
  explicit EmitBack(std::vector<Inbox<In>*> shards)
      : sink_(std::make_unique<BackEdge<E, In>>(std::move(shards))) {}

  void operator()(std::span<E> events, Instant now) const {
    if (!events.empty()) sink_->Pass(events, now);
  }
  void operator()(E&& event, Instant now) const { sink_->Pass(std::span<E>(&event, 1), now); }

 private:
  std::unique_ptr<Sink<E>> sink_;
};

}  // namespace spillgate::flow
