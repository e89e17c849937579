#include "client/lib/session.h"

#include <algorithm>

#include "core/base/format.h"
#include "schema/text.h"

namespace spillgate::client {
namespace {

constexpr std::size_t kSmall = 1024;  // a value that is here goes along rather than its name

Failure Invalid(std::string message) {
  return {.kind = FailureKind::kInvalid, .message = std::move(message)};
}

}  // namespace

Session::Session(const ClientOptions& options, std::uint64_t seed, Driver* driver)
    : options_(options),
      driver_(driver),
      random_(seed),
      retry_budget_(options.retry.budget, options.retry.burst) {}

// ---- submitting

FunctionId Session::FindFunction(const std::string& name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? 0 : found->second;
}

ShapeId Session::FindShape(const std::string& text) const {
  const auto found = shapes_.find(text);
  return found == shapes_.end() ? 0 : found->second;
}

Terms Session::TermsOf(const Function& function, const SubmitOptions& options, Instant now) const {
  // Handles that were found before the node started again are looked up by their name.
  const bool current = function.epoch == handles_epoch_;
  Terms terms{.cls = options.cls,
              .level = options.level,
              .function = current ? function.id : FindFunction(function.name),
              .root = options.root == nullptr ? 0 : options.root->number()};
  if (options.shape != nullptr) {
    const bool known = options.shape->epoch == handles_epoch_;
    terms.shape = known ? options.shape->id : FindShape(options.shape->text);
  }
  terms.flags = static_cast<std::uint16_t>((options.push ? wire::kPush : 0) |
                                           (options.detach ? wire::kDetach : 0));
  terms.cost_hint_ns =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, options.cost_hint.count()));
  if (options.deadline > Nanos(0)) terms.deadline = After(now, options.deadline);
  return terms;
}

TaskState* Session::FailNew(TaskState* state, Failure failure) {
  state->failure = std::make_unique<Failure>(std::move(failure));
  state->phase.store(Phase::kFailed, std::memory_order_release);
  return state;
}

TaskState* Session::Refused(Failure failure) {
  return FailNew(pool_.Make(this), std::move(failure));
}

std::uint32_t Session::Room() const {
  const std::uint64_t most = options_.max_outstanding;
  if (outbox_.charged() >= options_.max_outstanding_bytes || outstanding_ >= most) return 0;
  return static_cast<std::uint32_t>(most - outstanding_);
}

// The bytes of a future's value are better than its name when they are few, and needed when the
// node has let go of it.
bool Session::GoesInline(const Arg& arg) const {
  if (arg.kind_ != Arg::Kind::kFuture || arg.index_ != 0) return false;
  const TaskState& state = *arg.state_;
  return state.Look() == Phase::kHere &&
         (state.value.size() <= kSmall || (state.session == this && state.released));
}

Session::Needs Session::NeedsOf(Args args) const {
  Needs needs;
  for (const Arg& arg : args) {
    if (arg.kind_ == Arg::Kind::kBytes) {
      needs.bytes += arg.bytes_.size();
      needs.large = needs.large || arg.bytes_.size() > welcome_.inline_value;
    }
    if (arg.kind_ != Arg::Kind::kFuture) continue;
    const TaskState& state = *arg.state_;
    if (GoesInline(arg)) {
      needs.bytes += state.value.size();
      continue;
    }
    const Phase phase = state.Look();
    if (phase == Phase::kFailed) needs.failed = &state;
    if (state.session != this || phase != Phase::kPending) continue;
    if (state.parcel != nullptr && !state.parcel->was_sent) {
      needs.newest = std::max(needs.newest, state.parcel->order);
    }
    const bool later = needs.latest == nullptr || SeqOf(*needs.latest) < SeqOf(state);
    if (state.is_task && later) needs.latest = &state;
  }
  return needs;
}

TaskState* Session::Submit(const Terms& terms, Args args, const SubmitOptions& options,
                           Instant now) {
  TaskState* state = pool_.Make(this);
  state->returns = std::max<std::uint8_t>(1, options.returns);
  state->pushed = options.push;
  state->keep = options.keep;
  state->detached = options.detach;
  if (terms.function == 0) {
    return FailNew(state, Invalid("no such function: ask Client::Find for it first"));
  }
  if (options.shape != nullptr && terms.shape == 0) {
    return FailNew(state, Invalid("no such resources: ask Client::MakeShape for them first"));
  }
  if (args.size() > welcome_.deps_per_task) {
    return FailNew(state, Invalid(Format("{} arguments, this node takes {} at most", args.size(),
                                         welcome_.deps_per_task)));
  }
  Needs needs = NeedsOf(args);
  std::vector<Arg> smaller;
  std::vector<TaskState*> puts;
  if (needs.large) {
    PutLarge(args, smaller, puts);
    args = smaller;
    needs = NeedsOf(args);
  }
  if (needs.failed != nullptr) {
    for (TaskState* put : puts) LetGo(*put);
    return FailNew(state, FailureFrom(*needs.failed));
  }
  Terms joined;
  const Terms* used = &terms;
  if (terms.root == 0 && needs.latest != nullptr) {
    joined = terms;
    joined.root = needs.latest->root;
    joined.flags |= wire::kJoin;
    used = &joined;
  }
  if (used->root == 0 && ThrottlesNext(terms.cls, now)) {
    for (TaskState* put : puts) LetGo(*put);
    return FailNew(state, Throttled());
  }
  Parcel* parcel = outbox_.ParcelFor(*used, args.size(), needs.bytes, needs.newest, now);
  if (parcel == nullptr) {
    for (TaskState* put : puts) LetGo(*put);
    return FailNew(state, Invalid(Format("{} arguments with {} bytes do not fit into a frame; put "
                                         "some of them and pass the futures",
                                         args.size(), needs.bytes)));
  }
  wire::SubmitWriter& writer = outbox_.WriterOf(*parcel);
  writer.BeginTask(0, 0, state->returns);
  WriteArguments(args, *parcel, writer);
  for (TaskState* put : puts) put->dropped = true;  // the task's parcel holds them for as long
  constexpr std::size_t kOverhead = 64;
  outbox_.Add(*parcel, *state, kOverhead + needs.bytes + args.size() * sizeof(ArgRef));
  state->counted = true;
  ++outstanding_;
  ++stats_.submitted;
  return state;
}

void Session::WriteArguments(Args args, Parcel& parcel, wire::SubmitWriter& writer) {
  std::uint32_t index = 0;
  for (const Arg& arg : args) {
    switch (arg.kind_) {
      case Arg::Kind::kBytes: writer.AddInline(arg.bytes_); break;
      case Arg::Kind::kObject: writer.AddObject({arg.object_, arg.index_}); break;
      case Arg::Kind::kFuture:
        TaskState& state = *arg.state_;
        if (GoesInline(arg)) {
          writer.AddInline(state.value.view());
          break;
        }
        writer.AddObject(
            {{state.session_id.load(std::memory_order_relaxed), SeqOf(state)}, arg.index_});
        if (state.session == this) Outbox::Pin(parcel, state, index);
        break;
    }
    ++index;
  }
}

// Values over the limit become objects first.
void Session::PutLarge(Args args, std::vector<Arg>& into, std::vector<TaskState*>& puts) {
  for (const Arg& arg : args) {
    Arg& copy = into.emplace_back(arg);
    if (arg.kind_ != Arg::Kind::kBytes || arg.bytes_.size() <= welcome_.inline_value) continue;
    TaskState* put = Put(arg.bytes_, {});
    puts.push_back(put);
    copy.kind_ = Arg::Kind::kFuture;
    copy.state_ = put;
  }
}

TaskState* Session::Put(ByteView value, const PutOptions& options) {
  TaskState* state = pool_.Make(this);
  state->is_task = false;
  state->detached = options.detach;
  if (value.size() > welcome_.max_payload) {
    return FailNew(state, Invalid(Format("a value of {} bytes, this node takes {} at most",
                                         value.size(), welcome_.max_payload)));
  }
  outbox_.AddPut(*state, options.level,
                 static_cast<std::uint16_t>(options.detach ? wire::kDetach : 0), value);
  return state;
}

TaskState* Session::OpenRoot(const RootOptions& options, Instant now) {
  TaskState* state = pool_.Make(this);
  state->is_task = false;
  state->detached = true;  // there is no result to release
  if (ThrottlesNext(options.cls, now)) return FailNew(state, Throttled());
  const wire::OpenRoot ask{.cls = options.cls,
                           .level = options.level,
                           .estimated_tasks = options.estimated_tasks,
                           .shape = options.shape == nullptr ? 0 : options.shape->id,
                           .slot_time_ns = static_cast<std::uint64_t>(
                               std::max<std::int64_t>(0, options.slot_time.count()))};
  outbox_.AddRoot(*state, ask, options.deadline > Nanos(0) ? After(now, options.deadline) : kNever,
                  now);
  return state;
}

void Session::CloseRoot(SessionId session, std::uint64_t number) {
  if (session == welcome_.session && number != 0) closing_.push_back(number);
}

// ---- waiting

bool Session::Watch(TaskState& state, Waiter& waiter, bool wants_value) {
  const Phase phase = state.Look();
  const bool there = wants_value ? phase > Phase::kAtNode : phase > Phase::kPending;
  if (there) return false;
  state.waiter = &waiter;
  state.wants_value = wants_value;
  state.wants_verdict = false;
  return true;
}

bool Session::WatchVerdict(TaskState& state, Waiter& waiter) {
  if (IsDecided(state)) return false;
  state.waiter = &waiter;
  state.wants_value = false;
  state.wants_verdict = true;
  return true;
}

bool Session::HasEnded(TaskId task) const {
  if (task.session != welcome_.session) return false;
  const TaskState* state = outbox_.FindTask(task.seq);
  return state != nullptr && !state->pending();
}

void Session::Fetch(TaskState& state, Instant until) {
  if (state.fetching) return;
  if (state.pending() && !state.accepted) {
    state.fetch_wanted = true;
    return;
  }
  state.fetching = true;
  fetches_.push_back({.seq = SeqOf(state), .until = until});
}

void Session::MarkAtNode(TaskState& state) {
  if (state.pending()) Succeed(state, Phase::kAtNode);
}

void Session::Then(TaskState& state, std::function<void()> done) {
  if (!state.pending()) {
    callbacks_.push_back(std::move(done));
    return;
  }
  if (state.done == nullptr) ++waiting_callbacks_;
  state.done = std::make_unique<std::function<void()>>(std::move(done));
  if (state.is_task && !state.pushed) Fetch(state, kNever);
}

bool Session::CancelHere(TaskState& state) {
  if (!state.pending()) return true;
  if (state.accepted || state.parcel == nullptr) return false;
  state.cancel_wanted = true;
  unsent_dropped_ = unsent_dropped_ || !state.parcel->was_sent;
  return true;
}

void Session::Ask(Request& request) {
  requests_[request.correlation] = &request;
  control_.Append(request.bytes.view());
}

void Session::Release(std::span<const TaskId> tasks) {
  for (const TaskId id : tasks) AddRelease(id.session, id.seq);
}

bool Session::fresh() const {
  return outbox_.fresh() || !control_.empty() || !fetches_.empty();
}

bool Session::has_work() const {
  return outstanding_ > 0 || outbox_.has_unanswered() || outbox_.unsent_tasks() > 0 ||
         !requests_.empty() || !closing_.empty() || fresh();
}

ClientStats Session::stats(Instant now) const {
  ClientStats stats = stats_;
  stats.frames = outbox_.frames_sent();
  stats.resent = outbox_.tasks_resent();
  stats.outstanding = outstanding_;
  stats.held_bytes = held_bytes_;
  const Outbox::Waits waits = outbox_.waits();
  stats.waiting = waits.now;
  stats.waiting_for = waits.since == kNever ? Nanos(0) : now - waits.since;
  stats.waited = waits.sent;
  stats.waited_for = waits.time;
  return stats;
}

}  // namespace spillgate::client
