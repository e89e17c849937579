// Submission: the roots that tasks join, or are.
#include <algorithm>
#include <utility>

#include "stages/arguments.h"
#include "stages/open_root_lessons.h"
#include "stages/quotas.h"
#include "stages/submission.h"

namespace spillgate {
namespace {

// Tasks that its client may add to a root which it did not open, before that is taken to grow.
constexpr std::uint32_t kAddedToAny = 64;

}  // namespace

// Whether the run that spawns is not over. What an earlier run would still spawn has nobody, and
// would take the room of what the parent spawns now.
bool Submission::GoesOn(const Group& group, const Record* parent) {
  return parent != nullptr && parent->open() &&
         parent->attempt.load(std::memory_order_relaxed) <= group.view.child.attempt;
}

// The root that the group's tasks join; none when each is a root of its own.
Reason Submission::FindRoot(Group& group, Record*& parent, RootPtr& root) {
  if (group.children()) {
    if (!group.decoded) return group.refusal;
    parent = shared_.table.Find(group.view.child.parent);
    if (!GoesOn(group, parent)) return Reason::kUnknownRoot;
    if (parent->depth >= shared_.limits.nesting_depth.load(std::memory_order_relaxed)) {
      return Reason::kNestingDepth;
    }
    root = parent->root;
    return Reason::kNone;
  }
  if (group.ask.root == 0) return Reason::kNone;
  root = shared_.table.FindRoot({group.session, group.ask.root});
  if (!root) {
    // A task submitted alone is a root too, for as long as anything of it is unfinished.
    const Record* record = shared_.table.Find({group.session, group.ask.root});
    if (record != nullptr && record->open()) root = record->root;
  }
  if (root && !root->closed && !root->ended) return Reason::kNone;
  root = RootPtr();
  return (group.ask.flags & wire::kJoin) != 0 ? Reason::kNone : Reason::kUnknownRoot;
}

// The task that they name has ended, maybe before others of its root, or goes by another number. So
// each is in the root of its own unfinished arguments; one that has none is a root itself, and was
// let in without being judged as such. What is accepted of a frame are its first, so one that is
// refused stops those behind it, also of roots that were let in: these are not shed for it, but
// wait like any piece without room.
void Submission::JoinByArguments(Group& group, Session& session, Instant now) {
  std::uint32_t roots = 0;
  for (TaskPtr& task : group.tasks) {
    task->root = RootOfArguments(shared_.table, *task, group.session);
    roots += task->root ? 0 : 1;
  }
  session.joined_none[Index(group.ask.cls)] += roots;
  std::uint32_t let_in = 0;
  Ruling as_roots = group;
  const Named named{.function = group.function, .shape = group.shape};
  if (roots > 0) admission_.BeRoots(group.asking(), named, as_roots, now);
  const std::uint32_t of_tenant = RoomOfTenant(shared_, group.tenant, group.ask.cls);
  const std::uint32_t most = std::min(roots, of_tenant);
  if (most > 0 && !group.exceeds_credit) {
    let_in = admission_.LetIn(group.asking(), as_roots, most, group.admitted, now);
  }
  const bool by_quota = most < roots && let_in == most;
  group.line = as_roots.line;
  // What the journal has of them is one deadline for all: of some roots among others, none.
  if (roots == group.admitted) group.deadline = as_roots.deadline;
  for (std::uint32_t i = 0; i < group.admitted; ++i) {
    const RootPtr& root = group.tasks[i]->root;
    if (!root) group.tasks[i]->deadline = as_roots.deadline;
    if (!root && let_in == 0) {
      const std::uint32_t behind = BehindRoots(group, i);
      const std::uint32_t refused = group.left() - i - behind;
      GivePlacesBack(group, i, Reason::kQuota);
      group.behind = behind;
      group.retry_after = admission_.UntilItsOwnEnd(group.asking(), refused);
      if (by_quota) return;
      admission_.Overload(group.asking(), refused, group, !group.exceeds_credit);
      return admission_.CountRootsRefused(group.ask.cls, group.refusal, refused);
    }
    if (!root) --let_in;
    // Those before it in the group may all be of the same root.
    if (root && root->unfinished + i >= root->window) {
      return GivePlacesBack(group, i, Reason::kQuota);
    }
  }
}

// How many come behind the roots from there on: a task of another root, and all after it.
std::uint32_t Submission::BehindRoots(const Group& group, std::uint32_t from) {
  for (std::uint32_t i = from; i < group.admitted; ++i) {
    if (group.tasks[i]->root) return group.left() - i;
  }
  return 0;
}

RootPtr Submission::NewRoot(const Group& group, const Task& task, const Session& session) {
  RootPtr root = shared_.table.MakeRoot();
  root->id = task.id;
  root->session = session.id;
  root->tenant = session.tenant;
  root->cls = group.ask.cls;
  root->order = shared_.table.NextRootOrder();
  root->deadline = task.deadline;
  root->line = group.line;
  root->function = task.function->id;
  admission_.Expect(*root);
  root->foreseen = root->expected = kAddedToAny;
  root->grew_at = group.arrived;
  root->window = shared_.limits.root_window.load(std::memory_order_relaxed);
  return root;
}

// What was promised of an open root is in tasks that its client adds, with what these spawn.
void Submission::JoinsRoot(const RootPtr& root, bool added, Instant now) {
  if (added) NoteAdded(root, now);
  if (root->promise == nullptr) return;
  if (added || !root->explicit_open) root->promise->Keep(1);
  if (added || root->explicit_open) root->promised_until = PromisedUntil(*root, now);
}

// To a root, by its client. With one that says too little, others are judged by what it does while
// it does it, and not when it is closed, which may be never.
void Submission::NoteAdded(const RootPtr& root, Instant now) {
  if (++root->came <= root->expected) return;
  const bool said_too_little = root->came > std::max(root->said, root->foreseen);
  if (root->explicit_open && said_too_little) LearnSize(shared_, *root);
  if (!admission_.Grow(*root, now)) return;
  if (!std::exchange(root->timed, true)) grown_.push_back(root);
}

}  // namespace spillgate
