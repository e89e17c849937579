// Publication's other half: requests about tasks. All of it runs under the table's lock.
#include <algorithm>

#include "core/base/format.h"
#include "schema/messages.h"
#include "stages/publication.h"

namespace spillgate {
namespace {

// Tasks marked as cancelled in one pass: a tree of a million is cut down over many passes.
constexpr std::size_t kMostCancelsAPass = 4096;
constexpr std::uint64_t kMostReleasesAFrame = 65536;

// A deadline from a remaining time; 0 is now, and a time beyond the clock's range is never.
Instant DeadlineOf(std::uint64_t timeout_us, Instant now) {
  constexpr std::uint64_t kMost = 1ULL << 53;
  return timeout_us >= kMost
             ? kNever
             : After(now, std::chrono::microseconds(static_cast<std::int64_t>(timeout_us)));
}

}  // namespace

void Publication::OnAsked(const Asked& asked, Instant now) {
  const wire::FrameView frame = wire::View(asked.frame.view());
  switch (frame.header.type) {
    case wire::FrameType::kGet: return OnGet(asked, frame, now);
    case wire::FrameType::kWait: return OnWait(asked, frame, now);
    case wire::FrameType::kCancel: return OnCancel(asked, frame);
    case wire::FrameType::kRelease: return OnRelease(asked, frame);
    case wire::FrameType::kStatus: return OnStatus(asked, frame, now);
    default: return Refuse(asked, frame, Reason::kUnsupported, "this frame is not for a node");
  }
}

void Publication::Refuse(const Asked& asked, const wire::FrameView& frame, Reason reason,
                         std::string_view message) {
  answers_.Error(asked.connection, frame.header.correlation, reason, message);
}

bool Publication::IsFewIds(const Asked& asked, const wire::FrameView& frame, std::size_t ids) {
  const std::uint32_t most = shared_.limits.ids_per_get.load(std::memory_order_relaxed);
  if (ids <= most) return true;
  Refuse(asked, frame, Reason::kTooLarge,
         Format("{} ids in one request, the limit is {}; ask in several", ids, most));
  return false;
}

// For what may have to wait: a cancel gets through however many gets are waiting.
bool Publication::MayWait(const Asked& asked, const wire::FrameView& frame, std::size_t ids) {
  if (!IsFewIds(asked, frame, ids)) return false;
  const std::uint32_t waiting =
      shared_.limits.requests_per_connection.load(std::memory_order_relaxed);
  if (shared_.table.requests_of(asked.connection) >= waiting) {
    Refuse(asked, frame, Reason::kTooManyWaiters,
           Format("{} requests of this connection are waiting already; wait for some", waiting));
    return false;
  }
  return true;
}

Reason Publication::WhyAbsent(TaskId id) {
  const Session* session = id.is_child() ? nullptr : shared_.table.FindSession(id.session);
  return session != nullptr && session->seen.Look(id.seq) != SeenWindow::Answer::kNew
             ? Reason::kReleased
             : Reason::kNotFound;
}

void Publication::OnGet(const Asked& asked, const wire::FrameView& frame, Instant now) {
  const auto get = wire::DecodeGet(frame);
  if (!get.has_value()) return Refuse(asked, frame, Reason::kMalformed, "get: malformed body");
  if (!MayWait(asked, frame, get->ids.size())) return;
  const std::uint32_t correlation = frame.header.correlation;
  Request* request = nullptr;
  for (const wire::ObjectName& id : get->ids) {
    Record* record = shared_.table.Find(id.task);
    if (record == nullptr) {
      answers_.NoResult(asked.connection, {id.task, id.index}, WhyAbsent(id.task), correlation);
    } else if (!record->open()) {
      answers_.Result(asked.connection, *record, id.index, correlation);
      record->delivered = true;
    } else if (get->timeout_us == 0) {
      answers_.NoResult(asked.connection, {id.task, id.index}, Reason::kTimeout, correlation);
    } else {
      if (request == nullptr) {
        request = &shared_.table.NewRequest(asked.connection, correlation,
                                            DeadlineOf(get->timeout_us, now));
      }
      shared_.table.Attach(*request, *record, id.index);
    }
  }
}

void Publication::OnWait(const Asked& asked, const wire::FrameView& frame, Instant now) {
  const auto wait = wire::DecodeWait(frame);
  if (!wait.has_value()) return Refuse(asked, frame, Reason::kMalformed, "wait: malformed body");
  if (!MayWait(asked, frame, wait->ids.size())) return;
  if (wait->needed == 0 || wait->needed > wait->ids.size()) {
    return Refuse(asked, frame, Reason::kBadRequest,
                  Format("wait: {} of {} ids can never be ready", wait->needed, wait->ids.size()));
  }
  Request& request = shared_.table.NewRequest(asked.connection, frame.header.correlation,
                                              DeadlineOf(wait->timeout_us, now));
  request.wait = true;
  request.total = static_cast<std::uint32_t>(wait->ids.size());
  std::uint32_t ready = 0;
  for (std::uint32_t i = 0; i < wait->ids.size(); ++i) {
    Record* record = shared_.table.Find(wait->ids[i].task);
    // What will never come is ready too: a get of it says why.
    if (record == nullptr || !record->open()) {
      ++ready;
    } else {
      shared_.table.Attach(request, *record, i);
    }
  }
  request.needed = wait->needed - std::min(wait->needed, ready);
  if (request.needed == 0) {
    AnswerWait(request, false);
  } else if (wait->timeout_us == 0) {
    AnswerWait(request, true);
  }
}

// Those that no waiter stands for any more are ready.
void Publication::AnswerWait(Request& request, bool timed_out) {
  wire::WaitDone done{.timed_out = timed_out};
  done.ready.assign(request.total, true);
  for (const Waiter* waiter = request.waiters; waiter != nullptr;
       waiter = waiter->next_of_request) {
    done.ready[waiter->index] = false;
  }
  wire::Encode(done, request.correlation, answers_.Raw(request.connection));
  shared_.table.Forget(request);
}

void Publication::ExpireRequests(Instant now) {
  while (Request* request = shared_.table.NextExpired(now)) {
    if (request->wait) {
      AnswerWait(*request, true);
      continue;
    }
    for (const Waiter* waiter = request->waiters; waiter != nullptr;
         waiter = waiter->next_of_request) {
      answers_.NoResult(request->connection, {waiter->record->id, waiter->index}, Reason::kTimeout,
                        request->correlation);
    }
    shared_.table.Forget(*request);
  }
}

void Publication::OnCancel(const Asked& asked, const wire::FrameView& frame) {
  const auto cancel = wire::DecodeCancel(frame);
  if (!cancel.has_value())
    return Refuse(asked, frame, Reason::kMalformed, "cancel: malformed body");
  if (!IsFewIds(asked, frame, cancel->ids.size())) return;
  wire::Cancelled answer;
  for (const TaskId id : cancel->ids) {
    const Record* record = shared_.table.Find(id);
    if (RootPtr root = shared_.table.FindRoot(id); root && root->session == asked.session) {
      CancelRoot(*root);
      ++answer.count;
    } else if (record == nullptr || !record->open()) {
      ++answer.already_done;
    } else {
      CancelTree(id);
      ++answer.count;
    }
  }
  wire::Encode(answer, frame.header.correlation, answers_.Raw(asked.connection));
}

void Publication::CancelTree(TaskId id) {
  Record* record = shared_.table.Find(id);
  if (record == nullptr || !record->open()) return;
  const std::size_t room = kMostCancelsAPass - std::min(kMostCancelsAPass, cancelled_.size());
  const std::size_t most = cancelled_.size() + room;
  if (!shared_.table.Cancel(*record, most, cancelled_)) cancelling_.push_back(id);
}

// All tasks of a root that was opened: the tops of its trees are among the session's own tasks.
void Publication::CancelRoot(Root& root) {
  root.cancelled.store(true, std::memory_order_relaxed);
  const Session* session = shared_.table.FindSession(root.session);
  if (session != nullptr) {
    for (Record* record = session->records; record != nullptr; record = record->next_of_session) {
      if (record->parent == nullptr && record->root.get() == &root) CancelTree(record->id);
    }
  }
  shared_.table.CloseRoot(root);
}

void Publication::CancelAll(Session& session) {
  for (Record* record = session.records; record != nullptr; record = record->next_of_session) {
    if (record->open() && record->parent == nullptr && !record->detached) CancelTree(record->id);
  }
}

void Publication::OnRelease(const Asked& asked, const wire::FrameView& frame) {
  const auto release = wire::DecodeRelease(frame);
  if (!release.has_value()) {
    return Refuse(asked, frame, Reason::kMalformed, "release: malformed body");
  }
  std::uint64_t left = kMostReleasesAFrame;
  for (const wire::Range& range : release->ranges) {
    const bool own = range.first.session == asked.session || range.first.is_child();
    if (!own || range.count > left || range.first.seq + range.count < range.first.seq) {
      return Refuse(asked, frame, own ? Reason::kTooLarge : Reason::kBadRequest,
                    own ? "release: more ids in one frame than are allowed; use several"
                        : "release: these ids belong to another session");
    }
    left -= range.count;
    bool durable = false;
    for (std::uint64_t i = 0; i < range.count; ++i) {
      Record* record = shared_.table.Find({range.first.session, range.first.seq + i});
      if (record == nullptr) continue;
      durable |= record->level != Level::kNone;
      if (shared_.table.Release(*record)) shared_.table.Sweep(*record);
    }
    if (durable) {
      // Without room for it, the results are kept for longer after a restart, and no harm is done.
      [[maybe_unused]] const auto position =
          journal_.Add(Level::kAsync, record::Released{.first = range.first, .count = range.count});
    }
  }
}

void Publication::OnStatus(const Asked& asked, const wire::FrameView& frame, Instant now) {
  const auto status = wire::DecodeStatus(frame);
  if (!status.has_value())
    return Refuse(asked, frame, Reason::kMalformed, "status: malformed body");
  if (!IsFewIds(asked, frame, status->ids.size())) return;
  std::vector<wire::TaskStatus> tasks;
  for (const TaskId id : status->ids) {
    const Record* record = shared_.table.Find(id);
    wire::TaskStatus& task = tasks.emplace_back();
    task.task = id;
    if (record == nullptr) {
      task.reason = WhyAbsent(id);
      continue;
    }
    const Instant since = record->open() ? record->accepted : record->settled;
    task.age_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now - since).count());
    task.state = record->open() ? wire::TaskState::kUnfinished : wire::TaskState::kEnded;
    task.fate = static_cast<std::uint8_t>(record->outcome.fate);
    task.reason = record->outcome.reason;
  }
  wire::Encode(wire::Statuses{tasks}, frame.header.correlation, answers_.Raw(asked.connection));
}

}  // namespace spillgate
