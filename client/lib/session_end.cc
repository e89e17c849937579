// Session: how tasks end here, and how what nobody needs any more is let go of.
#include <algorithm>

#include "client/lib/session.h"
#include "core/base/format.h"

namespace spillgate::client {
namespace {

constexpr Nanos kVerdictGrace = std::chrono::seconds(1);  // after a deadline

}  // namespace

void Session::Succeed(TaskState& state, Phase phase) {
  End(state, phase);
}

void Session::Fail(TaskState& state, Failure failure) {
  if (state.Look() > Phase::kAtNode) return;
  state.failure = std::make_unique<Failure>(std::move(failure));
  unsent_dropped_ = unsent_dropped_ || state.pins > 0;
  End(state, Phase::kFailed);
}

void Session::End(TaskState& state, Phase phase) {
  state.phase.store(phase, std::memory_order_release);
  if (state.counted) {
    state.counted = false;
    --outstanding_;
  }
  if (state.waiter != nullptr && (!state.wants_value || phase != Phase::kAtNode)) {
    Waiter& waiter = *state.waiter;
    state.waiter = nullptr;
    Tell(waiter);
  }
  if (state.done != nullptr) {
    callbacks_.push_back(std::move(*state.done));
    state.done.reset();
    --waiting_callbacks_;
  }
  if (state.dropped) {
    let_go_.push_back(&state);
  } else {
    ReleaseEarly(state);
  }
}

void Session::Tell(Waiter& waiter) {
  if (waiter.left.fetch_sub(1, std::memory_order_release) != 1) return;
  if (waiter.parker.Signal()) woken_.push_back(waiter.parker.address());
}

// The value is here and will do for whatever the future is used for.
void Session::ReleaseEarly(TaskState& state) {
  const bool will_do = state.Look() == Phase::kHere && state.returns == 1 &&
                       state.value.size() <= welcome_.inline_value;
  if (will_do && state.is_task && !state.keep && !state.detached && state.pins == 0) {
    SayRelease(state);
  }
}

void Session::SayRelease(TaskState& state) {
  if (state.released) return;
  state.released = true;
  AddRelease(state.session_id.load(std::memory_order_relaxed), SeqOf(state));
}

// Neighbours become one range: results mostly come in the order of their numbers.
void Session::AddRelease(SessionId session, std::uint64_t seq) {
  constexpr std::uint64_t kMostInRange = 4096;
  const bool ours = session == welcome_.session || (session & kChildBit) != 0;
  if (!ours || seq == 0) return;
  if (!releases_.empty()) {
    wire::Range& last = releases_.back();
    const bool next = last.first.session == session && last.first.seq + last.count == seq;
    if (next && (session & kChildBit) == 0 && last.count < kMostInRange) {
      ++last.count;
      return;
    }
  }
  releases_.push_back({.first = {session, seq}, .count = 1});
}

void Session::Drop(TaskState* state) {
  TaskState* head = dropped_.load(std::memory_order_relaxed);
  do {
    state->next = head;
  } while (!dropped_.compare_exchange_weak(head, state, std::memory_order_seq_cst));
}

void Session::TakeDropped() {
  if (dropped_.load(std::memory_order_relaxed) == nullptr) return;
  TaskState* first = dropped_.exchange(nullptr, std::memory_order_seq_cst);
  // The stack has the last one first; in the order of dropping their ranges are longer.
  TaskState* in_order = nullptr;
  while (first != nullptr) {
    TaskState* next = first->next;
    first->next = in_order;
    in_order = first;
    first = next;
  }
  while (in_order != nullptr) {
    TaskState* next = in_order->next;
    in_order->next = nullptr;
    in_order->dropped = true;
    LetGo(*in_order);
    in_order = next;
  }
  LetGoAll();
}

void Session::LetGoAll() {
  for (std::size_t i = 0; i < let_go_.size(); ++i) {
    TaskState& state = *let_go_[i];
    state.dropped ? LetGo(state) : ReleaseEarly(state);
  }
  let_go_.clear();
}

// It has no future. It goes once nothing that is under way needs it; a task that was accepted runs
// on without us.
void Session::LetGo(TaskState& state) {
  state.dropped = true;
  if (state.done != nullptr) {
    state.done.reset();
    --waiting_callbacks_;
  }
  if (state.parcel != nullptr || state.pins > 0) return;
  const std::uint64_t seq = SeqOf(state);
  const bool at_node = state.accepted || state.Look() == Phase::kHere;
  if (state.detached && state.is_task && at_node && state.pending()) detached_.insert(seq);
  if (at_node && !state.detached) SayRelease(state);
  if (state.counted) {
    state.counted = false;
    --outstanding_;
  }
  if (state.Look() == Phase::kHere) held_bytes_ -= std::min(held_bytes_, state.value.size());
  if (seq != 0 && outbox_.FindTask(seq) == &state) outbox_.Forget(state);
  pool_.Free(&state);
}

// ---- parcels that will have no verdict

void Session::FailOpen(Parcel& parcel, const Failure& failure) {
  for (std::uint32_t i = 0; i < parcel.count; ++i) {
    TaskState* state = parcel.tasks[i];
    if (state == nullptr || state->accepted) continue;
    outbox_.Answer(parcel);
    if (state->pending()) Fail(*state, failure);
  }
  outbox_.Retire(parcel, let_go_);
}

// To wait until then, or, without a deadline, on.
bool Session::IsOutOfTime(const Parcel& parcel, Instant until, Instant now) const {
  const Instant deadline = parcel.terms.deadline;
  return deadline == kNever ? now >= After(parcel.came, options_.request_timeout)
                            : until >= deadline;
}

void Session::ExpireParcel(Parcel& parcel, Instant now) {
  const Instant deadline = parcel.terms.deadline;
  if (!parcel.was_sent) {
    if (now < deadline) return;
    if (outbox_.WaitsSince(parcel) != kNever) stats_.gave_up += parcel.open;
    return FailOpen(parcel, {.kind = FailureKind::kExpired,
                             .reason = Reason::kExpired,
                             .message = parcel.terms.retry > 0
                                            ? "the deadline passed while it waited to be sent "
                                              "again, which the node had refused; it did not run"
                                            : "the deadline passed before the node gave credit to "
                                              "send it; it did not run"});
  }
  if (parcel.open == 0) return;
  if (now >= parcel.give_up && !parcel.note.empty()) {
    return FailOpen(parcel, {.kind = FailureKind::kRefused,
                             .reason = Reason::kBadRequest,
                             .message = Format("the node said: {}", parcel.note)});
  }
  const bool late = deadline != kNever && now >= After(deadline, kVerdictGrace);
  if (late || now >= parcel.give_up) {
    FailOpen(parcel, {.kind = FailureKind::kOutcomeUnknown,
                      .message = "the node did not say in time whether it accepted this; it may "
                                 "have run"});
  }
}

void Session::OnTime(Instant now) {
  for (Parcel* parcel : outbox_.Everything()) ExpireParcel(*parcel, now);
  LetGoAll();
}

Instant Session::NextTime(Instant now) const {
  Instant next = outbox_.NextDue(now);
  if (!fetches_.empty() && fetch_not_before_ > now) next = std::min(next, fetch_not_before_);
  return next;
}

void Session::FailAll(const Failure& why) {
  const Failure unknown{.kind = FailureKind::kOutcomeUnknown,
                        .message = Format("it may have run: {}", why.message)};
  for (Parcel* parcel : outbox_.Everything()) {
    FailOpen(*parcel, parcel->was_sent ? unknown : why);
  }
  std::vector<TaskState*> pending;
  outbox_.tasks().ForEach([&](TaskState& state) {
    if (state.Look() <= Phase::kAtNode) pending.push_back(&state);
  });
  for (TaskState* state : pending) {
    if (state->pending() || state->waiter != nullptr) Fail(*state, unknown);
  }
  std::vector<Request*> requests;
  for (const auto& [correlation, request] : requests_) requests.push_back(request);
  for (Request* request : requests) Finish(*request, why);
  control_.Clear();
  fetches_.clear();
  fetch_frames_.clear();
  LetGoAll();
}

}  // namespace spillgate::client
