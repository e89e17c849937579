#include "client/lib/outbox.h"

#include "core/base/check.h"

namespace spillgate::client {
namespace {

constexpr std::size_t kRecentTasks = 16384;
constexpr std::size_t kRecentParcels = 1024;
constexpr std::uint64_t kNumbersAtOnce = 64;  // that an open parcel sets aside
constexpr std::size_t kMostIdle = 64;         // parcels that are kept for reuse
constexpr std::size_t kMostIdleBytes = 256 << 10;

// The limits of the node are checked before a task is written; what is read here we wrote.
constexpr wire::SubmitLimits kOwn{.deps_per_task = 65535, .inline_value = ~0U, .batch = 65535};

// Deadlines that differ by a little share a frame; it has the earliest of them.
bool SameDeadline(Instant frame, Instant task, Instant now) {
  if (frame == kNever || task == kNever) return frame == task;
  return task >= frame && task - frame <= (frame - now) / 64;
}

bool SameTerms(const Terms& a, const Terms& b, Instant now) {
  return a.function == b.function && a.shape == b.shape && a.root == b.root && a.cls == b.cls &&
         a.level == b.level && a.flags == b.flags && a.retry == b.retry &&
         a.cost_hint_ns == b.cost_hint_ns && SameDeadline(a.deadline, b.deadline, now);
}

wire::SubmitPreamble PreambleOf(const Parcel& parcel) {
  const Terms& terms = parcel.terms;
  return {.cls = terms.cls,
          .level = terms.level,
          .retry = terms.retry,
          .flags = terms.flags,
          .function = terms.function,
          .shape = terms.shape,
          .cost_hint_ns = terms.cost_hint_ns,
          .root = terms.root,
          .first_seq = parcel.first_seq};
}

bool FitsAlone(std::size_t args, std::size_t bytes, std::size_t payload) {
  wire::SubmitWriter empty;
  empty.Begin({});
  return empty.Fits(args, bytes, payload);
}

}  // namespace

Outbox::Outbox() : tasks_(kRecentTasks), parcels_(kRecentParcels) {}

std::uint32_t Outbox::NextCorrelation() {
  if (++next_correlation_ == 0) ++next_correlation_;
  return next_correlation_;
}

// ---- parcels

Parcel& Outbox::NewParcel(Parcel::Kind kind, const Terms& terms) {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Parcel>());
    free_.push_back(all_.back().get());
  }
  Parcel& parcel = *free_.back();
  free_.pop_back();
  parcel.kind = kind;
  parcel.terms = terms;
  parcel.lane = kind == Parcel::Kind::kSubmit && terms.root == 0
                    ? static_cast<std::uint8_t>(Index(terms.cls))
                    : kFreeLane;
  parcel.order = next_order_++;
  parcel.renames = renames_;
  do {
    parcel.correlation = NextCorrelation();
  } while (parcels_.Find(parcel.correlation) != nullptr);
  parcels_.Insert(parcel.correlation, &parcel);
  return parcel;
}

void Outbox::Free(Parcel& parcel) {
  parcels_.Erase(parcel.correlation);
  charged_ -= parcel.charged;
  const bool large = parcel.charged > kMostIdleBytes;
  wire::OutBuffer bytes = large ? wire::OutBuffer() : std::move(parcel.bytes);
  std::vector<TaskState*> tasks = std::move(parcel.tasks);
  std::vector<Argument> arguments = std::move(parcel.arguments);
  bytes.Clear();
  tasks.clear();
  arguments.clear();
  parcel = Parcel();
  if (free_.size() < kMostIdle) {
    parcel.bytes = std::move(bytes);
    parcel.tasks = std::move(tasks);
    parcel.arguments = std::move(arguments);
  }
  free_.push_back(&parcel);
}

std::vector<Parcel*> Outbox::Everything() const {
  std::vector<Parcel*> all;
  for (const Lane& lane : lanes_) lane.ForEach([&](Parcel& parcel) { all.push_back(&parcel); });
  for (Parcel* parcel : later_) {
    if (!parcel->was_sent) all.push_back(parcel);
  }
  for (Parcel* parcel = sent_first_; parcel != nullptr; parcel = parcel->next) {
    all.push_back(parcel);
  }
  all.insert(all.end(), kept_.begin(), kept_.end());
  return all;
}

void Outbox::CountUnsent(const Parcel& parcel, std::int64_t tasks) {
  unsent_tasks_ += static_cast<std::uint64_t>(tasks);
  if (parcel.lane < kFreeLane) {
    credit_.queued[parcel.lane] += static_cast<std::uint64_t>(tasks);
  }
}

void Outbox::CountUnanswered(const Parcel& parcel, std::int64_t tasks) {
  if (parcel.lane < kFreeLane) {
    credit_.unanswered[parcel.lane] += static_cast<std::uint64_t>(tasks);
  }
}

// ---- filling

Parcel* Outbox::ParcelFor(const Terms& terms, std::size_t args, std::size_t bytes,
                          std::uint64_t newest, Instant now) {
  for (Slot& slot : slots_) {
    Parcel* parcel = slot.parcel;
    if (parcel == nullptr || !SameTerms(parcel->terms, terms, now)) continue;
    const bool numbered = parcel->first_seq + parcel->count < parcel->reserved_end ||
                          parcel->reserved_end == next_seq_;
    if (newest <= parcel->order && numbered && parcel->count < bounds_.batch &&
        slot.writer.Fits(args, bytes, bounds_.payload)) {
      return parcel;
    }
    Close(*parcel);
    break;
  }
  if ((args > 0 || bytes > 0) && !FitsAlone(args, bytes, bounds_.payload)) return nullptr;
  Slot& slot = FreeSlot();
  Parcel& parcel = NewParcel(Parcel::Kind::kSubmit, terms);
  parcel.place = Parcel::Place::kOpen;
  parcel.first_seq = next_seq_;
  parcel.reserved_end = next_seq_;
  slot.parcel = &parcel;
  parcel.came = now;
  slot.writer.Begin(PreambleOf(parcel));
  PushToLane(parcel);
  return &parcel;
}

Outbox::Slot& Outbox::FreeSlot() {
  Slot* oldest = &slots_[0];
  for (Slot& slot : slots_) {
    if (slot.parcel == nullptr) return slot;
    if (slot.parcel->order < oldest->parcel->order) oldest = &slot;
  }
  Close(*oldest->parcel);
  return *oldest;
}

wire::SubmitWriter& Outbox::WriterOf(const Parcel& parcel) {
  for (Slot& slot : slots_) {
    if (slot.parcel == &parcel) return slot.writer;
  }
  return writer_;
}

void Outbox::Add(Parcel& parcel, TaskState& state, std::size_t charged) {
  const std::uint64_t seq = parcel.first_seq + parcel.count;
  if (seq == parcel.reserved_end) {
    next_seq_ += kNumbersAtOnce;
    parcel.reserved_end = next_seq_;
  }
  GiveNumber(state, seq);
  Place(parcel, state);
  parcel.charged += charged;
  charged_ += charged;
  CountUnsent(parcel, 1);
  fresh_ = true;
}

void Outbox::GiveNumber(TaskState& state, std::uint64_t seq) {
  const std::uint64_t before = SeqOf(state);
  if (before != 0) {
    tasks_.Erase(before);
    ++renames_;
  }
  state.session_id.store(session_, std::memory_order_relaxed);
  state.seq.store(seq, std::memory_order_relaxed);
  tasks_.Insert(seq, &state);
}

// At the end of the parcel; its number is the next.
void Outbox::Place(Parcel& parcel, TaskState& state) {
  state.parcel = &parcel;
  state.position = parcel.count++;
  state.root = parcel.terms.root != 0 ? parcel.terms.root : SeqOf(state);
  ++parcel.open;
  parcel.tasks.push_back(&state);
}

void Outbox::Pin(Parcel& parcel, TaskState& state, std::uint32_t index) {
  ++state.pins;
  parcel.arguments.push_back(
      {.state = &state, .seq = SeqOf(state), .position = parcel.count, .index = index});
}

void Outbox::AddPut(TaskState& state, Level level, std::uint16_t flags, ByteView value) {
  Parcel& parcel = NewParcel(Parcel::Kind::kPut, {.level = level, .flags = flags});
  parcel.first_seq = next_seq_++;
  GiveNumber(state, parcel.first_seq);
  Place(parcel, state);
  wire::Encode(wire::Put{.seq = parcel.first_seq, .level = level, .flags = flags}, value,
               parcel.correlation, parcel.bytes);
  Enqueue(parcel);
}

void Outbox::AddRoot(TaskState& state, const wire::OpenRoot& ask, Instant deadline, Instant now) {
  Parcel& parcel = NewParcel(Parcel::Kind::kOpenRoot, {.cls = ask.cls, .deadline = deadline});
  parcel.root = ask;
  parcel.came = now;
  parcel.first_seq = next_seq_++;
  GiveNumber(state, parcel.first_seq);
  Place(parcel, state);
  Enqueue(parcel);
}

// At the end of its lane, charged for what it holds.
void Outbox::Enqueue(Parcel& parcel) {
  parcel.place = Parcel::Place::kLane;
  parcel.charged = parcel.bytes.size();
  charged_ += parcel.charged;
  CountUnsent(parcel, parcel.open);
  PushToLane(parcel);
  fresh_ = true;
}

void Outbox::PushToLane(Parcel& parcel) {
  lanes_[parcel.lane].Push(parcel, parcel.lane == kFreeLane);
}

// It takes no more tasks. Numbers that it did not need are free again.
void Outbox::Close(Parcel& parcel) {
  for (Slot& slot : slots_) {
    if (slot.parcel != &parcel) continue;
    slot.parcel = nullptr;
    if (parcel.reserved_end == next_seq_) next_seq_ = parcel.first_seq + parcel.count;
    parcel.renames = std::min(parcel.renames, renames_);
    Encode(parcel, slot.writer);
    parcel.place = Parcel::Place::kLane;
  }
}

void Outbox::Encode(Parcel& parcel, wire::SubmitWriter& writer) {
  parcel.bytes.Clear();
  writer.Finish(parcel.correlation, 0, parcel.bytes);
}

// ---- tasks that go again

void Outbox::Reissue(Parcel& from, std::span<const std::uint32_t> positions, const Terms& terms,
                     Instant due, Instant waits_since) {
  if (from.place == Parcel::Place::kOpen) Close(from);
  Parcel& to = NewParcel(from.kind, terms);
  to.first_seq = next_seq_;
  to.came = from.came;
  to.waits_since = waits_since;
  for (const std::uint32_t position : positions) GiveNumber(*from.tasks[position], next_seq_++);
  if (from.kind == Parcel::Kind::kOpenRoot) {
    to.root = from.root;
    Place(to, *from.tasks[0]);
  } else {
    CopyTasks(from, positions, to);
  }
  for (const std::uint32_t position : positions) from.tasks[position] = nullptr;
  to.charged = to.bytes.size();
  charged_ += to.charged;
  CountUnsent(to, to.open);
  PushLater(to, due);
}

// With their arguments as they are named now. The tasks belong to `to` from then on, and have
// consecutive numbers from its first.
void Outbox::CopyTasks(const Parcel& from, std::span<const std::uint32_t> positions, Parcel& to) {
  wire::SubmitView view;
  const wire::FrameView frame = wire::View(from.bytes.view());
  const wire::SubmitError error = wire::DecodeSubmit(frame, kOwn, view);
  SG_CHECK(error.reason == Reason::kNone);  // we wrote it
  to.renames = renames_;
  writer_.Begin(PreambleOf(to));
  for (const std::uint32_t position : positions) {
    const wire::TaskHead& head = view.heads[position];
    writer_.BeginTask(0, 0, head.returns);
    CopyArguments(from, position, view.args.subspan(head.first_arg, head.arg_count), frame.payload,
                  to);
    TaskState* state = from.tasks[position];
    if (state != nullptr) {
      Place(to, *state);
    } else {
      to.tasks.push_back(nullptr);
      ++to.count;
    }
  }
  Encode(to, writer_);
}

void Outbox::CopyArguments(const Parcel& from, std::uint32_t position, std::span<const ArgRef> args,
                           ByteView payload, Parcel& to) {
  for (std::uint32_t i = 0; i < args.size(); ++i) {
    const ArgRef& arg = args[i];
    if (arg.kind != ArgRef::kObject) {
      writer_.AddInline(payload.subspan(arg.offset, arg.size));
      continue;
    }
    const auto known =
        std::find_if(from.arguments.begin(), from.arguments.end(), [&](const Argument& argument) {
          return argument.position == position && argument.index == i;
        });
    if (known == from.arguments.end()) {  // of another session: its name does not change
      writer_.AddObject(arg.object());
    } else {
      TaskState& state = *known->state;
      writer_.AddObject(
          {{state.session_id.load(std::memory_order_relaxed), SeqOf(state)}, arg.object().index});
      Pin(to, state, i);
    }
  }
}

// ---- verdicts

void Outbox::Answer(Parcel& parcel) {
  --parcel.open;
  parcel.was_sent ? CountUnanswered(parcel, -1) : CountUnsent(parcel, -1);
}

void Outbox::Keep(Parcel& parcel) {
  Remove(parcel);
  parcel.place = Parcel::Place::kKept;
  kept_.push_back(&parcel);
}

// From whatever list it is in.
void Outbox::Remove(Parcel& parcel) {
  const auto erase = [&](auto& list) {
    const auto found = std::find(list.begin(), list.end(), &parcel);
    if (found != list.end()) list.erase(found);
  };
  if (parcel.place == Parcel::Place::kOpen) Close(parcel);
  if (parcel.place == Parcel::Place::kLane) lanes_[parcel.lane].Erase(parcel);
  if (parcel.place == Parcel::Place::kKept) erase(kept_);
  if (parcel.again) erase(again_);
  if (parcel.place == Parcel::Place::kLater) {
    erase(later_);
    std::make_heap(later_.begin(), later_.end(),
                   [](const Parcel* a, const Parcel* b) { return a->due > b->due; });
  }
  if (parcel.was_sent && parcel.place != Parcel::Place::kKept) {
    (parcel.previous == nullptr ? sent_first_ : parcel.previous->next) = parcel.next;
    (parcel.next == nullptr ? sent_last_ : parcel.next->previous) = parcel.previous;
    parcel.next = parcel.previous = nullptr;
  }
}

void Outbox::Retire(Parcel& parcel, std::vector<TaskState*>& let_go) {
  Remove(parcel);
  for (TaskState* state : parcel.tasks) {
    if (state == nullptr || state->parcel != &parcel) continue;
    state->parcel = nullptr;
    if (state->dropped) let_go.push_back(state);
  }
  for (const Argument& argument : parcel.arguments) {
    if (--argument.state->pins == 0) let_go.push_back(argument.state);
  }
  Free(parcel);
}

}  // namespace spillgate::client
