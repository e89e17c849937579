// Worker, second half: what it says. It runs code that is not ours, so nothing is believed: frames
// that are not what a worker may say at that moment are its end.
#include <algorithm>
#include <utility>

#include "core/base/format.h"
#include "schema/submit.h"
#include "schema/text.h"
#include "server/exec/run_context.h"
#include "server/exec/worker.h"

namespace spillgate {
namespace {

// A worker's clock and ours are one, but the time that it was given is rounded.
constexpr Nanos kDeadlineSlack = std::chrono::milliseconds(1);

}  // namespace

void Worker::OnFrame(ByteView bytes) {
  const wire::FrameView frame = wire::View(bytes);
  using enum wire::FrameType;
  if (state_ == State::kStarting) return OnHello(frame);
  switch (frame.header.type) {
    case kRegistered: return OnRegistered(frame);
    case kDone: return OnDone(frame);
    case kBlocked: return OnBlocked(frame);
    case kResumed: return OnResumed(frame);
    case kRegister: return OnRegister(frame);
    case kSubmit:
    case kGet:
    case kWait:
    case kCancel:
    case kRelease: return OnQuestion(frame, bytes);
    case kPing: wire::Encode(wire::Pong(), frame.header.correlation, socket_.out()); return Flush();
    case kPut:
    case kShape:
    case kOpenRoot:
    case kCloseRoot:
    case kStatus:
    case kStats:
      return AnswerError(frame.header.correlation, Reason::kUnsupported,
                         Format("a running task cannot say {}", wire::ToString(frame.header.type)));
    default:
      return Kill(Format("said {}, which workers do not", wire::ToString(frame.header.type)));
  }
}

void Worker::OnHello(const wire::FrameView& frame) {
  if (frame.header.type != wire::FrameType::kWorkerHello) {
    return Kill(Format("said {} in the place of hello", wire::ToString(frame.header.type)));
  }
  const auto hello = wire::DecodeWorkerHello(frame);
  if (!hello || hello->token != token_) return Kill("said hello without the token it was given");
  if (hello->version_min > wire::kProtocolVersion || hello->version_max < wire::kOldestVersion) {
    return Kill(Format(
        "speaks versions {} to {} of the protocol, this node {} to {}; both have to "
        "come from one build",
        hello->version_min, hello->version_max, wire::kOldestVersion, wire::kProtocolVersion));
  }
  state_ = State::kServing;
  said_hello_ = true;
  limit_ = kNever;
  idle_since_ = around_.clock.Now();
  owner_.OnReady(*this);
}

void Worker::OnRegistered(const wire::FrameView& frame) {
  const auto registered = wire::DecodeRegistered(frame);
  if (!registered || loads_ == 0 || !loaded_.contains(registered->function)) {
    return Kill("answered a question that it was not asked");
  }
  // One that could not be loaded fails its tasks, which say why.
  if (--loads_ == 0 && state_ == State::kServing) limit_ = kNever;
}

void Worker::OnDone(const wire::FrameView& frame) {
  const auto done = wire::DecodeDone(frame);
  if (!done) return Kill(Format("ended a task with a malformed frame ({})", done.error().what));
  if (stack_.empty() || stack_.back().id != done->task || stack_.back().wait != 0) {
    return Kill(Format("ended {}, which it does not run", ToString(done->task)));
  }
  const Instant now = around_.clock.Now();
  WorkerRun& innermost = stack_.back();
  if (!TakeOutcome(frame, *done, innermost, now)) {
    return Kill(Format("ended {} with {} values, it was to return {}", ToString(done->task),
                       done->values.size(), std::max<std::uint8_t>(1, innermost.task->returns)));
  }
  WorkerRun run = std::move(innermost);
  stack_.pop_back();
  idle_since_ = now;
  if (run.recorded) around_.ancestry.End(run.id);
  owner_.OnEnded(*this, {.task = std::move(run.task),
                         .end = RunEnd::kEnded,
                         .wall = now - run.begin - run.blocked,
                         .detail = {},
                         .blocked = run.blocked});
}

// False if it has not as many values as it should.
bool Worker::TakeOutcome(const wire::FrameView& frame, const wire::Done& done, WorkerRun& run,
                         Instant now) const {
  Outcome& outcome = run.task->outcome;
  if (done.fate == Fate::kDone) {
    if (done.values.size() != std::max<std::size_t>(1, run.task->returns)) return false;
    outcome.fate = Fate::kDone;
    outcome.value = Value(wire::BytesOf(frame, done.values.front()));
    if (done.values.size() > 1) outcome.further = std::make_unique<std::vector<Value>>();
    for (const wire::Slice slice : done.values.subspan(1)) {
      outcome.further->emplace_back(wire::BytesOf(frame, slice));
    }
    return true;
  }
  const bool late = done.reason == Reason::kDeadline && run.deadline != kNever &&
                    now + kDeadlineSlack >= run.deadline;
  const Reason stop = run.stop == Reason::kNone && late ? Reason::kDeadline : run.stop;
  if (done.fate == Fate::kFailed && done.reason != Reason::kDeadline) {
    // Other reasons are the node's to give.
    const bool own = done.reason == Reason::kTooLarge;
    EndFailed(outcome, own ? Reason::kTooLarge : Reason::kTaskError, done.message);
  } else if (stop != Reason::kNone) {
    EndStopped(outcome, stop, "while it ran");
  } else {
    EndFailed(outcome, Reason::kTaskError, "it stopped, and nobody had asked it to");
  }
  return true;
}

void Worker::OnBlocked(const wire::FrameView& frame) {
  const auto blocked = wire::DecodeBlocked(frame);
  const std::uint32_t wait = frame.header.correlation;
  if (!blocked || wait == 0 || stack_.empty()) return Kill("blocked without a task");
  // It may ask for another one to run in its place while one is on its way.
  const bool below = stack_.back().id != blocked->task;
  if (below && (stack_.size() < 2 || stack_[stack_.size() - 2].id != blocked->task)) {
    return Kill(Format("blocked {}, which it does not run", ToString(blocked->task)));
  }
  WorkerRun& run = below ? stack_[stack_.size() - 2] : stack_.back();
  const bool newly = run.wait == 0;
  if (newly ? below : run.wait != wait) {
    return Kill(Format("blocked {} twice", ToString(blocked->task)));
  }
  run.wait = wait;
  if (newly) run.blocked_since = around_.clock.Now();
  const bool has_depth = stack_.size() < around_.options.nested_stack;
  const TaskId awaited = has_depth ? blocked->awaited : TaskId();
  if (newly || !awaited.is_none()) {
    around_.ports.notice({.kind = RunNotice::Kind::kBlocked, .task = run.id, .awaited = awaited});
  }
  if (newly) owner_.OnBlocked(*this);
}

void Worker::OnResumed(const wire::FrameView& frame) {
  const auto resumed = wire::DecodeResumed(frame);
  if (!resumed || stack_.empty()) return Kill("resumed without a task");
  const bool below = stack_.back().id != resumed->task;
  const std::size_t at = stack_.size() - (below ? 2 : 1);
  if (at >= stack_.size() || stack_[at].id != resumed->task || stack_[at].wait == 0 ||
      (below && stack_.back().wait != 0)) {
    return Kill(Format("resumed {}, which is not blocked", ToString(resumed->task)));
  }
  // It has one thread: what was to run in the place of this task has not begun, and by the rules of
  // the protocol will not.
  WorkerRun unbegun;
  if (below) {
    unbegun = std::move(stack_.back());
    stack_.pop_back();
  }
  WorkerRun& run = stack_.back();
  run.wait = 0;
  run.gave_up = false;
  run.blocked += around_.clock.Now() - run.blocked_since;
  around_.ports.notice({.kind = RunNotice::Kind::kResumed, .task = run.id, .awaited = {}});
  owner_.OnResumed(*this, std::move(unbegun.task), unbegun.stop);
}

void Worker::OnRegister(const wire::FrameView& frame) {
  const auto request = wire::DecodeRegister(frame);
  if (!request) return Kill("asked for a function that has no name");
  wire::Registered answer{.function = around_.ports.find_function(request->name)};
  if (answer.function == 0) {
    answer.reason = Reason::kUnknownFunction;
    answer.detail = Format("this node has no function \"{}\"", request->name);
  }
  wire::Encode(answer, frame.header.correlation, socket_.out());
  Flush();
}

void Worker::OnQuestion(const wire::FrameView& frame, ByteView bytes) {
  if (stack_.empty()) {
    return Kill(Format("said {} without a task", wire::ToString(frame.header.type)));
  }
  WorkerRun& run = stack_.back();
  const bool waits =
      frame.header.type == wire::FrameType::kGet || frame.header.type == wire::FrameType::kWait;
  if (frame.header.type == wire::FrameType::kSubmit) {
    const auto child = wire::ReadChild(frame);
    if (!child.has_value() || child->parent != run.id) {
      return Kill(Format("submitted what is no child of {}, which it runs", ToString(run.id)));
    }
    run.asked = 0;
    if (!std::exchange(run.recorded, true)) around_.ancestry.Add(run.id, run.parent);
  } else if (waits) {
    run.asked = frame.header.correlation;
    const TaskId ancestor = AncestorIn(frame, run);
    if (!ancestor.is_none()) {
      return AnswerError(frame.header.correlation, Reason::kOwnAncestor,
                         WhyOwnAncestor(run.id, ancestor));
    }
  }
  around_.ports.ask(connection_, run.session, Buffer::CopyOf(bytes));
}

// One of the tasks that it waits for, if that cannot end before it does.
TaskId Worker::AncestorIn(const wire::FrameView& frame, const WorkerRun& run) const {
  const std::vector<TaskId> above = around_.ancestry.RunningAbove(run.parent);
  if (above.empty()) return {};
  const auto find = [&above](std::span<const wire::ObjectName> names) {
    for (const wire::ObjectName& name : names) {
      if (std::find(above.begin(), above.end(), name.task) != above.end()) return name.task;
    }
    return TaskId();
  };
  // A malformed one goes on to where all are refused.
  if (frame.header.type == wire::FrameType::kGet) {
    const auto get = wire::DecodeGet(frame);
    return get ? find(get->ids) : TaskId();
  }
  const auto wait = wire::DecodeWait(frame);
  return wait ? find(wait->ids) : TaskId();
}

void Worker::AnswerError(std::uint32_t correlation, Reason reason, std::string message) {
  wire::Encode(wire::Error{.reason = reason, .message = std::move(message)}, correlation,
               socket_.out());
  Flush();
}

}  // namespace spillgate
