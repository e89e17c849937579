#include "stages/recovery.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <variant>

#include "core/base/format.h"
#include "schema/frame.h"
#include "stages/admission.h"
#include "stages/arguments.h"
#include "stages/ending.h"

namespace spillgate {
namespace {

// Bounds were checked when the frame was accepted; the config may have lowered them since.
constexpr wire::SubmitLimits kAnyLimits{.deps_per_task = std::numeric_limits<std::uint16_t>::max(),
                                        .inline_value = std::numeric_limits<std::uint32_t>::max(),
                                        .batch = std::numeric_limits<std::uint16_t>::max()};

Outcome OutcomeOf(const record::Ended& record) {
  Outcome outcome;
  outcome.fate = record.fate;
  outcome.reason = record.reason;
  if (!record.values.empty()) outcome.value = Value(record.values.front());
  if (record.values.size() > 1) {
    outcome.further = std::make_unique<std::vector<Value>>();
    for (std::size_t i = 1; i < record.values.size(); ++i) {
      outcome.further->emplace_back(record.values[i]);
    }
  }
  if (record.fate != Fate::kDone) {
    outcome.failure = std::make_unique<Failure>(
        Failure{.message = std::string(record.message), .root_cause = record.cause});
  }
  return outcome;
}

}  // namespace

Status Recovery::Apply(ByteView bytes) {
  const std::optional<record::Any> record = record::Read(bytes);
  if (!record.has_value()) {
    return Error{Code::kCorrupt,
                 "a record of the journal is of a later version, or no record; start the version "
                 "that wrote it"};
  }
  MutexLock lock(shared_.table.mutex());
  std::visit([this](const auto& each) REQUIRES(shared_.table.mutex()) { On(each); }, *record);
  return {};
}

void Recovery::On(const record::SessionOpened& record) {
  Session* session = shared_.table.FindSession(record.session);
  if (session == nullptr) session = &shared_.table.NewSession(record.session);
  session->resume_token = record.token;
  session->name = record.tenant;
  session->tenant = shared_.tenants.Find(record.tenant);
  session->disconnected = now_;
  session->journaled = true;
}

void Recovery::On(const record::SessionEnded& record) {
  Session* session = shared_.table.FindSession(record.session);
  // Tasks that outlive their session keep it; it ends again when its time to live has passed.
  if (session != nullptr && session->unfinished == 0) shared_.table.EndSession(*session);
}

void Recovery::On(const record::Seen& record) {
  Session* session = shared_.table.FindSession(record.session);
  if (session == nullptr || record.end == 0) return;
  const std::uint64_t oldest = record.end - std::min(record.end, SeenWindow::kSize);
  for (const record::Run& run : record.runs) {
    for (std::uint64_t i = 0; i < std::min(run.count, SeenWindow::kSize); ++i) {
      const std::uint64_t seq = run.first + i;
      if (seq >= oldest && seq < record.end) session->seen.Mark(seq);
    }
  }
}

bool Recovery::Decode(const record::Tasks& record, TaskGroup& group) {
  wire::FrameHeader header;
  if (record.frame.size() < wire::kHeaderSize) return false;
  if (wire::ParseHeader(record.frame, std::numeric_limits<std::uint32_t>::max(), header) !=
          wire::HeaderError::kNone ||
      wire::WireSize(header) != record.frame.size()) {
    return false;
  }
  group.frame = Buffer::CopyOf(record.frame);  // aligned, as a frame has to be
  const wire::FrameView parts = wire::View(group.frame.view());
  const std::optional<wire::SubmitPreamble> ask = wire::ReadPreamble(parts);
  if (!ask.has_value() || (ask->flags & (wire::kChild | wire::kMixed)) != 0) return false;
  if (wire::DecodeSubmit(parts, kAnyLimits, group.view).reason != Reason::kNone) return false;
  group.session = record.session;
  group.ask = *ask;
  group.payload = parts.payload;
  group.deadline = shared_.FromWall(record.deadline_us);
  group.bytes_each = BytesEach(group.frame.size(), ask->count);
  return true;
}

// As when it was accepted, but for what its function was known to cost: in the line of new ones
// that are like it, which is the first where none goes by work.
SlackLine Recovery::LineNow(const Root& root) const {
  if (!by_work_) return 0;
  const Nanos remaining =
      root.deadline == kNever ? Nanos(0) : std::max(Nanos(1), root.deadline - now_);
  return LineOf(shared_.limits, root.cls, remaining, Nanos(0));
}

void Recovery::On(const record::Tasks& record) {
  Session* session = shared_.table.FindSession(record.session);
  TaskGroup group;
  if (session == nullptr || !Decode(record, group)) return;
  group.function = shared_.functions.At(shared_.functions.Find(record.function));
  const bool known = group.function != nullptr;
  if (!known) group.function = shared_.functions.At(1);  // stands in for one that is gone
  if (group.function == nullptr) return;
  const ShapeId shape_id = record.shape.empty() ? 0 : shape_of_(record.shape);
  const Shape* shape = shared_.shapes.At(shape_id);
  group.shape = shape == nullptr ? &group.function->shape : &shape->resources;
  const auto lineage = std::make_shared<const Lineage>(
      Lineage{.frame = group.frame, .deadline_us = record.deadline_us, .shape = shape_id});
  for (const record::Run& run : record.indexes) {
    for (std::uint64_t i = run.first; i < run.first + run.count && i < group.ask.count; ++i) {
      const TaskId id = IdOf(shared_, group, static_cast<std::uint32_t>(i));
      session->seen.Mark(id.seq);
      if (shared_.table.Find(id) != nullptr) continue;  // a snapshot says again what is known
      Enter(group, static_cast<std::uint32_t>(i), lineage, *session);
      if (known) continue;
      ++recovered_.lost_functions;
      Outcome outcome;
      outcome.fate = Fate::kFailed;
      outcome.reason = Reason::kUnknownFunction;
      outcome.failure = std::make_unique<Failure>(
          Failure{.message = Format("no library of this node has the function '{}' any more; see "
                                    "[library] in its config",
                                    record.function),
                  .root_cause = {}});
      End(pending_.find(id).value(), std::move(outcome));
      pending_.erase(id);
    }
  }
}

RootPtr Recovery::RootOf(const TaskGroup& group, const Task& task, const Session& session) {
  const bool joins = (group.ask.flags & wire::kJoin) != 0;
  TaskId id = group.ask.root == 0 ? task.id : TaskId{group.session, group.ask.root};
  if (group.ask.root != 0) {
    if (RootPtr open = shared_.table.FindRoot(id)) return open;
    const Record* record = shared_.table.Find(id);
    if (record != nullptr && record->open()) return record->root;
    if (joins) {
      if (RootPtr open = RootOfArguments(shared_.table, task, session.id)) return open;
      id = task.id;  // what it joined had ended, so that it was a root of its own
    }
  }
  RootPtr root = shared_.table.MakeRoot();
  root->id = id;
  root->session = session.id;
  root->tenant = session.tenant;
  root->cls = group.ask.cls;
  root->order = shared_.table.NextRootOrder();
  root->deadline = group.deadline;
  root->line = LineNow(*root);
  root->window = shared_.limits.root_window.load(std::memory_order_relaxed);
  if (group.ask.root != 0 &&
      !joins) {  // its opening is older than the log; nobody can add to it any more
    root->explicit_open = root->durable = root->closed = true;
    shared_.table.AddRoot(root);
  }
  return root;
}

void Recovery::Enter(const TaskGroup& group, std::uint32_t i,
                     const std::shared_ptr<const Lineage>& lineage, Session& session) {
  Reason reason = Reason::kNone;
  TaskPtr task = BuildTask(shared_, group, i, reason);
  task->root = RootOf(group, *task, session);
  task->cls = task->root->cls;
  task->deadline = std::min(task->deadline, task->root->deadline);
  Record& record = shared_.table.Accept(task->id, session, task->root, nullptr);
  task->record = &record;
  record.push = (group.ask.flags & wire::kPush) != 0;
  record.detached = (group.ask.flags & wire::kDetach) != 0;
  record.level = task->level;
  record.cls = task->cls;
  record.function = task->function->id;
  record.returns = task->returns;
  record.lineage = lineage;
  record.lineage_index = i;
  if (!task->args.empty()) PinArguments(shared_.table, *task);
  task->accepted = task->arrived = record.accepted = now_;
  shared_.in_flight.Force(1, task->bytes);  // it had its place before
  order_.push_back(task->id);
  const TaskId id = task->id;
  pending_.insert({id, Pending{std::move(task)}});
}

void Recovery::On(const record::Object& record) {
  Session* session = shared_.table.FindSession(record.id.session);
  if (session == nullptr) return;
  session->seen.Mark(record.id.seq);
  if (shared_.table.Find(record.id) != nullptr) return;
  Record& object = shared_.table.AddObject(record.id, *session, Value(record.value), now_);
  object.level = record.level;
  object.detached = record.detached;
}

void Recovery::On(const record::RootOpened& record) {
  Session* session = shared_.table.FindSession(record.id.session);
  if (session == nullptr) return;
  session->seen.Mark(record.id.seq);
  if (shared_.table.FindRoot(record.id)) return;
  RootPtr root = shared_.table.MakeRoot();
  root->id = record.id;
  root->session = session->id;
  root->tenant = session->tenant;
  root->cls = record.cls;
  root->order = shared_.table.NextRootOrder();
  root->deadline = shared_.FromWall(record.deadline_us);
  root->line = LineNow(*root);
  root->window = shared_.limits.root_window.load(std::memory_order_relaxed);
  root->explicit_open = root->durable = true;
  shared_.table.AddRoot(root);
}

void Recovery::On(const record::RootClosed& record) {
  if (const RootPtr root = shared_.table.FindRoot(record.id); root && !root->closed) {
    shared_.table.CloseRoot(*root);
  }
}

void Recovery::On(const record::Started& record) {
  const auto found = pending_.find(record.id);
  if (found != pending_.end()) found.value().started = true;
}

void Recovery::On(const record::NotStarted& record) {
  const auto found = pending_.find(record.id);
  if (found != pending_.end()) found.value().started = false;
}

void Recovery::On(const record::Ended& record) {
  const auto found = pending_.find(record.id);
  if (found != pending_.end()) {
    End(found.value(), OutcomeOf(record));
    pending_.erase(found);
    return;
  }
  if (!record.kept || shared_.table.Find(record.id) != nullptr) return;
  Session* session = shared_.table.FindSession(record.id.session);
  if (session == nullptr) return;
  Record& kept = shared_.table.AddObject(record.id, *session, Value(), now_);
  shared_.table.Replace(kept, OutcomeOf(record));
  kept.level = record.level;
  kept.push = record.push;
  kept.detached = record.detached;
  kept.returns = record.returns;
}

void Recovery::End(Pending& pending, Outcome&& outcome) {
  Task& task = *pending.task;
  Record& record = *task.record;
  if (!task.args.empty()) UnpinArguments(shared_.table, task);
  shared_.table.Settle(record, std::move(outcome), now_);
  record.lineage = nullptr;
  shared_.in_flight.Release(1, task.bytes);
  shared_.table.Sweep(record);
}

void Recovery::On(const record::Released& record) {
  for (std::uint64_t i = 0; i < std::min(record.count, SeenWindow::kSize); ++i) {
    Record* each = shared_.table.Find({record.first.session, record.first.seq + i});
    if (each != nullptr && shared_.table.Release(*each)) shared_.table.Sweep(*each);
  }
}

std::uint8_t Recovery::DeathsOf(TaskId id) const {
  if (deaths_ == nullptr) return 0;
  const auto found = deaths_->find(id);
  return found == deaths_->end() ? std::uint8_t{0} : found->second;
}

Recovery::Recovered Recovery::Finish() {
  MutexLock lock(shared_.table.mutex());
  for (const TaskId id : order_) {
    const auto found = pending_.find(id);
    if (found == pending_.end()) continue;  // it ended
    Pending& pending = found.value();
    if (pending.started && pending.task->max_retries == 0) {
      ++recovered_.not_again;
      Outcome outcome;
      outcome.fate = Fate::kFailed;
      outcome.reason = Reason::kWorkerDied;
      outcome.failure = std::make_unique<Failure>(
          Failure{.message = "the node stopped while it ran, and it may run once at most",
                  .root_cause = {}});
      End(pending, std::move(outcome));
    } else {
      const std::uint8_t deaths = DeathsOf(id);
      if (deaths > 0) ++recovered_.suspects;
      pending.task->deaths = deaths;
      recovered_.tasks.push_back({std::move(pending.task)});
    }
    pending_.erase(found);
  }
  recovered_.sessions = shared_.table.sessions().size();
  recovered_.results = shared_.table.records() - recovered_.tasks.size();
  return std::move(recovered_);
}

}  // namespace spillgate
