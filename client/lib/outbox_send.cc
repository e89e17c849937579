// Outbox's other half: what may leave, and when.
#include <algorithm>
#include <numeric>

#include "client/lib/outbox.h"
#include "schema/resubmit.h"

namespace spillgate::client {
namespace {

// Numbers that may be ahead of the oldest unanswered one: what a node remembers, less some for
// frames that are on their way.
constexpr std::uint64_t kNumberWindow = 60'000;
// Root tasks that go where nothing is known: as many as a node lets a new connection send.
constexpr std::uint32_t kToSee = 64;
constexpr std::size_t kMostUnwritten = 1 << 20;  // bytes that wait for the socket

bool DueLater(const Parcel* a, const Parcel* b) {
  return a->due != b->due ? a->due > b->due : a->order > b->order;
}

std::uint64_t RemainingMicros(Instant deadline, Instant now) {
  if (deadline == kNever) return 0;
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - now).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, left));
}

std::uint64_t Micros(Instant now) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count());
}

}  // namespace

void Outbox::PushLater(Parcel& parcel, Instant due) {
  parcel.place = Parcel::Place::kLater;
  parcel.due = due;
  later_.push_back(&parcel);
  std::push_heap(later_.begin(), later_.end(), DueLater);
  fresh_ = true;
}

void Outbox::Resend(Parcel& parcel, Instant due) {
  if (parcel.place == Parcel::Place::kSent && !parcel.again) PushLater(parcel, due);
}

void Outbox::TakeDue(Instant now) {
  while (!later_.empty() && later_.front()->due <= now) {
    std::pop_heap(later_.begin(), later_.end(), DueLater);
    Parcel& parcel = *later_.back();
    later_.pop_back();
    if (parcel.was_sent) {
      parcel.place = Parcel::Place::kSent;
      parcel.again = true;
      again_.push_back(&parcel);
    } else {
      parcel.place = Parcel::Place::kLane;
      parcel.order = next_order_++;
      PushToLane(parcel);
    }
  }
}

void Outbox::Send(Instant now, wire::OutBuffer& out) {
  fresh_ = false;
  TakeDue(now);
  while (!again_.empty() && out.size() < kMostUnwritten) {
    Parcel& parcel = *again_.front();
    again_.pop_front();
    parcel.again = false;
    if (parcel.attempt < 255) ++parcel.attempt;
    tasks_resent_ += parcel.open;
    Write(parcel, now, out);
  }
  std::array<bool, kClasses + 1> blocked{};
  while (out.size() < kMostUnwritten) {
    const Lane* first = nullptr;
    for (const Lane& lane : lanes_) {
      const bool open = !blocked[static_cast<std::size_t>(&lane - lanes_.data())];
      if (!open || lane.empty()) continue;
      if (first == nullptr || lane.order() < first->order()) first = &lane;
    }
    if (first == nullptr) return;
    const auto lane = static_cast<std::uint8_t>(first - lanes_.data());
    if (SendNext(lane, now, out)) {
      blocked = {};  // others may have waited for just this
    } else {
      blocked[lane] = true;
    }
  }
  fresh_ = true;  // there may be more, once the socket has taken this
}

bool Outbox::SendNext(std::uint8_t lane, Instant now, wire::OutBuffer& out) {
  const auto may = [&](const Parcel& one) { return MaySend(one); };
  Parcel* parcel = lanes_[lane].Next(now, may);
  if (parcel == nullptr && lane == kFreeLane) parcel = lanes_[lane].PastTheFirst(may);
  if (parcel == nullptr) return false;
  const std::uint64_t room = Room(*parcel, now);
  if (room == 0) {
    credit_.wanting[lane] = now;
    return false;
  }
  if (parcel->place == Parcel::Place::kOpen) Close(*parcel);
  if (room < parcel->count) parcel = Split(*parcel, static_cast<std::uint32_t>(room));
  if (parcel->kind != Parcel::Kind::kPut) Refresh(*parcel);
  if (!MaySend(*parcel)) return false;  // by its new numbers
  lanes_[lane].Take(*parcel, now);
  CountUnsent(*parcel, -static_cast<std::int64_t>(parcel->open));
  CountUnanswered(*parcel, parcel->open);
  if (const Instant since = WaitsSince(*parcel); since != kNever) {
    waited_.sent += parcel->open;
    waited_.time += (now - since) * static_cast<std::int64_t>(parcel->open);
  }
  parcel->place = Parcel::Place::kSent;
  parcel->was_sent = true;
  parcel->previous = sent_last_;
  (sent_last_ == nullptr ? sent_first_ : sent_last_->next) = parcel;
  sent_last_ = parcel;
  greatest_sent_ = std::max(greatest_sent_, parcel->first_seq + parcel->count);
  Write(*parcel, now, out);
  return true;
}

// Its arguments are on their way, and its numbers not too far ahead.
bool Outbox::MaySend(const Parcel& parcel) const {
  for (const Argument& argument : parcel.arguments) {
    const Parcel* maker = argument.state->parcel;
    if (maker != nullptr && maker != &parcel && !maker->was_sent) return false;
    // A value is large, and may be refused: what needs it waits for the verdict.
    if (!argument.state->is_task && argument.state->pending()) return false;
  }
  if (sent_first_ == nullptr) return true;
  const std::uint64_t oldest = sent_first_->first_seq;
  return parcel.first_seq + parcel.count <= oldest + kNumberWindow;
}

// How many of its tasks the node has given credit for.
std::uint64_t Outbox::Room(const Parcel& parcel, Instant now) const {
  if (!NeedsCredit(parcel)) return parcel.count;
  // Credit that has expired says nothing, nor does that of a connection that was lost: a few go,
  // and what the node says to them tells. What had waited for the old one would otherwise come
  // all at once. A node that tells no more still gives verdicts, and a few go after each.
  if (credit_.told == 0 || now >= credit_.expires) {
    return credit_.unanswered[parcel.lane] == 0 ? std::min(parcel.count, kToSee) : 0;
  }
  // The first is for a few, to see: so do verdicts, for who does not wait.
  if (!bounds_.waits && credit_.told == 1) return parcel.count;
  const std::uint64_t window = credit_.window[parcel.lane];
  const std::uint64_t sent = credit_.sent[parcel.lane];
  return window > sent ? std::min<std::uint64_t>(window - sent, parcel.count) : 0;
}

// A node takes numbers that are too old for repeats, so a parcel that waited for long gets new ones
// (it was never sent), and so does one that was overtaken by what has no verdict yet: then the
// first of those has the least number. And arguments may have changed theirs since they were
// encoded.
void Outbox::Refresh(Parcel& parcel) {
  const bool overtaken = sent_last_ != nullptr && sent_last_->first_seq > parcel.first_seq;
  const bool too_old = overtaken || greatest_sent_ > parcel.first_seq + kNumberWindow;
  const bool renamed = parcel.renames != renames_ && !parcel.arguments.empty();
  if (!too_old && !renamed) return;
  if (parcel.kind == Parcel::Kind::kOpenRoot) return Renumber(parcel, parcel.tasks);
  Parcel copy;  // what it was: the tasks stay in the parcel that they know
  std::swap(copy.bytes, parcel.bytes);
  std::swap(copy.tasks, parcel.tasks);
  std::swap(copy.arguments, parcel.arguments);
  std::vector<std::uint32_t> all(parcel.count);
  std::iota(all.begin(), all.end(), 0U);
  const std::uint32_t open = parcel.open;
  parcel.count = parcel.open = 0;
  for (const Argument& argument : copy.arguments) {
    const bool joins = (parcel.terms.flags & wire::kJoin) != 0;
    if (joins && argument.seq == parcel.terms.root) parcel.terms.root = argument.state->root;
  }
  if (too_old) Renumber(parcel, copy.tasks);
  CopyTasks(copy, all, parcel);
  parcel.open = open;
  for (const Argument& argument : copy.arguments) --argument.state->pins;
}

void Outbox::Renumber(Parcel& parcel, std::span<TaskState* const> tasks) {
  parcel.first_seq = next_seq_;
  for (TaskState* state : tasks) {
    const std::uint64_t seq = next_seq_++;
    if (state != nullptr) GiveNumber(*state, seq);
  }
}

// Cuts it behind its first tasks, and gives the parcel of those. Both are where it was in the lane.
Parcel* Outbox::Split(Parcel& parcel, std::uint32_t first) {
  std::vector<std::uint32_t> positions(parcel.count);
  std::iota(positions.begin(), positions.end(), 0U);
  const auto all = std::span<const std::uint32_t>(positions);
  lanes_[parcel.lane].Erase(parcel);
  CountUnsent(parcel, -static_cast<std::int64_t>(parcel.open));
  Parcel* head = nullptr;
  for (const auto part : {all.first(first), all.subspan(first)}) {
    Parcel& made = NewParcel(Parcel::Kind::kSubmit, parcel.terms);
    made.first_seq = parcel.first_seq + part.front();
    made.order = parcel.order;
    made.came = parcel.came;
    made.due = parcel.due;
    made.waits_since = parcel.waits_since;
    made.place = Parcel::Place::kLane;
    CopyTasks(parcel, part, made);
    made.charged = made.bytes.size();
    charged_ += made.charged;
    CountUnsent(made, made.open);
    PushToLane(made);
    if (head == nullptr) head = &made;
  }
  for (const Argument& argument : parcel.arguments) --argument.state->pins;
  Free(parcel);
  return head;
}

void Outbox::Write(Parcel& parcel, Instant now, wire::OutBuffer& out) {
  ++frames_sent_;
  if (parcel.lane < kFreeLane) credit_.sent[parcel.lane] += parcel.count;
  const std::uint64_t remaining_us = RemainingMicros(parcel.terms.deadline, now);
  if (parcel.kind == Parcel::Kind::kOpenRoot) {
    parcel.root.seq = parcel.first_seq;
    parcel.root.remaining_us = remaining_us;
    return wire::Encode(parcel.root, parcel.correlation, out, Micros(now));
  }
  const ByteView frame = parcel.bytes.view();
  std::byte* at = out.Extend(frame.size());
  std::memcpy(at, frame.data(), frame.size());
  if (parcel.kind == Parcel::Kind::kPut) return;
  wire::ReviseSubmit(at,
                     {.attempt = parcel.attempt,
                      .function = parcel.terms.function,
                      .shape = parcel.terms.shape,
                      .remaining_us = remaining_us},
                     parcel.correlation, Micros(now));
}

// ---- waiting

// What is in a lane waits once there is no credit for the first of it.
Instant Outbox::WaitsSince(const Parcel& parcel) const {
  if (parcel.waits_since != kNever || parcel.lane == kFreeLane) return parcel.waits_since;
  const Instant came = std::max(parcel.came, parcel.due);
  return credit_.wanting[parcel.lane] >= came ? came : kNever;
}

Outbox::Waits Outbox::waits() const {
  Waits waits = waited_;
  const auto note = [&](const Parcel& parcel) {
    const Instant since = WaitsSince(parcel);
    if (parcel.was_sent || since == kNever) return;
    waits.now += parcel.open;
    waits.since = std::min(waits.since, since);
  };
  for (const Lane& lane : lanes_) lane.ForEach(note);
  for (const Parcel* parcel : later_) note(*parcel);
  return waits;
}

// ---- credits and time

void Outbox::OnCredits(const wire::Credits& credits, Instant now) {
  ++credit_.told;
  credit_.awaited = true;
  credit_.expires = After(now, std::chrono::milliseconds(credits.ttl_ms));
  credit_.window = credits.window;
  fresh_ = true;
}

bool Outbox::HasCredit(TaskClass cls, std::uint32_t tasks, Instant now) const {
  const std::size_t lane = Index(cls);
  if (credit_.told == 0) return true;
  const std::uint64_t wanted = credit_.queued[lane] + tasks;
  if (now >= credit_.expires) return credit_.unanswered[lane] == 0 && wanted == tasks;
  // The first is for a few, whatever there is room for: the next one tells.
  if (credit_.told == 1) return credit_.window[lane] > 0;
  return credit_.sent[lane] + wanted <= credit_.window[lane];
}

Instant Outbox::NextDue(Instant now) const {
  Instant due = later_.empty() ? kNever : later_.front()->due;
  for (const Lane& lane : lanes_) {
    lane.ForEach([&](const Parcel& parcel) { due = std::min(due, parcel.terms.deadline); });
    const bool needs_credit = !lane.empty() && &lane != &lanes_[kFreeLane];
    if (needs_credit && credit_.told > 0 && credit_.expires > now) {
      due = std::min(due, credit_.expires);
    }
  }
  return due;
}

// ---- the connection's life

void Outbox::Connected() {
  credit_.told = 0;
  credit_.window = {};
  credit_.sent = {};
  again_.clear();
  // Also those that waited to be sent once more: what needs their results must not go before them.
  std::erase_if(later_, [](const Parcel* parcel) { return parcel->was_sent; });
  std::make_heap(later_.begin(), later_.end(), DueLater);
  for (Parcel* parcel = sent_first_; parcel != nullptr; parcel = parcel->next) {
    parcel->place = Parcel::Place::kSent;
    parcel->again = true;
    again_.push_back(parcel);
  }
  fresh_ = true;
}

void Outbox::Begin(SessionId session, std::uint64_t next_seq) {
  session_ = session;
  next_seq_ = std::max<std::uint64_t>(1, next_seq);
  greatest_sent_ = 0;
}

}  // namespace spillgate::client
