#include "server/exec/worker.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "core/base/format.h"
#include "server/exec/function_library.h"
#include "server/exec/run_context.h"

namespace spillgate {
namespace {

constexpr std::size_t kOutputARead = 64 << 10;
constexpr int kOutputReadsAtEnd = 8;   // more than a pipe holds
constexpr int kFrameReadsAtEnd = 512;  // of 64 KiB: more than one frame of the largest size
constexpr std::size_t kTailShown = 2048;

// Tells this worker's process from whatever else might be at the other end; it inherits the socket,
// so there is nothing to guess.
wire::Token TokenOf(std::uint64_t number, pid_t pid) {
  const std::array<std::uint64_t, 2> words{Mix(number), Mix(static_cast<std::uint64_t>(pid))};
  wire::Token token;
  static_assert(sizeof(words) == sizeof(token));
  std::memcpy(token.data(), words.data(), sizeof(token));
  return token;
}

std::string InMillis(Nanos time) {
  return Format("{} ms", std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

}  // namespace

Worker::Worker(WorkerSurroundings& around, Owner& owner, std::uint64_t number,
               std::unique_ptr<WorkerProcess> process)
    : around_(around),
      owner_(owner),
      connection_(kWorkerConnection | number),
      token_(TokenOf(number, process->pid())),
      process_(std::move(process)),
      socket_(process_->socket()),
      tail_(around.options.stderr_tail) {}

Worker::~Worker() {
  StopWatching(socket_watch_);
  StopWatching(output_watch_);
  StopWatching(end_watch_);
}

bool Worker::Open(Instant now) {
  socket_states_ = Reactor::kReadable;
  socket_watch_ = around_.reactor.Watch(process_->socket(), socket_states_,
                                        [this](unsigned states) { OnSocket(states); });
  output_watch_ = around_.reactor.Watch(process_->output(), Reactor::kReadable,
                                        [this](unsigned) { OnOutput(); });
  end_watch_ = around_.reactor.Watch(process_->ended(), Reactor::kReadable,
                                     [this](unsigned) { OnProcessEnd(); });
  if (socket_watch_ == 0 || output_watch_ == 0 || end_watch_ == 0) return false;
  GiveUntil(After(now, around_.options.hello_within),
            Format("did not say hello within {}", InMillis(around_.options.hello_within)));
  wire::Encode(wire::Greeting{.nonce = token_}, 0, socket_.out());
  Flush();
  return true;
}

void Worker::StopWatching(Reactor::WatchId& watch) {
  if (watch != 0) around_.reactor.Unwatch(std::exchange(watch, 0));
}

bool Worker::TakesNested() const {
  return state_ == State::kServing && !stack_.empty() && stack_.back().wait != 0 &&
         !stack_.back().gave_up && stack_.size() < around_.options.nested_stack;
}

void Worker::Begin(TaskPtr task, Instant now) {
  if (stack_.empty()) {
    ReadOutput();  // of the run before, as far as it has come: not this one's last words
    tail_.Clear();
  }
  const Function& function = *task->function;
  if (!loaded_.contains(function.id)) {
    const FunctionEntry& entry = EntryOf(function);
    wire::Encode(wire::Load{.function = function.id, .name = entry.name, .library = entry.library},
                 0, socket_.out());
    loaded_.insert(function.id);
    ++loads_;
    GiveUntil(After(now, around_.options.load_within),
              Format("took longer than {} to load {}", InMillis(around_.options.load_within),
                     entry.library.empty() ? "the built-in library" : entry.library));
  }
  const Arguments arguments(*task);
  std::vector<ByteView> bytes(arguments.count());
  for (std::uint32_t i = 0; i < arguments.count(); ++i) bytes[i] = arguments.At(i);
  wire::Run run{.task = task->id,
                .parent = task->parent,
                .function = function.id,
                .attempt = task->attempt,
                .depth = task->depth,
                .returns = task->returns};
  if (task->deadline != kNever) {
    // 0 is "none" on the wire, and a worker's clock runs from when it reads this.
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(task->deadline - now).count();
    run.remaining_us = static_cast<std::uint64_t>(std::max<std::int64_t>(1, left));
    owner_.OnTimer(task->deadline);
  }
  run.memory_limit =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, task->shape->amount[kMemory]));
  wire::Encode(run, bytes, stack_.empty() ? 0 : stack_.back().wait, socket_.out());
  WorkerRun entry{.task = nullptr,
                  .id = task->id,
                  .parent = task->parent,
                  .session = task->root ? task->root->session : 0,
                  .begin = now,
                  .deadline = task->deadline};
  entry.task = std::move(task);
  stack_.push_back(std::move(entry));
  Flush();
}

void Worker::Interrupt(TaskId id, Reason why, Instant now) {
  const auto found = std::find_if(stack_.begin(), stack_.end(),
                                  [id](const WorkerRun& run) { return run.id == id; });
  if (found == stack_.end() || found->stop != Reason::kNone) return;
  const Nanos grace = around_.options.kill_grace;
  found->stop = why;
  found->signal_at = After(now, grace / 2);
  found->kill_at = After(now, grace);
  owner_.OnTimer(found->signal_at);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(grace).count();
  wire::Encode(wire::Interrupt{.task = id, .grace_us = static_cast<std::uint64_t>(micros)}, 0,
               socket_.out());
  Flush();
}

void Worker::FailWait(const std::string& why) {
  if (stack_.empty() || stack_.back().wait == 0 || stack_.back().asked == 0) return;
  stack_.back().gave_up = true;
  AnswerError(stack_.back().asked, Reason::kNestedLimit, why);
}

void Worker::Deliver(ByteView frames) {
  if (state_ == State::kDead || socket_watch_ == 0) return;
  if (socket_.out().size() + frames.size() > around_.options.egress_most) return Overflow();
  socket_.out().Append(frames);
  Flush();
}

// What a task asked for does not fit into what may be on its way to a worker. It would ask for the
// same again, so it is not run again.
void Worker::Overflow() {
  state_ = State::kLeaving;
  if (!stack_.empty()) {
    WorkerRun run = std::move(stack_.back());
    stack_.pop_back();
    if (run.recorded) around_.ancestry.End(run.id);
    EndFailed(run.task->outcome, Reason::kTooLarge,
              Format("it asked for more than {} bytes at once; get fewer values at a time",
                     around_.options.egress_most));
    owner_.OnEnded(*this, {.task = std::move(run.task),
                           .end = RunEnd::kEnded,
                           .wall = around_.clock.Now() - run.begin,
                           .detail = {}});
  }
  Die("was sent more than it took");
}

void Worker::Leave(Instant now) {
  if (state_ != State::kServing) return;
  state_ = State::kLeaving;
  asked_to_leave_ = true;
  GiveUntil(After(now, around_.options.kill_grace), "did not end when it was asked to");
  wire::Encode(wire::Stop{}, 0, socket_.out());
  Flush();
}

void Worker::Kill(const std::string& why) {
  Die(Format("{}, and was killed", why));
}

void Worker::GiveUntil(Instant limit, std::string otherwise) {
  limit_ = limit;
  otherwise_ = std::move(otherwise);
  owner_.OnTimer(limit);
}

Instant Worker::Tick(Instant now) {
  if (state_ == State::kDead) return kNever;
  if (now >= limit_) {
    Kill(otherwise_);
    return kNever;
  }
  Instant next = limit_;
  for (WorkerRun& run : stack_) {
    if (run.stop == Reason::kNone && now >= run.deadline) {
      // Its worker knows, and ends it if its function looks.
      run.stop = Reason::kDeadline;
      run.signal_at = After(now, around_.options.kill_grace / 2);
      run.kill_at = After(now, around_.options.kill_grace);
    }
    if (now >= run.signal_at) {
      run.signal_at = kNever;
      kill(process_->pid(), SIGINT);
    }
    if (now >= run.kill_at) {
      Kill(Format("did not end a task within {} of {}", InMillis(around_.options.kill_grace),
                  run.stop == Reason::kDeadline ? "its deadline" : "being asked to"));
      return kNever;
    }
    next = std::min(
        {next, run.signal_at, run.kill_at, run.stop == Reason::kNone ? run.deadline : kNever});
  }
  return next;
}

void Worker::OnSocket(unsigned states) {
  if ((states & Reactor::kBroken) != 0) {
    ReadToEnd();
    return OnClosed();
  }
  if ((states & Reactor::kWritable) != 0) Flush();
  if ((states & Reactor::kReadable) == 0 || paused_ || socket_watch_ == 0) return;
  switch (socket_.Read()) {
    case ReadState::kOpen: return OnFrames();
    case ReadState::kEmpty: return;
    case ReadState::kClosed: return OnClosed();
  }
}

// There will be no more than what has arrived, and that counts.
void Worker::ReadToEnd() {
  for (int i = 0; i < kFrameReadsAtEnd && state_ != State::kDead; ++i) {
    if (socket_.Read() != ReadState::kOpen) return;
    OnFrames();
  }
}

void Worker::OnFrames() {
  for (ByteView frame = socket_.Front(); !frame.empty(); frame = socket_.Front()) {
    OnFrame(frame);
    if (state_ == State::kDead) return;
    socket_.Pop();
  }
  if (socket_.broken()) Kill("sent what is no frame");
}

// Its process has ended, most likely, and that is about to be told with more detail.
void Worker::OnClosed() {
  if (state_ == State::kDead || socket_watch_ == 0) return;
  StopWatching(socket_watch_);
  if (state_ == State::kServing) state_ = State::kLeaving;
  GiveUntil(After(around_.clock.Now(), around_.options.kill_grace),
            "closed its connection to the node");
}

void Worker::Flush() {
  if (socket_watch_ == 0) return;
  if (socket_.Write() == ReadState::kClosed) return OnClosed();
  WatchSocket();
}

void Worker::WatchSocket() {
  const std::size_t queued = socket_.out().size();
  paused_ = queued > (paused_ ? around_.options.egress / 2 : around_.options.egress);
  const unsigned states =
      (paused_ ? 0 : Reactor::kReadable) | (queued > 0 ? Reactor::kWritable : 0);
  if (states == socket_states_) return;
  socket_states_ = states;
  around_.reactor.Change(socket_watch_, states);
}

void Worker::OnOutput() {
  if (!ReadOutput()) StopWatching(output_watch_);
}

// Once, so that a worker which writes without end costs the loop little; false at the end.
bool Worker::ReadOutput() {
  std::array<std::byte, kOutputARead> bytes;
  const ssize_t got = read(process_->output(), bytes.data(), bytes.size());
  if (got > 0) tail_.Add(ByteView(bytes).first(static_cast<std::size_t>(got)));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

void Worker::OnProcessEnd() {
  const std::optional<std::string> how = process_->Reap();
  if (!how.has_value()) return;
  StopWatching(end_watch_);
  if (state_ != State::kDead) {
    if (state_ == State::kServing) state_ = State::kLeaving;  // it takes nothing more
    ReadToEnd();
  }
  Die(said_hello_ ? *how : *how + " before it said hello");
  owner_.OnGone(*this);
}

void Worker::Die(const std::string& how) {
  if (state_ == State::kDead) return;
  state_ = State::kDead;
  process_->Kill();
  StopWatching(socket_watch_);
  for (int i = 0; i < kOutputReadsAtEnd && ReadOutput(); ++i) {
  }
  StopWatching(output_watch_);
  std::string detail = how;
  const std::string last = tail_.Text(kTailShown);
  if (!last.empty()) detail += "; its last output:\n" + last;
  for (const WorkerRun& run : stack_) {
    if (run.recorded) around_.ancestry.End(run.id);
  }
  owner_.OnDeath(*this, std::exchange(stack_, {}), detail);
}

}  // namespace spillgate
