// Publication: tasks are cancelled with all below them, in pieces that a pass has time for. All of
// it runs under the table's lock.
#include <algorithm>
#include <utility>

#include "stages/open_root_lessons.h"
#include "stages/publication.h"

namespace spillgate {
namespace {

// Tasks marked as cancelled in one pass: a tree of a million is cut down over many passes.
constexpr std::size_t kMostCancelsAPass = 4096;

}  // namespace

// True when there was room for all of it in this pass.
bool Publication::CancelSome(Record& top) {
  return shared_.table.Cancel(top, kMostCancelsAPass, cancel_looks_, cancelled_);
}

// One that was asked for before is done, or goes on by itself.
void Publication::CancelTree(Record& top) {
  if (!top.open() || top.cancelling || top.cancelled.load(std::memory_order_relaxed)) return;
  if (!CancelSome(top)) CancelLater(top);
}

void Publication::CancelLater(Record& top) {
  top.cancelling = true;
  cancelling_.push_back(top.id);
}

void Publication::CancelOn() {
  for (; !cancelling_.empty() && cancel_looks_ > 0; cancelling_.pop_front()) {
    --cancel_looks_;
    Record* top = shared_.table.Find(cancelling_.front());
    if (top != nullptr && top->open() && !CancelSome(*top)) return;
  }
}

// It ends before its cancel has been through all below it: that is lost with it, unless there is
// one above that comes to them.
void Publication::CancelOnWithout(const Record& top) {
  const bool cancelled = top.cancelled.load(std::memory_order_relaxed);
  if (top.parent != nullptr && top.parent->cancelled.load(std::memory_order_relaxed)) return;
  Record* child = cancelled ? top.uncancelled : top.first_child;
  for (; child != nullptr; child = child->next_sibling) {
    if (child->open() && !child->cancelling) CancelLater(*child);
  }
}

// What earlier runs of a task have spawned and its last one has not: nobody knows these children.
void Publication::CancelUnmatched(const Record& parent, std::uint32_t run) {
  for (Record* child = parent.first_child; child != nullptr; child = child->next_sibling) {
    const Record& own = child->via == nullptr ? *child : *child->via;
    if (own.spawned_in >= run) continue;
    if (child == &own) tally_.unmatched.Add(1);
    CancelTree(*child);
  }
}

// It takes nothing more; its tasks are cancelled at the end of the pass.
void Publication::CancelRoot(Root& root) {
  if (std::exchange(root.cancelled, true)) return;
  if (root.unfinished > 0) sessions_of_cancelled_roots_.push_back(root.session);
  if (root.durable && !root.closed) {
    // Without room for it, the root is open again after a restart, and its tasks are cancelled.
    [[maybe_unused]] const auto position =
        journal_.Add(Level::kAsync, record::RootClosed{.id = root.id});
  }
  LearnUnclosed(shared_, root);
  shared_.table.CloseRoot(root);
}

// The tops of the trees of roots that were opened are among their sessions' own tasks. One look at
// these serves all roots that were cancelled in the pass.
void Publication::CancelInRoots() {
  std::vector<SessionId>& ids = sessions_of_cancelled_roots_;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const SessionId id : ids) {
    const Session* session = shared_.table.FindSession(id);
    if (session == nullptr) continue;
    cancel_looks_ -= std::min<std::size_t>(cancel_looks_, session->listed);
    for (Record* record = session->records; record != nullptr; record = record->next_of_session) {
      if (record->parent == nullptr && record->root && record->root->cancelled) CancelTree(*record);
    }
  }
  ids.clear();
}

void Publication::CancelAll(Session& session) {
  for (Record* record = session.records; record != nullptr; record = record->next_of_session) {
    if (record->open() && record->parent == nullptr && !record->detached) CancelTree(*record);
  }
}

}  // namespace spillgate
