// Admission: the one load decision on a group of roots, from the fixed part of its frame, and the
// places that it gets in the in-flight bound. Whoever reads the frame may ask: submission when it
// handles it, or the door while it reads, so that a refusal costs the reading of a header. One for
// each shard of submission, on the thread of that shard.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/clock.h"
#include "core/flow/inbox.h"
#include "core/model/reason.h"
#include "core/model/slack_lines.h"
#include "core/model/work_account.h"
#include "schema/messages.h"
#include "schema/replies.h"
#include "schema/submit.h"
#include "stages/build_task.h"
#include "stages/ruling.h"
#include "stages/shared.h"
#include "stages/work_at_door.h"

namespace spillgate {

// A frame that adds tasks, by what it costs nothing to know.
struct Asking {
  const wire::SubmitPreamble& ask;
  TenantId tenant = 0;
  Nanos transit{0};  // time that it spent in the kernel's queue
  std::size_t bytes = 0;
  bool exceeds_credit = false;
  bool from_task = false;

  [[nodiscard]] bool children() const { return (ask.flags & wire::kChild) != 0; }
  // Each of its tasks is a root, to be judged by load.
  [[nodiscard]] bool roots() const { return !children() && ask.root == 0; }
};

// The line of a root of that class; without a deadline (0) it is the last.
[[nodiscard]] SlackLine LineOf(const Limits& limits, TaskClass cls, Nanos remaining, Nanos p95);

class Admission {
 public:
  static constexpr Nanos kLeastRetry = std::chrono::milliseconds(1);
  static constexpr Nanos kMostRetry = std::chrono::seconds(30);
  static constexpr Nanos kMostDiskRetry = std::chrono::seconds(1);
  static constexpr Nanos kDrainRetry = std::chrono::seconds(1);
  static constexpr Nanos kUnfetchedRetry = std::chrono::milliseconds(100);

  // `stage` is submission's inbox: its controller gives the verdicts.
  Admission(Shared& shared, flow::AnyInbox& stage, SubmissionTally& tally)
      : shared_(shared),
        stage_(stage),
        tally_(tally),
        work_(shared.account),
        needs_(Resources(), shared.account.total()),
        needs_with_brought_(needs_) {}

  // On the last `left` tasks of the frame, by everything that the fixed part can tell. What is
  // admitted has its places.
  void Judge(const Asking& asking, std::uint32_t left, Ruling& ruling, Instant now);
  // Places for as many of `left` as load allows, put down in `ruling`; its other parts are as Judge
  // found them. Children are never refused for load, and an open root was let in when it was
  // opened.
  void TakePlaces(const Asking& asking, std::uint32_t left, Ruling& ruling, Instant now);
  // They are roots: the ruling has the time that they have where the frame names none, and their
  // line. Those that were to join a root, which takes no more, turn out to be so when they come.
  void BeRoots(const Asking& asking, const Named& named, Ruling& ruling, Instant now) const;
  // How many of `wanted` roots load lets in, of a frame that holds places for `has` already.
  [[nodiscard]] std::uint32_t LetIn(const Asking& asking, const Ruling& ruling,
                                    std::uint32_t wanted, std::uint32_t has, Instant now);
  // How many more roots such as these load leaves time for, if they may wait for `longer` than what
  // is let in; a very large number where the controller does not go by work.
  [[nodiscard]] std::int64_t Fits(const Asking& like, Nanos longer, Instant now);
  // The same of roots that are opened, of which the first task has to fit.
  [[nodiscard]] std::int64_t Fits(const wire::OpenRoot& like, TenantId tenant, Nanos longer,
                                  Instant now);
  // Of those it said so last: what runs leaves them no time, whoever else comes.
  [[nodiscard]] bool kept_out() const { return kept_out_; }
  // How full the node is for roots of that class and tenant, 0 to 255: by places, and, for such as
  // were judged last, how long they would wait, as a part of the time that they may. `has`: those
  // that are let in of a frame, which its tenant has not got yet.
  [[nodiscard]] std::uint8_t LoadLevel(TenantId tenant, TaskClass cls,
                                       std::uint32_t has = 0) const {
    return std::max(waits_, LevelOfPlaces(tenant, cls, has));
  }
  // By places alone: the node's, what its controller goes by, and its tenant's.
  [[nodiscard]] std::uint8_t LevelOfPlaces(TenantId tenant, TaskClass cls,
                                           std::uint32_t has = 0) const;
  // Of the node's places alone, whoever asks.
  [[nodiscard]] std::uint8_t PlacesTaken() const;
  // Of its tenant, that of such a root; the first of all where the controller does not go by work.
  [[nodiscard]] SlackLine Line(TaskClass cls, Nanos remaining, Nanos p95) const {
    return by_work() ? LineOf(shared_.limits, cls, remaining, p95) : SlackLine{0};
  }
  // The one load decision on a root that is to be opened: the ruling admits one, with its line and
  // its deadline, or refuses it; also where it `crowds_out` others, for whom there is no room yet.
  void Judge(const wire::OpenRoot& asked, TenantId tenant, Nanos transit, Ruling& ruling,
             Instant now, bool crowds_out = false);
  // Why the journal takes nothing new of that level, if it does not; also of what is not judged by
  // load.
  [[nodiscard]] static Reason LookAtLevel(const Shared& shared, Level level) {
    const auto most = shared.limits.level_max.load(std::memory_order_relaxed);
    if (static_cast<std::uint8_t>(level) > most) return Reason::kTooDurable;
    const bool takes = level == Level::kNone || shared.journal->Accepting();
    return takes ? Reason::kNone : Reason::kJournal;
  }
  // The door has let it in, and what it will bring counts until it is here.
  void LetThrough(const wire::OpenRoot& asked, TenantId tenant, const Ruling& ruling, Instant now);
  // One that is let in has its place in its tenant's line, and, where a controller goes by work or
  // counts what is promised, its promise counts. The caller holds the task table's lock.
  void Promise(const wire::OpenRoot& asked, const Ruling& ruling, Root& root);
  // Its client has added more than was expected; the last of them is not recorded yet. Whether it
  // has a promise, which has to end some time. Likewise.
  [[nodiscard]] bool Grow(Root& root, Instant now);
  // What a root will bring that begins like others before it counts until it comes, if a controller
  // goes by work. The caller holds the task table's lock.
  void Expect(Root& root);
  // When so many of its tenant's unfinished tasks will have ended, about, if they are like these.
  [[nodiscard]] Nanos UntilItsOwnEnd(const Asking& asking, std::uint32_t tasks) const;
  [[nodiscard]] Nanos UntilItsOwnEnd(TenantId tenant, Nanos each, std::uint32_t tasks) const;
  // Why, and for how long, so many of a frame have no places. `shed`: the controller would have it
  // so, just now.
  void Overload(const Asking& asking, std::uint32_t refused, Ruling& ruling, bool shed);

  [[nodiscard]] bool by_work() const { return stage_.controller().UsesWork(); }
  // That one, or the one that is only asked.
  [[nodiscard]] bool looks_at_work() const {
    const flow::DryRun* dry = stage_.dry_run();
    return by_work() || (dry != nullptr && dry->controller->UsesWork());
  }
  // Either of them counts what open roots are to bring.
  [[nodiscard]] bool counts_promised() const {
    const flow::DryRun* dry = stage_.dry_run();
    return stage_.controller().CountsPromised() ||
           (dry != nullptr && dry->controller->CountsPromised());
  }
  // A root that the door has let through has come to the stage.
  void HasCome(const Ruling& opened) {
    OnTheWay(-1);
    opening_ -= opened.brings;
  }
  // The door has let in so many that have not come to the stage yet (or, less than zero, have).
  void OnTheWay(std::int64_t tasks) { work_.OnTheWay(tasks); }
  // Since when the acceptance of that level that has waited longest waits for the disk; kNever:
  // none does.
  void WaitsForDisk(Level level, Instant since) { on_disk_since_[level == Level::kSync] = since; }
  void CountRefused(Reason reason, std::uint32_t tasks) {
    tally_.refused[static_cast<std::size_t>(reason)].Add(tasks);
  }
  // Of those, roots of a class; where the node has neither room nor time for them.
  void CountRootsRefused(TaskClass cls, Reason reason, std::uint32_t roots) {
    const bool full = reason == Reason::kInFlight || reason == Reason::kInFlightBytes;
    if (full || reason == Reason::kBacklog) tally_.roots_refused[Index(cls)].Add(roots);
  }

 private:
  // What a root of that class has that names no time; 0: any.
  [[nodiscard]] Nanos UsualTime(TaskClass cls) const {
    return Nanos(shared_.limits.default_deadline_ns[Index(cls)].load(std::memory_order_relaxed));
  }
  [[nodiscard]] Instant UsualDeadline(TaskClass cls, Instant now) const;
  [[nodiscard]] std::uint32_t PromiseRoom() const;
  [[nodiscard]] std::uint32_t TasksOf(const wire::OpenRoot& asked, TenantId tenant) const;
  [[nodiscard]] flow::Ask QuestionOf(const wire::OpenRoot& asked, TenantId tenant, Instant deadline,
                                     Instant now);
  [[nodiscard]] static flow::Ask QuestionOf(const Asking& asking, const Named& named,
                                            std::uint32_t count);
  void Overload(const flow::Ask& refused, Ruling& ruling, bool shed);
  // When so many will have come free, about.
  [[nodiscard]] Nanos UntilPlaces(CostKey key, Nanos hint, std::uint32_t places);
  // What a client says of a root that it opens.
  [[nodiscard]] Nanos AtLeast(const wire::OpenRoot& asked, std::uint32_t count, Nanos each);
  [[nodiscard]] static Nanos SaidOf(const wire::OpenRoot& asked);
  [[nodiscard]] const Resources& ShapeOf(const wire::OpenRoot& asked) const;
  void MakePromise(Root& root, std::uint32_t tasks);
  [[nodiscard]] Reason LookAtFixedPart(const Asking& asking, Ruling& ruling, Instant now);
  [[nodiscard]] bool DiskIsTooLate(Level level, Ruling& ruling, Instant now) const;
  [[nodiscard]] bool CannotBegin(Level level, const Named& named, Ruling& ruling) const;
  [[nodiscard]] const WorkAccount::Needs& NeedsOf(const Resources& shape);
  // Of roots of that function, with what they bring: that waits too, and its client for it.
  [[nodiscard]] const WorkAccount::Needs& NeedsOf(const Resources& shape, FunctionId function);
  [[nodiscard]] std::int64_t BytesRoom(TaskClass cls, const flow::Load& load, bool shed) const;
  [[nodiscard]] flow::Load LoadBeside(std::uint32_t has, std::uint32_t bytes_each) const;
  [[nodiscard]] std::uint32_t Decide(flow::Ask& question, std::uint32_t has, Instant now);
  [[nodiscard]] KeptSlot::Length LengthOf(const flow::Ask& question) const;
  [[nodiscard]] Nanos P95Of(CostKey key, Nanos hint, const Resources& shape) const;
  [[nodiscard]] Nanos LeastOf(CostKey key, Nanos hint, const Resources& shape) const;
  [[nodiscard]] WorkAtDoor::Newcomer NewcomerOf(const flow::Ask& question, Instant now) const;
  [[nodiscard]] std::uint32_t DecideByWork(flow::Ask& question, const WorkAtDoor::Newcomer& root,
                                           const WorkAccount::Needs& needs, std::uint32_t has,
                                           Instant now);
  void Weigh(flow::Work& work, const flow::Ask& question, const WorkAtDoor::Newcomer& root,
             const WorkAccount::Needs& needs, Instant now);
  void NoteTry(const flow::Ask& question, bool tries, Instant now);
  void NoteTurnedAway(const flow::Ask& question, const Resources& shape, Instant now);

  Shared& shared_;
  flow::AnyInbox& stage_;
  SubmissionTally& tally_;
  WorkAtDoor work_;
  WorkAtDoor::Ahead ahead_;  // what was weighed last
  std::uint8_t waits_ = 0;   // 255ths of the time that they may wait
  bool kept_out_ = false;
  std::int64_t opening_ = 0;             // to be brought by roots that have not come to the stage
  std::vector<Instant> tries_at_;        // by function
  const Resources* needs_of_ = nullptr;  // a shape that stays
  WorkAccount::Needs needs_;
  WorkAccount::Needs needs_with_brought_;
  std::array<Instant, 2> on_disk_since_{kNever, kNever};  // level async, level sync
};

// It waits for a place that will come free, or for its time.
[[nodiscard]] inline bool IsForRoom(Reason refusal) {
  return refusal == Reason::kInFlight || refusal == Reason::kInFlightBytes ||
         refusal == Reason::kQuota || refusal == Reason::kClientQuota || refusal == Reason::kRate;
}

// On `count` tasks from `first_seq`; they may come again after that time if the reason is one that
// passes.
[[nodiscard]] wire::Verdict VerdictOn(const wire::SubmitPreamble& ask, std::uint32_t correlation,
                                      std::uint64_t first_seq, std::uint32_t count,
                                      wire::VerdictStatus status, Reason reason, Nanos retry_after,
                                      std::uint8_t load_level);
[[nodiscard]] wire::Verdict RefusalOf(const wire::OpenRoot& asked, std::uint32_t correlation,
                                      const Ruling& ruling);

}  // namespace spillgate
