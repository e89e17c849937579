// Publication's other half: requests about tasks. All of it runs under the table's lock.
#include <algorithm>

#include "core/base/format.h"
#include "schema/messages.h"
#include "stages/publication.h"

namespace spillgate {
namespace {

constexpr std::uint64_t kMostReleasesAFrame = 65536;
// Bytes of results for one connection in one pass; what it has asked for beyond that comes later.
constexpr std::size_t kMostResultsAPass = 1 << 20;
// Results that may be delayed for one connection before it has to wait with its gets.
constexpr std::size_t kMostDelayed = 65536;

TaskId TaskOf(TaskId id) {
  return id;
}
TaskId TaskOf(const wire::ObjectName& name) {
  return name.task;
}

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

// A frame of a few bytes can ask for the same large value two thousand times: what is beyond a
// pass's share waits in a queue, which also is what tells that there is one.
void Publication::AnswerOrDelay(ConnectionId to, const Record& record, std::uint32_t index,
                                std::uint32_t correlation, Instant deadline) {
  auto queue = std::find_if(delayed_.begin(), delayed_.end(),
                            [&](const Queue& each) { return each.to == to; });
  if (queue == delayed_.end() && shared_.replies.TakesPushes(to)) {
    const std::size_t bytes = answers_.Result(to, record, index, correlation);
    const bool full = bytes >= kMostResultsAPass && (to & kTaskConnection) == 0;
    if (full) delayed_.push_back({.to = to, .results = {}});
    return;
  }
  if (queue == delayed_.end()) queue = delayed_.insert(queue, {.to = to, .results = {}});
  queue->results.push_back({{record.id, index}, correlation, deadline});
  queue->earliest = std::min(queue->earliest, deadline);
}

void Publication::AnswerDelayed(Instant now) {
  for (Queue& queue : delayed_) {
    while (!queue.results.empty() && shared_.replies.TakesPushes(queue.to) &&
           answers_.BytesFor(queue.to) < kMostResultsAPass) {
      const Delayed& next = queue.results.front();
      const TaskId id = next.object.task;
      if (const Record* record = shared_.table.Find(id); record != nullptr) {
        answers_.Result(queue.to, *record, next.object.index, next.correlation);
      } else if (next.correlation != 0) {  // nobody waits for what was pushed and is released
        answers_.NoResult(queue.to, next.object, WhyAbsent(id), next.correlation);
      }
      queue.results.pop_front();
    }
    // Who takes some of it each pass is served to the end.
    if (queue.earliest <= now && !shared_.replies.TakesPushes(queue.to)) ExpireDelayed(queue, now);
  }
  std::erase_if(delayed_, [](const Queue& each) { return each.results.empty(); });
}

void Publication::ExpireDelayed(Queue& queue, Instant now) {
  queue.earliest = kNever;
  std::erase_if(queue.results, [&](const Delayed& each) {
    if (each.deadline > now) {
      queue.earliest = std::min(queue.earliest, each.deadline);
      return false;
    }
    answers_.NoResult(queue.to, each.object, Reason::kTimeout, each.correlation);
    return true;
  });
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
  const std::size_t most = shared_.limits.waiters_per_connection.load(std::memory_order_relaxed);
  const std::size_t most_of_all = shared_.limits.waiters.load(std::memory_order_relaxed);
  if (shared_.table.waiters_of(asked.connection) + ids > most ||
      shared_.table.waiters() + ids > most_of_all) {
    Refuse(asked, frame, Reason::kTooManyWaiters,
           Format("{} ids are waited for by this connection and {} by all, {} and {} at most; wait "
                  "for some",
                  shared_.table.waiters_of(asked.connection), shared_.table.waiters(), most,
                  most_of_all));
    return false;
  }
  for (const Queue& queue : delayed_) {
    if (queue.to != asked.connection || queue.results.size() < kMostDelayed) continue;
    Refuse(asked, frame, Reason::kTooManyWaiters,
           Format("{} results that this connection has asked for wait for it to read the last ones",
                  queue.results.size()));
    return false;
  }
  return true;
}

// The records of all ids of a request, null for those that there are not. First of all, in loops
// that do nothing else: each look is a cache miss, and so they overlap. Numbers that the asker has
// never used cost none.
template <class Id>
void Publication::FindNamed(const Asked& asked, std::span<const Id> ids) {
  const Session* asker = shared_.table.FindSession(asked.session);
  const auto never_used = [&](TaskId id) {
    return asker != nullptr && id.session == asker->id && id.seq >= asker->seen.end();
  };
  for (const Id& each : ids) {
    if (!never_used(TaskOf(each))) shared_.table.Prefetch(TaskOf(each));
  }
  named_.clear();
  for (const Id& each : ids) {
    named_.push_back(never_used(TaskOf(each)) ? nullptr : shared_.table.Find(TaskOf(each)));
  }
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
  FindNamed(asked, std::span(get->ids));
  for (std::size_t i = 0; i < get->ids.size(); ++i) {
    const wire::ObjectName& id = get->ids[i];
    Record* record = named_[i];
    if (record == nullptr) {
      answers_.NoResult(asked.connection, {id.task, id.index}, WhyAbsent(id.task), correlation);
    } else if (!record->open()) {
      AnswerOrDelay(asked.connection, *record, id.index, correlation,
                    DeadlineOf(get->timeout_us, now));
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
  FindNamed(asked, std::span(wait->ids));
  std::uint32_t ready = 0;
  for (std::uint32_t i = 0; i < wait->ids.size(); ++i) {
    Record* record = named_[i];
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
  FindNamed(asked, std::span(cancel->ids));
  for (std::size_t i = 0; i < cancel->ids.size(); ++i) {
    const TaskId id = cancel->ids[i];
    Record* record = named_[i];
    if (RootPtr root = shared_.table.FindRoot(id); root && root->session == asked.session) {
      CancelRoot(*root);
      ++answer.count;
    } else if (record == nullptr || !record->open()) {
      ++answer.already_done;
    } else {
      CancelTree(*record);
      ++answer.count;
    }
  }
  wire::Encode(answer, frame.header.correlation, answers_.Raw(asked.connection));
}

void Publication::OnRelease(const Asked& asked, const wire::FrameView& frame) {
  const auto release = wire::DecodeRelease(frame);
  if (!release.has_value()) {
    return Refuse(asked, frame, Reason::kMalformed, "release: malformed body");
  }
  std::uint64_t left = kMostReleasesAFrame;
  for (const wire::Range& range : release->ranges) {
    const bool child = range.first.is_child();
    const bool own = range.first.session == asked.session || child;
    const std::uint64_t most = child ? 1 : left;  // their numbers do not follow one another
    if (!own || range.count > most || range.first.seq + range.count < range.first.seq) {
      return Refuse(asked, frame, own ? Reason::kTooLarge : Reason::kBadRequest,
                    own ? "release: more ids in one frame than are allowed; use several"
                        : "release: these ids belong to another session");
    }
    left -= range.count;
    if (!ReleaseRange(range)) continue;
    // Without room for it, the results are kept for longer after a restart, and no harm is done.
    [[maybe_unused]] const auto position =
        journal_.Add(Level::kAsync, record::Released{.first = range.first, .count = range.count});
  }
}

// True if the journal knows of one of them. A few bytes can name 65,536 numbers, and most of a
// session's numbers are not there any more: then its records are looked through instead.
bool Publication::ReleaseRange(const wire::Range& range) {
  bool durable = false;
  const auto release = [&](TaskId id) REQUIRES(shared_.table.mutex()) {
    Record* record = shared_.table.Find(id);
    if (record == nullptr) return;
    durable |= record->level != Level::kNone;
    if (shared_.table.Release(*record)) shared_.table.Sweep(*record);
  };
  const bool of_child = range.first.is_child();
  const Session* session = of_child ? nullptr : shared_.table.FindSession(range.first.session);
  if (!of_child && session == nullptr) return false;  // what an ended session left is let go of
  if (of_child || session->listed >= range.count) {
    for (std::uint64_t i = 0; i < range.count; ++i) {
      release({range.first.session, range.first.seq + i});
    }
    return durable;
  }
  std::vector<TaskId> there;  // a record that goes can take others with it
  for (const Record* record = session->records; record != nullptr;
       record = record->next_of_session) {
    const bool named = record->id.session == range.first.session &&
                       record->id.seq >= range.first.seq &&
                       record->id.seq - range.first.seq < range.count;
    if (named && !record->released) there.push_back(record->id);
  }
  for (const TaskId id : there) release(id);
  return durable;
}

void Publication::OnStatus(const Asked& asked, const wire::FrameView& frame, Instant now) {
  const auto status = wire::DecodeStatus(frame);
  if (!status.has_value())
    return Refuse(asked, frame, Reason::kMalformed, "status: malformed body");
  if (!IsFewIds(asked, frame, status->ids.size())) return;
  FindNamed(asked, std::span(status->ids));
  std::vector<wire::TaskStatus> tasks;
  for (std::size_t i = 0; i < status->ids.size(); ++i) {
    const TaskId id = status->ids[i];
    const Record* record = named_[i];
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
    task.attempt = record->attempt.load(std::memory_order_relaxed);
  }
  wire::Encode(wire::Statuses{tasks}, frame.header.correlation, answers_.Raw(asked.connection));
}

}  // namespace spillgate
