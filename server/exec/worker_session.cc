#include "server/exec/worker_session.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/base/format.h"
#include "schema/messages.h"
#include "server/exec/memory_limit.h"
#include "server/exec/run_context.h"

namespace spillgate {
namespace {

constexpr Nanos kLookEvery = std::chrono::milliseconds(1);
// Correlation numbers of this class's own questions; the client's count from 1.
constexpr std::uint32_t kRegisterCorrelation = 0xFFFFFFFF;
constexpr std::uint32_t kLastWait = 0xFFFFFFFF;

}  // namespace

WorkerSession::WorkerSession(int socket, const sg_library& builtins, const Clock& clock,
                             Options options)
    : socket_fd_(socket),
      clock_(clock),
      options_(options),
      socket_(socket),
      client_(*this, clock, options.patience, {}) {
  libraries_.emplace("", FromTable(builtins, ""));
}

WorkerSession::~WorkerSession() = default;

void WorkerSession::Serve() {
  for (;;) {
    while (HasRun()) RunNext();
    if (stop_) return;
    if (!OnFrames() && !HasRun() && !stop_) {
      WaitForSocket(kNever);
      ReadOrLeave();
    }
  }
}

// Whether there was any.
bool WorkerSession::OnFrames() {
  bool any = false;
  for (ByteView frame = socket_.Front(); !frame.empty(); frame = socket_.Front()) {
    OnFrame(frame);
    socket_.Pop();
    any = true;
  }
  if (socket_.broken()) _exit(1);  // a node does not say such things
  return any;
}

// Without the node there is nobody to work for.
void WorkerSession::ReadOrLeave() {
  if (socket_.Read() == FrameSocket::State::kClosed) _exit(0);
}

void WorkerSession::WaitForSocket(Instant until) {
  const Instant begin = clock_.Now();
  if (options_.poll > Nanos(0)) {
    const Instant end = std::min(until, After(begin, options_.poll));
    pollfd watched{.fd = socket_fd_, .events = POLLIN, .revents = 0};
    while (clock_.Now() < end) {
      if (poll(&watched, 1, 0) != 0) return;
      sched_yield();
    }
  }
  pollfd watched{.fd = socket_fd_, .events = POLLIN, .revents = 0};
  const Nanos left = until == kNever ? Nanos(0) : std::max(Nanos(0), until - clock_.Now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
  const timespec timeout{.tv_sec = static_cast<time_t>(seconds.count()),
                         .tv_nsec = static_cast<long>((left - seconds).count())};
  ppoll(&watched, 1, until == kNever ? nullptr : &timeout, nullptr);
}

void WorkerSession::OnFrame(ByteView bytes) {
  const wire::FrameView frame = wire::View(bytes);
  switch (frame.header.type) {
    case wire::FrameType::kGreeting:
      if (const auto greeting = wire::DecodeGreeting(frame)) {
        wire::Encode(wire::WorkerHello{.token = greeting->nonce,
                                       .pid = static_cast<std::uint32_t>(getpid())},
                     0, socket_.out());
        Flush();
      }
      return;
    case wire::FrameType::kLoad: return OnLoad(frame);
    case wire::FrameType::kRun: runs_.push_back(Buffer::CopyOf(bytes)); return;
    case wire::FrameType::kInterrupt: return OnInterrupt(frame);
    case wire::FrameType::kStop: stop_ = true; return;
    case wire::FrameType::kRegistered:
      if (const auto registered = wire::DecodeRegistered(frame)) {
        if (frame.header.correlation == asked_for_) registered_ = registered->function;
      }
      return;
    default: (void)client_.Deliver(bytes); return;
  }
}

void WorkerSession::OnLoad(const wire::FrameView& frame) {
  const auto load = wire::DecodeLoad(frame);
  if (!load) return;
  const Loaded& loaded = functions_[load->function] = Find(*load);
  wire::Registered answer{.function = load->function,
                          .host = static_cast<std::uint8_t>(Host::kWorker)};
  if (loaded.function == nullptr) {
    answer.reason = Reason::kUnknownFunction;
    answer.detail = loaded.problem;
  }
  wire::Encode(answer, frame.header.correlation, socket_.out());
  Flush();
}

WorkerSession::Loaded WorkerSession::Find(const wire::Load& load) {
  auto library = libraries_.find(load.library);
  if (library == libraries_.end()) {
    library = libraries_.emplace(load.library, LoadLibrary(load.library)).first;
  }
  if (!library->second.ok()) return {.problem = library->second.error().message};
  for (const auto& entry : library->second.value().entries) {
    if (entry->name == load.name) return {.function = entry->native, .problem = {}};
  }
  return {.problem = Format("{} has no function \"{}\" any more", load.library, load.name)};
}

// Whether there is one that may begin now. A run for a wait that is over is void: the node knows
// that too, and has it run elsewhere.
bool WorkerSession::HasRun() {
  const std::uint32_t wait = active_.empty() ? 0 : active_.back()->wait;
  if (!active_.empty() && wait == 0) return false;
  while (!runs_.empty() && wire::View(runs_.front().view()).header.correlation != wait) {
    runs_.pop_front();
  }
  if (runs_.empty()) unbegun_stops_.clear();
  return !runs_.empty();
}

void WorkerSession::OnInterrupt(const wire::FrameView& frame) {
  const auto interrupt = wire::DecodeInterrupt(frame);
  if (!interrupt) return;
  for (Active* active : active_) {
    if (active->task == interrupt->task) return active->stop.Raise(Reason::kCancelled);
  }
  if (!runs_.empty()) unbegun_stops_.push_back(interrupt->task);
}

void WorkerSession::RunNext() {
  const Buffer bytes = std::move(runs_.front());
  runs_.pop_front();
  const wire::FrameView frame = wire::View(bytes.view());
  const auto run = wire::DecodeRun(frame);
  if (!run) _exit(1);  // a node does not say such things
  Active active{.task = run->task};
  const Instant now = clock_.Now();
  const bool timed = run->remaining_us > 0;
  RunState state{
      .task = run->task,
      .parent = run->parent,
      .deadline = timed ? After(now, std::chrono::microseconds(run->remaining_us)) : kNever,
      .stop = &active.stop,
      .attempt = run->attempt,
      .depth = run->depth,
      .returns = run->returns};
  if (std::erase(unbegun_stops_, run->task) > 0) active.stop.Raise(Reason::kCancelled);
  Outcome outcome;
  const auto found = functions_.find(run->function);
  if (active.stop.why() != Reason::kNone) {
    EndStopped(outcome, active.stop.why(), "before it ran");
  } else if (found == functions_.end() || found->second.function == nullptr) {
    EndFailed(outcome, Reason::kTaskError,
              found == functions_.end() ? "its function was not loaded" : found->second.problem);
  } else {
    const std::optional<MemoryLimit> limit =
        active_.empty() ? std::optional<MemoryLimit>(run->memory_limit) : std::nullopt;
    active_.push_back(&active);
    const Arguments arguments(frame.payload, run->args);
    RunContext context(state, arguments, outcome, clock_, &client_);
    context.Call(*found->second.function);
    active_.pop_back();
  }
  SendDone(*run, std::move(outcome));
}

void WorkerSession::SendDone(const wire::Run& run, Outcome&& outcome) {
  std::vector<ByteView> values;
  std::size_t bytes = 0;
  if (outcome.fate == Fate::kDone) {
    values.push_back(outcome.value.view());
    if (outcome.further != nullptr) {
      for (const Value& value : *outcome.further) values.push_back(value.view());
    }
    for (const ByteView value : values) bytes += value.size();
  }
  if (bytes > wire::kMostPayload) {
    EndFailed(outcome, Reason::kTooLarge,
              Format("its values have {} bytes, the most is {}", bytes, wire::kMostPayload));
    values.clear();
  }
  wire::Done done{.task = run.task, .fate = outcome.fate, .reason = outcome.reason};
  if (done.fate == Fate::kExpired) done.fate = Fate::kFailed;  // the reason tells
  if (outcome.failure != nullptr) done.message = outcome.failure->message;
  wire::Encode(done, values, 0, socket_.out());
  Flush();
}

// All that is to be sent. What the node says is read meanwhile: a node that has much to say does
// not read before some of it has been taken.
void WorkerSession::Flush() {
  while (socket_.Write() != FrameSocket::State::kOpen) {
    pollfd watched{.fd = socket_fd_, .events = POLLIN | POLLOUT, .revents = 0};
    poll(&watched, 1, -1);
    if ((watched.revents & (POLLERR | POLLHUP)) != 0) _exit(0);
    if ((watched.revents & POLLIN) != 0) ReadOrLeave();
  }
}

void WorkerSession::Send(RunState& /*run*/, Buffer frame) {
  socket_.out().Append(frame.view());
  Flush();
}

Pumped WorkerSession::Pump(Instant until) {
  if (OnFrames()) return Pumped::kWoken;
  if (HasRun()) {
    RunNext();
    return Pumped::kRanNested;
  }
  if (clock_.Now() >= until) return Pumped::kTime;
  WaitForSocket(until);
  ReadOrLeave();
  (void)OnFrames();
  return Pumped::kWoken;
}

void WorkerSession::Look() {
  const Instant now = clock_.Now();
  if (now - last_look_ < kLookEvery) return;
  last_look_ = now;
  ReadOrLeave();
  (void)OnFrames();
}

void WorkerSession::Block(RunState& run, TaskId awaited,
                          bool /*for_room: the node has seen what was asked last*/) {
  std::uint32_t& wait = active_.back()->wait;
  if (wait != 0 && awaited.is_none()) return;
  if (wait == 0) wait = waits_ = waits_ == kLastWait ? 1 : waits_ + 1;
  wire::Encode(wire::Blocked{.task = run.task, .awaited = awaited}, wait, socket_.out());
  Flush();
}

void WorkerSession::Resume(RunState& run) {
  active_.back()->wait = 0;
  wire::Encode(wire::Resumed{.task = run.task}, 0, socket_.out());
  Flush();
}

FunctionId WorkerSession::FindFunction(RunState& run, std::string_view name) {
  if (name.size() > wire::kMostName) return 0;
  asked_for_ = kRegisterCorrelation;
  registered_.reset();
  wire::Encode(wire::Register{.name = std::string(name)}, asked_for_, socket_.out());
  Flush();
  while (!registered_.has_value()) {
    if (run.Stopping(clock_.Now()) != Reason::kNone) return 0;
    (void)Pump(run.deadline);
  }
  return *registered_;
}

}  // namespace spillgate
