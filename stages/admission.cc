#include "stages/admission.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/model/kept_slot.h"
#include "stages/build_task.h"
#include "stages/quotas.h"

namespace spillgate {
namespace {

// A function that is always out of reach tries again after so many times its cost.
constexpr int kTriesEach = 64;
constexpr Nanos kMostTriesEach = std::chrono::milliseconds(100);

CostKey KeyOf(const Asking& asking) {
  return {asking.ask.function, BytesEach(asking.bytes, asking.ask.count)};
}
CostKey KeyOf(const flow::Ask& question) {
  return {question.function, question.bytes / std::max(1U, question.count)};
}

// In microseconds; 0 for what would be refused again.
std::uint32_t RetryAfter(Reason reason, Nanos retry_after) {
  if (!Passes(reason)) return 0;
  const Nanos later = std::max(Admission::kLeastRetry, retry_after);
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(later).count());
}

}  // namespace

void Admission::Judge(const Asking& asking, std::uint32_t left, Ruling& ruling, Instant now) {
  ruling.refusal = LookAtFixedPart(asking, ruling, now);
  if (ruling.refusal == Reason::kNone) {
    TakePlaces(asking, left, ruling, now);
  } else {
    waits_ = 0;
    ruling.load_level = LoadLevel(asking.tenant, asking.ask.cls);
  }
  if (!asking.roots()) return;
  CountRootsRefused(asking.ask.cls, ruling.refusal, left - ruling.admitted);
}

// All but load.
Reason Admission::LookAtFixedPart(const Asking& asking, Ruling& ruling, Instant now) {
  const wire::SubmitPreamble& ask = asking.ask;
  if (asking.children() != asking.from_task) return Reason::kMalformed;
  if (!asking.children() && shared_.signals.draining.load(std::memory_order_relaxed)) {
    ruling.retry_after = kDrainRetry;
    return Reason::kDraining;
  }
  if (ask.remaining_us != 0) {
    const Nanos remaining = std::chrono::microseconds(ask.remaining_us) - asking.transit;
    if (remaining <= Nanos(0)) return Reason::kExpired;
    ruling.deadline = After(now, remaining);
  }
  const Named named = FindNamed(shared_, ask.function, ask.shape);
  if ((ask.flags & wire::kMixed) == 0 && named.problem != Reason::kNone) return named.problem;
  if (asking.roots()) BeRoots(asking, named, ruling, now);
  if (const Reason refusal = LookAtLevel(shared_, ask.level); refusal != Reason::kNone) {
    ruling.retry_after = kMostDiskRetry;
    return refusal;
  }
  if (asking.roots() &&
      (DiskIsTooLate(ask.level, ruling, now) || CannotBegin(ask.level, named, ruling))) {
    return Reason::kJournal;
  }
  if (asking.exceeds_credit && ask.root == 0) {
    ruling.retry_after = UntilPlaces(KeyOf(asking), HintOf(ask, named), ask.count);
    return Reason::kInFlight;
  }
  return Reason::kNone;
}

Instant Admission::UsualDeadline(TaskClass cls, Instant now) const {
  const Nanos usual = UsualTime(cls);
  return usual > Nanos(0) ? After(now, usual) : kNever;
}

// Tasks that join a root have its time and its line, so that this is for those that do not.
void Admission::BeRoots(const Asking& asking, const Named& named, Ruling& ruling,
                        Instant now) const {
  const wire::SubmitPreamble& ask = asking.ask;
  if (ask.remaining_us == 0) ruling.deadline = UsualDeadline(ask.cls, now);
  if (!by_work()) return;
  if (ruling.deadline == kNever) {
    ruling.line = kLastLine;
    return;
  }
  const Nanos hint = HintOf(ask, named);
  const Nanos p95 = named.shape == nullptr ? shared_.costs.P95(KeyOf(asking), hint)
                                           : P95Of(KeyOf(asking), hint, *named.shape);
  ruling.line = LineOf(shared_.limits, ask.cls, ruling.deadline - now, p95);
}

void Admission::TakePlaces(const Asking& asking, std::uint32_t left, Ruling& ruling, Instant now) {
  flow::Credits& places = shared_.in_flight;
  ruling.bytes_each = BytesEach(asking.bytes, asking.ask.count);
  const std::uint32_t most =
      asking.roots() ? std::min(left, RoomOfTenant(shared_, asking.tenant, asking.ask.cls)) : left;
  std::uint32_t wanted = most;
  waits_ = 0;
  if (asking.roots() && most > 0) wanted = LetIn(asking, ruling, most, 0, now);
  const bool shed = wanted < most;
  while (wanted > 0 && !places.Reserve(wanted, std::int64_t{wanted} * ruling.bytes_each)) {
    const std::int64_t by_bytes = places.bytes_room() / ruling.bytes_each;
    wanted =
        static_cast<std::uint32_t>(std::min({std::int64_t{wanted} - 1, places.room(), by_bytes}));
  }
  ruling.admitted = wanted;
  ruling.load_level = LoadLevel(asking.tenant, asking.ask.cls, wanted);
  if (wanted == left) return;
  // Where both are full it is the node that is.
  const bool is_full =
      stage_.controller().Room(static_cast<std::uint8_t>(asking.ask.cls), LoadBeside(0, 0)) <= 0;
  if (wanted < most || is_full) {
    Overload(asking, left - wanted, ruling, shed);
  } else {
    ruling.refusal = Reason::kQuota;
    ruling.retry_after = UntilItsOwnEnd(asking, left - wanted);
  }
}

flow::Ask Admission::QuestionOf(const Asking& asking, const Named& named, std::uint32_t count) {
  const wire::SubmitPreamble& ask = asking.ask;
  return {.cls = static_cast<std::uint8_t>(ask.cls),
          .retry = ask.retry,
          .flow = asking.tenant,
          .function = ask.function,
          .count = count,
          .bytes = BytesEach(asking.bytes, ask.count) * count,
          .remaining = {},
          .cost_hint = HintOf(ask, named),
          .work = {}};
}

std::uint32_t Admission::LetIn(const Asking& asking, const Ruling& ruling, std::uint32_t wanted,
                               std::uint32_t has, Instant now) {
  waits_ = 0;
  const wire::SubmitPreamble& ask = asking.ask;
  const Named named = FindNamed(shared_, ask.function, ask.shape);
  flow::Ask question = QuestionOf(asking, named, wanted);
  if (ruling.deadline != kNever) question.remaining = std::max(Nanos(1), ruling.deadline - now);
  if (!looks_at_work()) return Decide(question, has, now);
  const Resources& shape = *named.shape;
  const WorkAccount::Needs& needs = NeedsOf(shape, ask.function);
  if (needs.size() == 0) return Decide(question, has, now);  // it waits for nothing
  std::uint32_t admitted = 0;
  if (question.remaining == Nanos(0)) {  // it waits for as long as it takes
    question.work.line = kLastLine;
    admitted = Decide(question, has, now);
  } else {
    question.work.p95 = P95Of(KeyOf(question), question.cost_hint, shape);
    question.work.cost = LeastOf(KeyOf(question), question.cost_hint, shape);
    question.work.lasts = shared_.root_spans.P95(ask.function, ask.cls);
    question.work.line =
        by_work() ? ruling.line
                  : LineOf(shared_.limits, ask.cls, question.remaining, question.work.p95);
    admitted = DecideByWork(question, NewcomerOf(question, now), needs, has, now);
    // What is only asked has no effect, and others refuse for reasons that no slot mends.
    if (by_work() && admitted < wanted) NoteTurnedAway(question, shape, now);
  }
  work_.Admitted(NewcomerOf(question, now), ask.function, needs, admitted);
  return admitted;
}

SlackLine LineOf(const Limits& limits, TaskClass cls, Nanos remaining, Nanos p95) {
  if (remaining == Nanos(0)) return kLastLine;
  const Nanos target(limits.target_delay_ns[Index(cls)].load(std::memory_order_relaxed));
  return LineOf(flow::WaitWithin(remaining - p95), target);
}

// What the group needs of each resource. Most groups are like the one before.
const WorkAccount::Needs& Admission::NeedsOf(const Resources& shape) {
  if (needs_of_ != &shape) {
    needs_of_ = &shape;
    needs_ = WorkAccount::Needs(shape, shared_.account.total());
  }
  return needs_;
}

// Of others than a group that holds places for `has`.
flow::Load Admission::LoadBeside(std::uint32_t has, std::uint32_t bytes_each) const {
  const flow::Credits& places = shared_.in_flight;
  return {.held = places.count() - has,
          .bytes = places.bytes() - std::int64_t{has} * bytes_each,
          .capacity = places.count_limit(),
          .capacity_bytes = places.bytes_limit(),
          .promised = shared_.account.opened().get() + opening_};
}

// By what waits; where nothing does, by what such a root takes, as if all that is there ran and
// were like it.
Nanos Admission::UntilPlaces(CostKey key, Nanos hint, std::uint32_t places) {
  Nanos each = work_.EachThatWaits();
  const std::int64_t slots = shared_.account.total().amount[kCpu] / kOneSlot;
  const std::int64_t run = std::max({std::int64_t{1}, slots, shared_.in_flight.count()});
  if (each == Nanos(0)) each = shared_.costs.Estimate(key, hint) / run;
  return std::clamp(std::min(each, kMostRetry) * places, kLeastRetry, kMostRetry);
}

Nanos Admission::UntilItsOwnEnd(const Asking& asking, std::uint32_t tasks) const {
  const Named named = FindNamed(shared_, asking.ask.function, asking.ask.shape);
  const Nanos each = shared_.costs.Estimate(KeyOf(asking), HintOf(asking.ask, named));
  return UntilItsOwnEnd(asking.tenant, each, tasks);
}

// How many of the roots in question the controller lets in for the load there is. The group holds
// places for `has` already.
std::uint32_t Admission::Decide(flow::Ask& question, std::uint32_t has, Instant now) {
  const std::uint32_t bytes_each = question.count == 0 ? 0 : question.bytes / question.count;
  const flow::Load load = LoadBeside(has, bytes_each);
  const std::uint32_t admitted = stage_.controller().Admit(question, load, now);
  if (flow::DryRun* dry = stage_.dry_run()) {
    const std::uint32_t would = dry->controller->Admit(question, load, now);
    const std::size_t cls = std::min<std::size_t>(question.cls, flow::kMaxClasses - 1);
    dry->refused[cls].Add(question.count - std::min(would, question.count));
  }
  return admitted;
}

// As scheduling has it: by function, and anything may be long that has not run.
KeptSlot::Length Admission::LengthOf(const flow::Ask& question) const {
  if (question.function == 0) return KeptSlot::LengthOf(question.work.p95);
  if (shared_.costs.CountRuns(question.function) == 0) return KeptSlot::kUnknown;
  const Resources& usual = shared_.functions.At(question.function)->shape;
  return KeptSlot::LengthOf(P95Of(question.function, Nanos(0), usual));
}

Nanos Admission::P95Of(CostKey key, Nanos hint, const Resources& shape) const {
  return WallTime(shared_.costs.P95(key, hint), SlotUnits(shape));
}

// The mean, but no more than half of the runs take: what takes long now and then is no reason to
// refuse all that mostly does not.
Nanos Admission::LeastOf(CostKey key, Nanos hint, const Resources& shape) const {
  const Nanos mean = WallTime(shared_.costs.Estimate(key, hint), SlotUnits(shape));
  const Nanos median = shared_.costs.MedianSpan(key);
  return median > Nanos(0) ? std::min(mean, median) : mean;
}

WorkAtDoor::Newcomer Admission::NewcomerOf(const flow::Ask& question, Instant now) const {
  const auto cls = static_cast<TaskClass>(question.cls);
  return {.cls = cls,
          .tenant = question.flow,
          .line = question.work.line,
          .length = LengthOf(question),
          .function = question.function,
          .held_back = shared_.account.IsHeldBack(question.function),
          .share = shared_.limits.shares[Index(cls)].load(std::memory_order_relaxed),
          .slot_time = shared_.costs.Takes(KeyOf(question), question.cost_hint),
          .deadline = question.remaining > Nanos(0) ? After(now, question.remaining) : kNever};
}

// And for what would run before them.
std::uint32_t Admission::DecideByWork(flow::Ask& question, const WorkAtDoor::Newcomer& root,
                                      const WorkAccount::Needs& needs, std::uint32_t has,
                                      Instant now) {
  Weigh(question.work, question, root, needs, now);
  const std::uint32_t admitted = Decide(question, has, now);
  if (flow::OutOfReach(question)) NoteTry(question, admitted > 0, now);
  return admitted;
}

void Admission::Weigh(flow::Work& work, const flow::Ask& question, const WorkAtDoor::Newcomer& root,
                      const WorkAccount::Needs& needs, Instant now) {
  ahead_ = work_.Look(root, needs, now);
  work.queues = std::span(ahead_.queues).first(ahead_.count);
  work.slots = root.held_back ? std::clamp<std::int64_t>(shared_.account.Running(root.function), 1,
                                                         needs.slots())
                              : needs.slots();
  work.lines_before = work_.LinesBefore(root, question.remaining, now);
  work.busy = ahead_.busy;
  work.taken = ahead_.taken;
  work.waiting = ahead_.tasks + ahead_.promises;
  work.may_try = ahead_.tasks == 0 ||
                 (question.function < tries_at_.size() && now >= tries_at_[question.function]);
  work.known = question.cost_hint > Nanos(0) || shared_.costs.CountRuns(question.function) > 0;
  work.unstarted = work.known ? 0 : work_.Unstarted(question.function);
  Nanos longest{0};
  for (const flow::Queue& queue : work.queues) longest = std::max(longest, queue.wait);
  if (!by_work() || question.remaining == Nanos(0)) return;
  kept_out_ = flow::TooBusy(question);
  const Nanos within =
      std::max(Nanos(1), flow::WaitWithin(flow::SlackOf(question), work.lines_before, work.slots));
  const double part = static_cast<double>(longest.count()) / static_cast<double>(within.count());
  waits_ = static_cast<std::uint8_t>(std::min(255.0, 255 * part));
}

// One that is out of reach, by what was learned, tries when nothing waits, and else now and then.
void Admission::NoteTry(const flow::Ask& question, bool tries, Instant now) {
  if (question.function >= tries_at_.size()) tries_at_.resize(question.function + 1, kNever);
  Instant& at = tries_at_[question.function];
  // Open roots have no function, and one of them is not to keep all others from trying for long.
  const Nanos pause =
      question.function == 0 ? std::min(question.work.cost, kMostTriesEach) : question.work.cost;
  if (tries || at == kNever) at = After(now, kTriesEach * pause);
}

void Admission::NoteTurnedAway(const flow::Ask& question, const Resources& shape, Instant now) {
  if (ahead_.for_brought || shared_.costs.CountRuns(question.function) == 0) return;
  auto& last = shared_.account.Of(static_cast<TaskClass>(question.cls)).turned_away;
  last.p95.Set(question.work.p95.count());
  last.slack.Set(question.remaining.count());
  last.shape.store(&shape, std::memory_order_release);
  last.at.Set(now.time_since_epoch().count());
}

std::int64_t Admission::Fits(const Asking& like, Nanos longer, Instant now) {
  static constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  waits_ = 0;
  kept_out_ = false;
  const wire::SubmitPreamble& ask = like.ask;
  const Named named = FindNamed(shared_, ask.function, ask.shape);
  if (!by_work() || named.problem != Reason::kNone) return kAny;
  const WorkAccount::Needs& needs = NeedsOf(*named.shape, ask.function);
  const Nanos remaining = ask.remaining_us != 0 ? Nanos(std::chrono::microseconds(ask.remaining_us))
                                                : UsualTime(ask.cls);
  if (needs.size() == 0 || remaining == Nanos(0)) return kAny;
  flow::Ask question = QuestionOf(like, named, 1);
  question.remaining = remaining;
  question.work.p95 = P95Of(KeyOf(question), question.cost_hint, *named.shape);
  question.work.cost = LeastOf(KeyOf(question), question.cost_hint, *named.shape);
  question.work.lasts = shared_.root_spans.P95(ask.function, ask.cls);
  question.work.line = Line(ask.cls, remaining, question.work.p95);
  Weigh(question.work, question, NewcomerOf(question, now), needs, now);
  // Holding back does not help one that is out of reach, and would hold up the others of its class.
  if (flow::OutOfReach(question)) return kAny;
  return stage_.controller().Fits(question, longer);
}

void Admission::Overload(const Asking& asking, std::uint32_t refused, Ruling& ruling, bool shed) {
  const Named named = FindNamed(shared_, asking.ask.function, asking.ask.shape);
  Overload(QuestionOf(asking, named, refused), ruling, shed);
}

void Admission::Overload(const flow::Ask& refused, Ruling& ruling, bool shed) {
  flow::Controller& controller = stage_.controller();
  const flow::Load load = LoadBeside(0, 0);
  const auto cls = static_cast<TaskClass>(refused.cls);
  if (BytesRoom(cls, {.capacity_bytes = load.capacity_bytes}, shed) < ruling.bytes_each) {
    ruling.refusal = Reason::kTooLarge;  // also when nothing else is there
  } else if (BytesRoom(cls, load, shed) < ruling.bytes_each) {
    ruling.refusal = Reason::kInFlightBytes;
  } else {
    // Of the two, a bound of its own is not limits.in_flight either.
    const std::int64_t room = controller.Room(refused.cls, load);
    const bool by_load = (by_work() && room > 0) || controller.Observes();
    const bool has_place = shared_.in_flight.room() > 0;
    ruling.refusal = shed && by_load && has_place ? Reason::kBacklog : Reason::kInFlight;
  }
  if (IsForRoom(ruling.refusal)) {
    ruling.retry_after = UntilPlaces(KeyOf(refused), refused.cost_hint, refused.count);
    controller.NoteRetry(ruling.retry_after);
  } else {
    flow::ControllerState state;
    controller.Snapshot(state);
    ruling.retry_after = std::max(kLeastRetry, state.retry_after);
  }
}

// For what the controller would have, there is all that the node may hold.
std::int64_t Admission::BytesRoom(TaskClass cls, const flow::Load& load, bool shed) const {
  return shed ? stage_.controller().BytesRoom(static_cast<std::uint8_t>(cls), load)
              : load.capacity_bytes - load.bytes;
}

wire::Verdict VerdictOn(const wire::SubmitPreamble& ask, std::uint32_t correlation,
                        std::uint64_t first_seq, std::uint32_t count, wire::VerdictStatus status,
                        Reason reason, Nanos retry_after, std::uint8_t load_level) {
  return {.first_seq = first_seq,
          .count = count,
          .correlation = correlation,
          .retry_after_us = RetryAfter(reason, retry_after),
          .reason = reason,
          .status = status,
          .level = ask.level,
          .load_level = load_level};
}

wire::Verdict RefusalOf(const wire::OpenRoot& asked, std::uint32_t correlation,
                        const Ruling& ruling) {
  return {.first_seq = asked.seq,
          .count = 1,
          .correlation = correlation,
          .retry_after_us = RetryAfter(ruling.refusal, ruling.retry_after),
          .reason = ruling.refusal,
          .status = wire::VerdictStatus::kRejected,
          .level = asked.level,
          .load_level = ruling.load_level};
}

}  // namespace spillgate
