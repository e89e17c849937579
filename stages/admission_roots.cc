// Admission, second half: roots that come piece by piece. Each is one decision, on its estimate,
// and what it will bring counts as work until it comes; as does what others will spawn.
#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "core/model/work_promise.h"
#include "stages/admission.h"
#include "stages/build_task.h"
#include "stages/promise_times.h"
#include "stages/quotas.h"

namespace spillgate {
namespace {

// What a task of an open root holds of which nothing is said.
constexpr Resources kOneCpu{.amount = {kOneSlot}};

double Seconds(Nanos time) {
  return std::chrono::duration<double>(time).count();
}

std::uint32_t SumOf(std::uint32_t a, std::uint32_t b) {
  return a + std::min(b, std::numeric_limits<std::uint32_t>::max() - a);
}

}  // namespace

void Admission::Judge(const wire::OpenRoot& asked, TenantId tenant, Nanos transit, Ruling& ruling,
                      Instant now, bool crowds_out) {
  waits_ = 0;
  ruling.load_level = LoadLevel(tenant, asked.cls);
  if (asked.remaining_us != 0) {
    const Nanos remaining = std::chrono::microseconds(asked.remaining_us) - transit;
    if (remaining <= Nanos(0)) {
      ruling.refusal = Reason::kExpired;
      return;
    }
    ruling.deadline = After(now, remaining);
  } else {
    ruling.deadline = UsualDeadline(asked.cls, now);
  }
  if (DiskIsTooLate(asked.level, ruling, now)) {
    ruling.refusal = Reason::kJournal;
    return;
  }
  if (crowds_out) {
    ruling.refusal = Reason::kInFlight;
    ruling.retry_after = UntilPlaces(0, Nanos(asked.slot_time_ns), 1);
    return CountRootsRefused(asked.cls, ruling.refusal, 1);
  }
  flow::Ask question = QuestionOf(asked, tenant, ruling.deadline, now);
  if (by_work()) ruling.line = question.work.line;
  if (looks_at_work()) {
    Weigh(question.work, question, NewcomerOf(question, now), NeedsOf(ShapeOf(asked)), now);
  }
  ruling.brings = question.count;
  if (RoomOfTenant(shared_, tenant, asked.cls) == 0) {
    ruling.refusal = Reason::kQuota;
    ruling.retry_after = UntilItsOwnEnd(tenant, question.cost_hint, 1);
    ruling.load_level = LoadLevel(tenant, asked.cls);
    return;
  }
  const flow::Load load = LoadBeside(0, 0);
  const bool let_in = stage_.controller().Opens(question, load, now);
  const bool waits = !question.work.queues.empty();  // for anything scarce
  if (looks_at_work() && waits && flow::OutOfReach(question)) NoteTry(question, let_in, now);
  flow::DryRun* dry = stage_.dry_run();
  if (dry != nullptr && !dry->controller->Opens(question, load, now)) {
    dry->refused[Index(asked.cls)].Add(1);
  }
  ruling.load_level = LoadLevel(tenant, asked.cls);
  if (let_in) {
    ruling.admitted = 1;
    return;
  }
  if (by_work()) question.count = 1;  // it was the one place that was wanting
  Overload(question, ruling, true);
  CountRootsRefused(asked.cls, ruling.refusal, 1);
}

std::int64_t Admission::Fits(const wire::OpenRoot& like, TenantId tenant, Nanos longer,
                             Instant now) {
  static constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  waits_ = 0;
  kept_out_ = false;
  const Nanos remaining = like.remaining_us != 0
                              ? Nanos(std::chrono::microseconds(like.remaining_us))
                              : UsualTime(like.cls);
  if (!by_work() || remaining == Nanos(0)) return kAny;
  if (NeedsOf(ShapeOf(like)).size() == 0) return kAny;
  flow::Ask question = QuestionOf(like, tenant, After(now, remaining), now);
  Weigh(question.work, question, NewcomerOf(question, now), NeedsOf(ShapeOf(like)), now);
  if (flow::OutOfReach(question)) return kAny;
  const std::int64_t tasks = stage_.controller().Fits(question, longer);
  return tasks <= 0 ? 0 : 1 + (tasks - 1) / question.count;
}

Nanos Admission::UntilItsOwnEnd(TenantId tenant, Nanos each, std::uint32_t tasks) const {
  const std::int64_t slots = shared_.account.total().amount[kCpu] / kOneSlot;
  const std::int64_t most = shared_.tenants.At(tenant).in_flight.load(std::memory_order_relaxed);
  const std::int64_t run = std::max<std::int64_t>(1, std::min(most, slots));
  return std::clamp(SlotTimeOf(tasks, each / run), kLeastRetry, kMostRetry);
}

void Admission::LetThrough(const wire::OpenRoot& asked, TenantId tenant, const Ruling& ruling,
                           Instant now) {
  OnTheWay(1);
  const std::int64_t room = std::max<std::int64_t>(0, PromiseRoom() - opening_);
  opening_ += ruling.brings;
  if (!looks_at_work()) return;
  const flow::Ask question = QuestionOf(asked, tenant, ruling.deadline, now);
  const std::uint32_t count = std::min(question.count, static_cast<std::uint32_t>(room));
  work_.Admitted(NewcomerOf(question, now), 0, NeedsOf(ShapeOf(asked)), count);
}

void Admission::Promise(const wire::OpenRoot& asked, const Ruling& ruling, Root& root) {
  root.line = ruling.line;
  root.said = asked.estimated_tasks;
  root.said_each = SaidOf(asked);
  root.shape = &ShapeOf(asked);
  root.foreseen = root.expected = TasksOf(asked, root.tenant);
  if (!looks_at_work() && !counts_promised()) return;
  MakePromise(root, std::min(root.expected, PromiseRoom()));
}

void Admission::MakePromise(Root& root, std::uint32_t tasks) {
  const WorkAccount::Flow& flow = shared_.account.At(root.cls, root.tenant);
  const Nanos each = flow.open_root_times.Expect(root.said_each);
  const Resources& shape = root.shape == nullptr ? kOneCpu : *root.shape;
  root.promise = std::make_unique<WorkPromise>(
      shared_.account,
      WorkPromise::Of{.cls = root.cls, .tenant = root.tenant, .line = root.line, .opened = true},
      NeedsOf(shape).ByKind(shared_.costs.Takes(0, each)), tasks);
}

// What it has brought beyond what was foreseen is taken to double; but no more of it is promised
// than comes in a second, or a stream that lasts for a day would stand before others with hours of
// work.
bool Admission::Grow(Root& root, Instant now) {
  const std::uint32_t known = std::max(root.said, root.foreseen);
  const std::uint32_t more =
      root.came > known ? root.came - known : std::min(root.came, known - root.came + 1);
  const double since = root.came - std::exchange(root.grew_came, root.came);
  const Nanos for_these = std::max(kLeastRetry, now - std::exchange(root.grew_at, now));
  const double soon = Seconds(PromiseTimes::kSoon) * since / Seconds(for_these);
  const auto next = static_cast<std::uint32_t>(std::clamp<double>(soon, 1.0, more));
  root.expected = SumOf(root.came - 1, next);
  if (!looks_at_work() && !counts_promised()) return false;
  const std::uint32_t fits = root.window - std::min(root.window, root.unfinished);
  if (root.promise == nullptr) MakePromise(root, 0);
  root.promise->Renew(std::min({next, fits, PromiseRoom()}));
  return true;
}

// As its tenant's roots have brought for what was said of them; of one of which nothing is said, as
// many as they bring. No more of them than its window are here at a time.
std::uint32_t Admission::TasksOf(const wire::OpenRoot& asked, TenantId tenant) const {
  const std::uint32_t most = shared_.limits.root_window.load(std::memory_order_relaxed);
  const OpenRootSizes& sizes = shared_.account.At(asked.cls, tenant).open_roots;
  return std::clamp(sizes.Expect(asked.estimated_tasks), 1U, std::max(1U, most));
}

flow::Ask Admission::QuestionOf(const wire::OpenRoot& asked, TenantId tenant, Instant deadline,
                                Instant now) {
  flow::Ask question{.cls = static_cast<std::uint8_t>(asked.cls),
                     .flow = tenant,
                     .count = TasksOf(asked, tenant),
                     .remaining = deadline == kNever ? Nanos(0) : deadline - now,
                     .cost_hint = SaidOf(asked),
                     .work = {}};
  if (!looks_at_work()) return question;
  const Nanos said = question.cost_hint;
  const OpenRootTimes& known = shared_.account.At(asked.cls, tenant).open_root_times;
  const Nanos each = known.Expect(said);
  question.cost_hint = shared_.costs.Estimate(0, each);  // clamped, or the usual
  question.work.p95 = AtLeast(asked, question.count, each);
  // What others have brought, and how long that took, is no reason to call one out of reach.
  question.work.cost =
      AtLeast(asked, question.count, said > Nanos(0) ? std::min(said, each) : each);
  question.work.line = LineOf(shared_.limits, asked.cls, question.remaining, question.work.p95);
  return question;
}

// A root takes as long as one of its tasks, and, were it alone, as what those that are said need
// most of is busy with them. Of a guess (0) nothing follows for all of them.
Nanos Admission::AtLeast(const wire::OpenRoot& asked, std::uint32_t count, Nanos each) {
  const Resources& shape = ShapeOf(asked);
  const Nanos one = WallTime(shared_.costs.Estimate(0, each), SlotUnits(shape));
  if (each == Nanos(0)) return one;
  const NodeTimes busy = NeedsOf(shape).ByKind(each);
  const std::uint32_t tasks = std::min(count, std::max(1U, asked.estimated_tasks));
  return std::max(one, SlotTimeOf(tasks, Nanos(*std::max_element(busy.begin(), busy.end()))));
}

Nanos Admission::SaidOf(const wire::OpenRoot& asked) {
  return Nanos(
      static_cast<std::int64_t>(std::min<std::uint64_t>(kMostHint.count(), asked.slot_time_ns)));
}

const Resources& Admission::ShapeOf(const wire::OpenRoot& asked) const {
  const Shape* shape = asked.shape == 0 ? nullptr : shared_.shapes.At(asked.shape);
  return shape == nullptr ? kOneCpu : shape->resources;
}

const WorkAccount::Needs& Admission::NeedsOf(const Resources& shape, FunctionId function) {
  const CostModel::Spawns spawns = shared_.costs.SpawnsOf(function);
  if (spawns.tasks == 0) return NeedsOf(shape);
  needs_with_brought_ = NeedsOf(shape);
  needs_with_brought_.Bring(spawns);
  return needs_with_brought_;
}

void Admission::Expect(Root& root) {
  const CostModel::Spawns spawns = shared_.costs.SpawnsOf(root.function);
  if (spawns.tasks == 0 || !looks_at_work()) return;
  root.promise = std::make_unique<WorkPromise>(
      shared_.account, WorkPromise::Of{.cls = root.cls, .tenant = root.tenant, .line = root.line},
      spawns.node_time, std::min(spawns.tasks, PromiseRoom()));
}

// All that is promised can never be here at a time.
std::uint32_t Admission::PromiseRoom() const {
  const std::int64_t room = shared_.in_flight.count_limit() - shared_.account.Promised();
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, room));
}

}  // namespace spillgate
