#include "tests/stages/bench.h"

#include "core/base/format.h"

namespace spillgate::testing {
namespace {

const char* InWords(const wire::Verdict& verdict) {
  switch (verdict.status) {
    case wire::VerdictStatus::kAccepted: return "accepted";
    case wire::VerdictStatus::kUnknown: return "unknown";
    case wire::VerdictStatus::kSettled: return "settled";
    case wire::VerdictStatus::kAcceptedEarlier: return "earlier";
    case wire::VerdictStatus::kRejected: return ToString(verdict.reason).data();
  }
  return "?";
}

}  // namespace

void Answered::Send(ConnectionId to, ByteView frames, std::uint32_t) {
  ++sends;
  while (!frames.empty()) {
    wire::FrameHeader header;
    ASSERT_EQ(wire::ParseHeader(frames, wire::kMostPayload, header), wire::HeaderError::kNone);
    const Buffer copy = Buffer::CopyOf(frames.first(wire::WireSize(header)));
    const wire::FrameView frame = wire::View(copy.view());
    frames = frames.subspan(copy.size());
    Other other{.to = to, .correlation = header.correlation};
    if (const auto read = wire::ReadVerdicts(frame); header.type == wire::FrameType::kVerdicts) {
      ASSERT_TRUE(read.has_value());
      verdicts.insert(verdicts.end(), read->begin(), read->end());
    } else if (header.type == wire::FrameType::kResults) {
      const auto heads = wire::ReadResults(frame);
      ASSERT_TRUE(heads.has_value());
      for (const wire::ResultHead& head : *heads) {
        results.push_back({to, head, std::string(AsText(wire::BytesOf(frame, head)))});
      }
    } else if (header.type == wire::FrameType::kWaitDone) {
      const auto done = wire::DecodeWaitDone(frame);
      ASSERT_TRUE(done.has_value());
      other.ready = done->ready;
      other.timed_out = done->timed_out;
      waits.push_back(other);
    } else if (header.type == wire::FrameType::kCancelled) {
      const auto done = wire::DecodeCancelled(frame);
      ASSERT_TRUE(done.has_value());
      other.count = done->count;
      other.already_done = done->already_done;
      cancels.push_back(other);
    } else if (header.type == wire::FrameType::kStatuses) {
      const auto done = wire::DecodeStatuses(frame);
      ASSERT_TRUE(done.has_value());
      statuses.insert(statuses.end(), done->tasks.begin(), done->tasks.end());
    } else {
      const auto error = wire::DecodeError(frame);
      ASSERT_TRUE(error.has_value()) << wire::ToString(header.type);
      other.reason = error->reason;
      other.message = error->message;
      errors.push_back(other);
    }
  }
}

std::string Answered::Verdicts() const {
  std::string text;
  for (const wire::Verdict& verdict : verdicts) {
    text += Format("{}{} {}", text.empty() ? "" : ", ", InWords(verdict), verdict.count);
  }
  return text;
}

void Answered::Clear() {
  verdicts.clear();
  results.clear();
  errors.clear();
  waits.clear();
  cancels.clear();
  statuses.clear();
  sends = 0;
}

Bench::Bench()
    : shared{.table = table,
             .tasks = tasks,
             .functions = functions,
             .shapes = shapes,
             .tenants = tenants,
             .tally = tally,
             .gauges = gauges,
             .requests = requests,
             .in_flight = in_flight,
             .spawn_reserve = spawn_reserve,
             .limits = limits,
             .costs = costs,
             .root_spans = root_spans,
             .account = account,
             .replies = answered,
             .journal = &journal,
             .signals = signals,
             .wall_offset_us = 0} {
  MutexLock lock(table.mutex());
  Session& session = table.NewSession(kSession);
  session.connection = kClient;
  session.tenant = tenants.Find("tenant");
}

FunctionId Bench::AddFunction(const std::string& name, std::int64_t cpu, std::uint32_t slots,
                              Host host) {
  Function function{.name = name, .host = host, .slot_limit = slots};
  function.shape.amount[kCpu] = cpu;
  return functions.Add(name, [&](std::uint32_t id) { return function.id = id, function; });
}

TaskPtr Bench::Accept(TaskId id, FunctionId function, const std::vector<ObjectId>& args,
                      Record* parent) {
  TaskPtr task(tasks.Make());
  task->home = &tasks;
  task->id = id;
  task->function = functions.At(function);
  task->shape = &task->function->shape;
  task->max_retries = task->function->max_retries.value_or(limits.max_retries);
  std::vector<ArgRef>& refs = args_.emplace_back();
  for (const ObjectId& arg : args) {
    refs.push_back({arg.task.session, arg.task.seq, arg.index, ArgRef::kObject, 0, 0});
  }
  task->args = refs;
  MutexLock lock(table.mutex());
  Session& owner = *table.FindSession(kSession);
  task->root = parent != nullptr ? parent->root : table.MakeRoot();
  if (parent == nullptr) {
    task->root->session = kSession;
    task->root->window = 100;
    task->root->order = table.NextRootOrder();
  } else {
    task->parent = parent->id;
  }
  task->record = &table.Accept(id, owner, task->root, parent);
  if (!id.is_child()) owner.seen.Mark(id.seq);
  return task;
}

void Bench::Settle(TaskPtr task, Outcome outcome) {
  MutexLock lock(table.mutex());
  table.Settle(*task->record, std::move(outcome), now());
}

Outcome Bench::Done(std::string_view value) {
  Outcome outcome;
  outcome.fate = Fate::kDone;
  outcome.value = Value(AsBytes(value));
  return outcome;
}

Outcome Bench::Failed(Reason reason, TaskId cause) {
  Outcome outcome;
  outcome.fate = Fate::kFailed;
  outcome.reason = reason;
  outcome.failure = std::make_unique<Failure>(Failure{.message = "it failed", .root_cause = cause});
  return outcome;
}

void Bench::MarkCancelled(TaskId id) {
  MutexLock lock(table.mutex());
  table.Find(id)->cancelled.store(true);
}

Session& Bench::session() {
  MutexLock lock(table.mutex());
  return *table.FindSession(kSession);
}

Record* Bench::Find(TaskId id) {
  MutexLock lock(table.mutex());
  return table.Find(id);
}

}  // namespace spillgate::testing
