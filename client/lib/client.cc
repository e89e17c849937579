#include "client/lib/client.h"

#include <algorithm>

#include "client/lib/driver.h"
#include "client/lib/questions.h"
#include "core/base/format.h"

namespace spillgate::client {
namespace {

constexpr std::size_t kBatchIsEnough = 64;  // tasks that need not wait for company

Failure TimedOut(Nanos timeout) {
  return {
      .kind = FailureKind::kTimeout,
      .reason = Reason::kTimeout,
      .message = Format("no result within {} ms; the task may still end well",
                        std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count())};
}

// What a watched state has to say by now.
Result<Value> ResultOf(const TaskState& state, Nanos timeout) {
  switch (state.Look()) {
    case Phase::kHere: return state.value;
    case Phase::kFailed: return *state.failure;
    default: return TimedOut(timeout);
  }
}

Failure NoFuture() {
  return {.kind = FailureKind::kInvalid, .message = "this future is of nothing: it was moved from"};
}

}  // namespace

// ---- Client

Result<Client> Client::Connect(ClientOptions options) {
  Result<std::shared_ptr<Driver>> driver = Driver::Start(std::move(options));
  if (!driver.ok()) return driver.error();
  return Client(std::move(driver).value());
}

Client::Client(std::shared_ptr<Driver> driver) : driver_(std::move(driver)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&& other) noexcept {
  std::swap(driver_, other.driver_);
  return *this;
}
Client::~Client() {
  if (driver_ != nullptr) driver_->Close();
}

Future Client::Submit(const Function& function, Args args, const SubmitOptions& options) {
  Future future;
  SubmitBatch(function, {&args, 1}, {&future, 1}, options);
  return future;
}

void Client::SubmitBatch(const Function& function, std::span<const Args> tasks,
                         std::span<Future> futures, const SubmitOptions& options) {
  Driver& driver = *driver_;
  const Nanos patience =
      options.deadline > Nanos(0) ? options.deadline : driver.options().request_timeout;
  const Instant now = driver.Now();
  MutexLock lock(driver.mutex());
  Session& session = driver.session();
  const Terms terms = session.TermsOf(function, options, now);
  for (std::size_t i = 0; i < futures.size();) {
    const std::size_t left = futures.size() - i;
    std::size_t room = std::min<std::size_t>(left, session.Room());
    const bool credit = driver.options().wait_for_credit || terms.root != 0 ||
                        session.HasCredit(terms.cls, static_cast<std::uint32_t>(room), now);
    std::optional<Failure> refusal;
    if (room == 0 && !AwaitRoom(driver, After(now, patience))) refusal = Full(driver.options());
    if (room > 0 && !credit) refusal = NoCredit();
    if (refusal.has_value()) {
      for (; i < futures.size(); ++i) futures[i] = Future(session.Refused(*refusal));
      return;
    }
    for (; room > 0; --room, ++i) {
      const Args args = i < tasks.size() ? tasks[i] : Args();
      futures[i] = Future(session.Submit(terms, args, options, now));
    }
    driver.Kick(futures.size() >= kBatchIsEnough);
  }
}

void Client::Flush() {
  MutexLock lock(driver_->mutex());
  driver_->Turn();
}

Future Client::Put(ByteView value, const PutOptions& options) {
  MutexLock lock(driver_->mutex());
  Future future(driver_->session().Put(value, options));
  driver_->Kick(false);
  return future;
}

Result<Root> Client::OpenRoot(const RootOptions& options) {
  const Instant until = After(driver_->Now(), driver_->options().request_timeout);
  Root root;
  Future opened;
  MutexLock lock(driver_->mutex());
  Waiter waiter(1);
  TaskState* state = driver_->session().OpenRoot(options, driver_->Now());
  opened = Future(state);
  const bool waits = driver_->session().Watch(*state, waiter, false);
  driver_->Kick(false);
  const bool done = !waits || driver_->Await(waiter, until);
  Session::Unwatch(*state);
  if (state->Look() == Phase::kFailed) return *state->failure;
  if (!done) {
    (void)driver_->session().CancelHere(*state);  // it is not tried again, and closed if it opens
    return Failure{.kind = FailureKind::kTimeout,
                   .message = "the node did not open the root in time"};
  }
  root.driver_ = driver_;
  root.session_ = state->session_id.load(std::memory_order_relaxed);
  root.number_ = SeqOf(*state);
  return root;
}

// ---- results

Result<Value> Future::Get(Nanos timeout, std::uint32_t index) const {
  if (state_ == nullptr) return NoFuture();
  Driver& driver = *state_->session->driver();
  const Instant until = After(driver.Now(), std::max(Nanos(0), timeout));
  if (index > 0) {
    Result<Value> first = Get(timeout, 0);
    if (!first.ok()) return first;
    return AskForValue(driver, object(index), until);
  }
  const Phase phase = state_->Look();
  if (phase > Phase::kAtNode) return ResultOf(*state_, timeout);
  MutexLock lock(driver.mutex());
  Waiter waiter(1);
  if (driver.session().Watch(*state_, waiter, true)) {
    const bool comes = state_->pushed && state_->is_task && state_->Look() == Phase::kPending;
    if (!comes) driver.session().Fetch(*state_, until);
    driver.Kick(false);
    if (timeout <= Nanos(0)) driver.Turn();
    (void)driver.Await(waiter, until);
    Session::Unwatch(*state_);
  }
  return ResultOf(*state_, timeout);
}

std::vector<Result<Value>> Client::Get(std::span<const Future> futures, Nanos timeout) {
  const Instant until = After(driver_->Now(), std::max(Nanos(0), timeout));
  {
    MutexLock lock(driver_->mutex());
    Session& session = driver_->session();
    Waiter waiter(0);
    std::int64_t waits = 0;
    for (const Future& future : futures) {
      TaskState* state = future.state_;
      if (state == nullptr || state->waiter == &waiter) continue;
      if (!session.Watch(*state, waiter, true)) continue;
      ++waits;
      const bool comes = state->pushed && state->is_task && state->pending();
      if (!comes) session.Fetch(*state, until);
    }
    waiter.left.store(waits, std::memory_order_relaxed);
    driver_->Kick(true);
    if (timeout <= Nanos(0)) driver_->Turn();
    (void)driver_->Await(waiter, until);
    for (const Future& future : futures) {
      if (future.state_ != nullptr) Session::Unwatch(*future.state_);
    }
  }
  std::vector<Result<Value>> results;
  results.reserve(futures.size());
  for (const Future& future : futures) {
    results.push_back(future.valid() ? ResultOf(*future.state_, timeout) : NoFuture());
  }
  return results;
}

template <class Await>
Result<Ready> Client::AwaitSome(std::span<const Future> futures, std::uint32_t needed,
                                Nanos timeout, Await await) {
  const Instant until = After(driver_->Now(), std::max(Nanos(0), timeout));
  std::vector<TaskState*> states;
  for (const Future& future : futures) {
    if (!future.valid()) return NoFuture();
    states.push_back(future.state_);
  }
  const std::size_t wanted = std::min<std::size_t>(needed, futures.size());
  return await(*driver_, states, static_cast<std::uint32_t>(wanted), until);
}

Result<Ready> Client::Wait(std::span<const Future> futures, std::uint32_t needed, Nanos timeout) {
  return AwaitSome(futures, needed, timeout, AwaitReady);
}

Result<Ready> Client::WaitAccepted(std::span<const Future> futures, std::uint32_t needed,
                                   Nanos timeout) {
  return AwaitSome(futures, needed, timeout, AwaitVerdicts);
}

Result<wire::Cancelled> Client::Cancel(const Future& future) {
  if (!future.valid()) return NoFuture();
  {
    MutexLock lock(driver_->mutex());
    const bool over = future.ready();
    if (driver_->session().CancelHere(*future.state_)) {
      driver_->Kick(true);
      return wire::Cancelled{.count = over ? 0U : 1U, .already_done = over ? 1U : 0U};
    }
  }
  const TaskId id = future.id();
  return Cancel({&id, 1});
}

NodeInfo Client::node() const {
  MutexLock lock(driver_->mutex());
  const wire::Welcome& welcome = driver_->session().welcome();
  return {.name = welcome.node,
          .epoch = welcome.epoch,
          .session = welcome.session,
          .inline_value = welcome.inline_value,
          .max_payload = welcome.max_payload,
          .load_level = driver_->session().load_level()};
}

ClientStats Client::stats() const {
  MutexLock lock(driver_->mutex());
  return driver_->session().stats(driver_->Now());
}

// ---- Root

Root::Root(Root&& other) noexcept
    : driver_(std::move(other.driver_)),
      session_(other.session_),
      number_(std::exchange(other.number_, 0)) {}

Root& Root::operator=(Root&& other) noexcept {
  std::swap(driver_, other.driver_);
  std::swap(session_, other.session_);
  std::swap(number_, other.number_);
  return *this;
}

TaskId Root::id() const {
  return {session_, number_};
}

void Root::Close() {
  if (number_ == 0 || driver_ == nullptr) return;
  MutexLock lock(driver_->mutex());
  driver_->session().CloseRoot(session_, std::exchange(number_, 0));
  driver_->Kick(true);
}

}  // namespace spillgate::client
