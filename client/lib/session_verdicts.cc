// Session: what the node decided on what was submitted, and what is done about it.
#include <algorithm>
#include <utility>

#include "client/lib/session.h"
#include "core/base/format.h"

namespace spillgate::client {
namespace {

constexpr Nanos kLeastPause = std::chrono::milliseconds(1);
constexpr Nanos kUnknownPause = std::chrono::milliseconds(20);
constexpr std::uint32_t kMostDoublings = 6;
// What waits for room in its root, or for credit, goes again at this rate at most, however much it
// is.
constexpr Nanos kEachThatWaits = std::chrono::microseconds(10);

// What credit tells of: places, quotas, and the time for which a root would wait; not bytes.
constexpr bool CreditTellsOf(Reason reason) {
  return reason == Reason::kBacklog || reason == Reason::kInFlight || reason == Reason::kQuota ||
         reason == Reason::kClientQuota || reason == Reason::kRate;
}

// Which bound of the node's configuration it was, for those who can have it raised.
std::string_view BoundOf(Reason reason) {
  switch (reason) {
    case Reason::kQuota:
      return "; the tenant's unfinished tasks (tenant.NAME.in_flight of the node's config) or the "
             "root's (limits.root_window) are as many as they may be: wait for some";
    case Reason::kClientQuota:
      return "; this client's unfinished tasks are as many as they may be "
             "(tenant.NAME.client_in_flight of the node's config): wait for some";
    case Reason::kRate:
      return "; tasks of this client, or of its tenant, come faster than they may "
             "(tenant.NAME.client_rate and rate of the node's config): send fewer a second";
    case Reason::kTooDurable:
      return "; the node keeps nothing at that level (journal.level_max of its config): ask for a "
             "lower one, or have that raised";
    default: return "";
  }
}

Failure FailureOf(const wire::Verdict& verdict) {
  Failure failure{.kind = KindOf(verdict.reason), .reason = verdict.reason, .stage = verdict.stage};
  if (failure.kind == FailureKind::kShed) {
    // A node that names no time leaves it to us: as long as our own first retry would wait.
    const Nanos told = std::chrono::microseconds(verdict.retry_after_us);
    const Nanos after = failure.retry_after = std::max(kLeastPause, told);
    failure.message = Format(
        "the node refused this for now ({}), try again after {} ms; it did "
        "not run{}",
        ToString(verdict.reason), std::chrono::ceil<std::chrono::milliseconds>(after).count(),
        BoundOf(verdict.reason));
  } else if (failure.kind == FailureKind::kExpired) {
    failure.message = "its deadline had passed when the node received it; it did not run";
  } else {
    failure.kind = FailureKind::kRefused;
    failure.message = Format(
        "the node refused this ({}); it did not run, and sending it again "
        "will not help{}",
        ToString(verdict.reason), BoundOf(verdict.reason));
  }
  return failure;
}

Failure CancelledHere() {
  return {.kind = FailureKind::kCancelled,
          .reason = Reason::kCancelled,
          .message = "it was cancelled before the node had accepted it"};
}

}  // namespace

bool Session::OnVerdicts(const wire::FrameView& frame, Instant now) {
  const auto verdicts = wire::ReadVerdicts(frame);
  if (!verdicts.has_value()) return Wrong("malformed verdicts");
  for (const wire::Verdict& verdict : *verdicts) {
    if (!OnVerdict(verdict, now)) return false;
  }
  return true;
}

bool Session::OnVerdict(const wire::Verdict& verdict, Instant now) {
  unconfirmed_.Confirm(verdict.correlation);
  Parcel* parcel = outbox_.Find(verdict.correlation);
  if (parcel == nullptr) return true;  // given up by now
  const std::uint64_t first = verdict.first_seq - parcel->first_seq;
  if (!parcel->was_sent || first > parcel->count || verdict.count > parcel->count - first) {
    return Wrong("a verdict on tasks that its frame did not have");
  }
  // That of a put is of no class, and tells less than what was heard of roots.
  if (parcel->kind != Parcel::Kind::kPut) load_level_ = verdict.load_level;
  if (verdict.status == wire::VerdictStatus::kUnknown) {
    OnUnknown(*parcel, now);
    return true;
  }
  std::vector<std::uint32_t> rejected;
  std::uint64_t first_tries = 0;
  for (auto i = static_cast<std::uint32_t>(first); i < first + verdict.count; ++i) {
    TaskState* state = parcel->tasks[i];
    if (state == nullptr || state->accepted) continue;
    outbox_.Answer(*parcel);
    first_tries += state->retries == 0 && state->waits == 0 ? 1 : 0;
    if (verdict.status == wire::VerdictStatus::kRejected) {
      rejected.push_back(i);
      continue;
    }
    state->accepted = true;
    if (verdict.status == wire::VerdictStatus::kSettled && state->pending()) {
      Fail(*state, {.kind = FailureKind::kGone,
                    .reason = Reason::kSettled,
                    .message = "it ran and ended, and the node keeps nothing of it any more"});
    } else {
      OnAccepted(*state);
    }
  }
  retry_budget_.Earn(first_tries);
  if (verdict.status == wire::VerdictStatus::kAccepted) {
    Note(*parcel, verdict, verdict.count, now);
  }
  if (!rejected.empty()) OnRejected(*parcel, verdict, rejected, now);
  Settle(*parcel);
  return true;
}

void Session::OnAccepted(TaskState& state) {
  const bool opened = state.parcel != nullptr && state.parcel->kind == Parcel::Kind::kOpenRoot;
  // Nobody waits for it any more, so nobody would ever close it.
  if (opened && state.cancel_wanted) closing_.push_back(SeqOf(state));
  if (!state.is_task && state.pending()) Succeed(state, Phase::kAtNode);
  if (state.waiter != nullptr && state.wants_verdict) {
    Tell(*std::exchange(state.waiter, nullptr));
  }
  if (state.cancel_wanted && state.pending()) {
    const TaskId id{state.session_id.load(std::memory_order_relaxed), SeqOf(state)};
    wire::Encode(wire::Cancel{.ids = {&id, 1}}, outbox_.NextCorrelation(), control_);
  }
  if (state.fetch_wanted && state.pending()) Fetch(state, kNever);
}

// All its tasks may have verdicts by now.
void Session::Settle(Parcel& parcel) {
  for (const Argument& argument : parcel.arguments) {
    repair_ = repair_ || argument.seq != SeqOf(*argument.state);
  }
  if (parcel.open > 0 || parcel.place == Parcel::Place::kKept) return;
  if (IsSure(parcel)) {
    outbox_.Retire(parcel, let_go_);
  } else {
    outbox_.Keep(parcel);
  }
}

// No argument of its tasks can be refused any more.
bool Session::IsSure(const Parcel& parcel) {
  return std::all_of(parcel.arguments.begin(), parcel.arguments.end(), [&](const Argument& a) {
    return a.state->parcel == nullptr || a.state->parcel == &parcel;
  });
}

// ---- refusals

// A root that was let in is slowed by the quotas that hold for its pieces, and not shed: they open
// as its own tasks, or its client's, end. That is no overload, and costs no retries.
bool Session::WaitsForRoom(const Parcel& parcel, Reason reason) {
  return parcel.terms.root != 0 &&
         (reason == Reason::kQuota || reason == Reason::kClientQuota || reason == Reason::kRate);
}

// A root that a node refuses which gives credit: it has learned since that what is before it takes
// longer. It waits for credit as before, and has the rest of its time for that; and so has what was
// to join a root that waits, and was taken for one. Of what else a refusal may be for no credit
// tells.
bool Session::WaitsForCredit(const Parcel& parcel, Reason reason, Instant now) const {
  if (!options_.wait_for_credit || options_.retry.most == 0 || !CreditTellsOf(reason)) return false;
  const bool joins = (parcel.terms.flags & wire::kJoin) != 0 && outbox_.gives_credit();
  if (!joins && !outbox_.NeedsCredit(parcel)) return false;
  // Without a deadline as long as any call of ours waits: then it is refused.
  return parcel.terms.deadline != kNever || now < After(parcel.came, options_.request_timeout);
}

// A few wait a little longer each time; many for as long as it takes to send them all again, or
// the node would say no to thousands each millisecond.
Instant Session::DueAgain(const Parcel& parcel, const wire::Verdict& verdict,
                          const std::vector<std::uint32_t>& positions, bool waits, Instant now) {
  const TaskState& first = *parcel.tasks[positions.front()];
  const std::uint32_t doublings = waits ? first.waits : first.retries;
  const Nanos doubled = kLeastPause * (1U << std::min(doublings, kMostDoublings));
  const Nanos wanted = std::chrono::microseconds(verdict.retry_after_us);
  const Instant due = After(now, Jittered(std::max(wanted, doubled)));
  if (!waits) return due;
  asked_until_ = After(std::max(now, asked_until_), kEachThatWaits * positions.size());
  return std::max(due, asked_until_);
}

void Session::OnRejected(Parcel& parcel, const wire::Verdict& verdict,
                         const std::vector<std::uint32_t>& positions, Instant now) {
  std::vector<std::uint32_t> retried;
  stats_.rejected += positions.size();
  const bool for_credit = WaitsForCredit(parcel, verdict.reason, now);
  const bool waits = for_credit || WaitsForRoom(parcel, verdict.reason);
  const Instant due = DueAgain(parcel, verdict, positions, waits, now);
  for (const std::uint32_t i : positions) {
    TaskState& state = *parcel.tasks[i];
    const TaskState* failed = FailedArgument(parcel, i);
    if (state.cancel_wanted) {
      Fail(state, CancelledHere());
    } else if (failed != nullptr) {
      Fail(state, FailureFrom(*failed));
    } else if (MayRetry(parcel, state, verdict.reason, waits, due)) {
      retried.push_back(i);
      continue;
    } else {
      const bool waited = waits || state.waits > 0;
      if (waited && !state.dropped && IsOutOfTime(parcel, due, now)) ++stats_.gave_up;
      Fail(state, client::FailureOf(verdict));
    }
    parcel.tasks[i] = nullptr;
    state.parcel = nullptr;
    if (state.dropped) let_go_.push_back(&state);
  }
  const std::size_t waiting = for_credit ? retried.size() : 0;
  Note(parcel, verdict, static_cast<std::uint32_t>(positions.size() - waiting), now);
  if (retried.empty()) return;
  for (const std::uint32_t i : retried) repair_ = repair_ || parcel.tasks[i]->pins > 0;
  if (!waits) stats_.retried += retried.size();
  Terms terms = parcel.terms;
  terms.retry = static_cast<std::uint8_t>(std::min(255, terms.retry + 1));
  outbox_.Reissue(parcel, retried, terms, due, waits ? now : kNever);
}

bool Session::MayRetry(const Parcel& parcel, TaskState& state, Reason reason, bool waits,
                       Instant due) {
  if (parcel.kind == Parcel::Kind::kPut || !Passes(reason)) return false;
  if (options_.retry.most == 0 || due >= parcel.terms.deadline || state.dropped) return false;
  // Whoever opens a root waits for request_timeout, and then wants it no more.
  const Instant gives_up = After(parcel.came, options_.request_timeout);
  if (parcel.kind == Parcel::Kind::kOpenRoot && due >= gives_up) return false;
  if (waits) {
    if (state.waits < 255) ++state.waits;
    return true;
  }
  if (state.retries >= options_.retry.most || !retry_budget_.Take()) return false;
  if (state.retries < 255) ++state.retries;
  return true;
}

// A root that is refused for a reason that passes tells of overload; for another, of nothing, and
// as little while it waits. One that is opened counts as one, whatever it is to bring: the node
// judges it whole.
void Session::Note(const Parcel& parcel, const wire::Verdict& verdict, std::uint32_t count,
                   Instant now) {
  if (parcel.kind == Parcel::Kind::kPut || parcel.terms.root != 0 || count == 0) return;
  Throttle& throttle = throttles_[Index(parcel.terms.cls)];
  if (verdict.status == wire::VerdictStatus::kAccepted) {
    throttle.OnAccepted(count, verdict.load_level, now);
  } else if (Passes(verdict.reason)) {
    const Nanos later = std::chrono::microseconds(verdict.retry_after_us);
    shed_ = {.reason = verdict.reason, .retry_after = later};
    throttle.OnRefused(count, later, now);
  }
}

bool Session::ThrottlesNext(TaskClass cls, Instant now) {
  if (!throttles_[Index(cls)].Refuses(options_.retry.throttle, random_, now)) return false;
  ++stats_.throttled;
  return true;
}

Failure Session::Throttled() const {
  const Nanos after = std::max(kLeastPause, shed_.retry_after);
  return {.kind = FailureKind::kShed,
          .reason = shed_.reason,
          .retry_after = after,
          .message = Format("the node refuses most of this class ({}), so this was not sent; try "
                            "again after {} ms",
                            ToString(shed_.reason),
                            std::chrono::ceil<std::chrono::milliseconds>(after).count())};
}

const TaskState* Session::FailedArgument(const Parcel& parcel, std::uint32_t position) const {
  for (const Argument& argument : parcel.arguments) {
    if (argument.position == position && argument.state->Look() == Phase::kFailed) {
      return argument.state;
    }
  }
  return nullptr;
}

void Session::OnUnknown(Parcel& parcel, Instant now) {
  const std::uint32_t doublings = std::min<std::uint32_t>(parcel.attempt, kMostDoublings);
  if (parcel.terms.deadline == kNever && parcel.give_up == kNever) {
    parcel.give_up = After(now, options_.lost_after);
  }
  outbox_.Resend(parcel, After(now, Jittered(kUnknownPause * (1U << doublings))));
}

// As long as `base`, and up to half as long again.
Nanos Session::Jittered(Nanos base) {
  std::uniform_real_distribution<double> more(1.0, 1.5);
  return std::chrono::duration_cast<Nanos>(base * more(random_));
}

// Tasks that wait here for an argument which has failed meanwhile are not sent, nor those that were
// cancelled; those beside them in a frame go in another.
void Session::DropUnsent(Instant now) {
  while (unsent_dropped_) {
    unsent_dropped_ = false;
    for (Parcel* parcel : outbox_.Everything()) {
      if (parcel->was_sent || parcel->kind != Parcel::Kind::kSubmit) continue;
      std::vector<std::uint32_t> good;
      std::vector<std::uint32_t> bad;
      for (std::uint32_t i = 0; i < parcel->count; ++i) {
        const bool drops = parcel->tasks[i]->cancel_wanted || FailedArgument(*parcel, i) != nullptr;
        (drops ? bad : good).push_back(i);
      }
      if (bad.empty()) continue;
      for (std::uint32_t i = 0; i < parcel->count; ++i) outbox_.Answer(*parcel);
      const bool later = parcel->place == Parcel::Place::kLater;
      if (!good.empty()) {
        outbox_.Reissue(*parcel, good, parcel->terms, later ? parcel->due : now,
                        outbox_.WaitsSince(*parcel));
      }
      for (const std::uint32_t i : bad) {
        const TaskState* failed = FailedArgument(*parcel, i);
        Fail(*parcel->tasks[i], failed == nullptr ? CancelledHere() : FailureFrom(*failed));
      }
      outbox_.Retire(*parcel, let_go_);
    }
  }
}

// Whether the node had it before what makes an argument of it: that was refused and goes again, or
// has no verdict that we know of. Of a durable task the result may come before the verdict.
bool Session::CameTooEarly(const TaskState& state) {
  if (!state.pending() || state.parcel == nullptr) return false;
  const auto& arguments = state.parcel->arguments;
  return std::any_of(arguments.begin(), arguments.end(), [&](const Argument& argument) {
    const TaskState& maker = *argument.state;
    const bool unsure = maker.pending() && !maker.accepted;
    return argument.position == state.position && (argument.seq != SeqOf(maker) || unsure);
  });
}

// Under a new number: it has been accepted, and did not run.
void Session::GoAgain(TaskState& state, Instant now) {
  Parcel& parcel = *state.parcel;
  if (!state.accepted) outbox_.Answer(parcel);
  Unaccept(state);
  const std::uint32_t position = state.position;
  outbox_.Reissue(parcel, {&position, 1}, parcel.terms, After(now, kLeastPause));
  RepairDependants(now);
  Settle(parcel);
}

// It is as new. Who waits for its value is told when there is one under its new number.
void Session::Unaccept(TaskState& state) {
  state.accepted = false;
  if (std::exchange(state.fetching, false)) state.fetch_wanted = true;
  repair_ = repair_ || state.pins > 0;
}

// Tasks that were accepted with an argument whose maker was refused, and now goes by another
// number: they can never run, so they may go again too. Their own dependants then follow.
void Session::RepairDependants(Instant now) {
  while (repair_) {
    repair_ = false;
    for (Parcel* parcel : outbox_.Everything()) {
      if (!parcel->was_sent) continue;
      std::vector<std::uint32_t> again;
      Terms terms = parcel->terms;
      for (const Argument& argument : parcel->arguments) {
        const TaskState* state = parcel->tasks[argument.position];
        const TaskState& maker = *argument.state;
        const bool goes_too = maker.parcel == parcel &&
                              std::find(again.begin(), again.end(), maker.position) != again.end();
        const bool renamed = argument.seq != SeqOf(maker);
        const bool stale = goes_too || renamed;
        const bool waits = state != nullptr && state->accepted && state->pending();
        const bool noted = !again.empty() && again.back() == argument.position;
        if (stale && waits && !noted) again.push_back(argument.position);
        const bool joins = (terms.flags & wire::kJoin) != 0;
        if (joins && waits && renamed && argument.seq == terms.root) terms.root = maker.root;
      }
      if (again.empty()) continue;
      for (const std::uint32_t i : again) Unaccept(*parcel->tasks[i]);
      outbox_.Reissue(*parcel, again, terms, now);
    }
  }
}

}  // namespace spillgate::client
