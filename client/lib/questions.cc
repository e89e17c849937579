#include "client/lib/questions.h"

#include <algorithm>

#include "core/base/format.h"

namespace spillgate::client {
namespace {

std::uint64_t MicrosLeft(Instant until, Instant now) {
  if (until == kNever) return wire::kMostTime;
  const auto left = std::chrono::ceil<std::chrono::microseconds>(until - now).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, left));
}

// A node that is asked to wait until then says so itself; for so much longer we wait for it to.
constexpr Nanos kAnswerGrace = std::chrono::milliseconds(250);

template <class T>
Status AskNode(Driver& driver, Request& request, const T& question, Instant until) {
  MutexLock lock(driver.mutex());
  Session& session = driver.session();
  request.correlation = session.NextCorrelation();
  wire::Encode(question, request.correlation, request.bytes);
  session.Ask(request);
  driver.Kick(true);
  if (driver.Await(request.waiter, until)) {
    if (request.failure.has_value()) return *request.failure;
    return {};
  }
  session.Forget(request);
  return Failure{.kind = FailureKind::kTimeout, .message = "the node did not answer in time"};
}

template <class T>
Status AskSoon(Driver& driver, Request& request, const T& question) {
  return AskNode(driver, request, question, After(driver.Now(), driver.options().request_timeout));
}

Failure TooMany(std::size_t count, std::size_t most) {
  return {.kind = FailureKind::kInvalid,
          .reason = Reason::kTooLarge,
          .message = Format("{} ids, the node takes {} at once; ask in parts", count, most)};
}

wire::ObjectName NameOf(const ObjectId& object) {
  return {.task = object.task, .index = object.index, .reserved = 0};
}

// What the client knows of them. True: as many as needed are ready.
bool Count(std::span<TaskState* const> states, std::uint32_t needed, Ready& ready) {
  ready.ready.assign(states.size(), false);
  ready.count = 0;
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (states[i]->Look() == Phase::kPending) continue;
    ready.ready[i] = true;
    ++ready.count;
  }
  return ready.count >= needed;
}

}  // namespace

bool AwaitRoom(Driver& driver, Instant until) {
  if (!driver.options().wait_for_room) return false;
  Session& session = driver.session();
  while (session.Room() == 0) {
    Waiter waiter(1);
    session.AwaitRoom(waiter);
    driver.Kick(true);
    const bool told = driver.Await(waiter, until);
    session.StopAwaitingRoom(waiter);
    if (!told) return session.Room() > 0;
  }
  return true;
}

Failure Full(const ClientOptions& options) {
  return {.kind = FailureKind::kExhausted,
          .message = Format("this client has {} tasks without a result, or {} bytes of arguments "
                            "without a verdict; wait for some, or raise the bounds",
                            options.max_outstanding, options.max_outstanding_bytes)};
}

Failure NoCredit() {
  constexpr Nanos kSoon = std::chrono::milliseconds(10);
  return {.kind = FailureKind::kShed,
          .reason = Reason::kInFlight,
          .retry_after = kSoon,
          .message =
              Format("the node gives this client no credit for more tasks of this class now; they "
                     "were not sent, try again after {} ms",
                     std::chrono::ceil<std::chrono::milliseconds>(kSoon).count())};
}

Result<Value> AskForValue(Driver& driver, ObjectId object, Instant until) {
  const wire::ObjectName name = NameOf(object);
  Request request(wire::FrameType::kResults);
  const wire::Get get{.ids = {&name, 1}, .timeout_us = MicrosLeft(until, driver.Now())};
  const Status asked = AskNode(driver, request, get, After(until, kAnswerGrace));
  if (!asked.ok()) return asked.error();
  return std::move(request.value);
}

// Those of this session that have ended as far as this client has heard.
static void MarkKnown(Driver& driver, std::span<const ObjectId> objects, std::vector<bool>& ready) {
  MutexLock lock(driver.mutex());
  const Session& session = driver.session();
  for (std::size_t i = 0; i < objects.size(); ++i) ready[i] = session.HasEnded(objects[i].task);
}

Result<Ready> AskWhichAreReady(Driver& driver, std::span<const ObjectId> objects,
                               std::uint32_t needed, Instant until) {
  if (objects.empty() || needed == 0) return Ready{};
  if (objects.size() > wire::kMostObjects) return TooMany(objects.size(), wire::kMostObjects);
  std::vector<wire::ObjectName> names;
  for (const ObjectId& object : objects) names.push_back(NameOf(object));
  Request request(wire::FrameType::kWaitDone);
  const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(needed, objects.size()));
  const wire::Wait wait{
      .ids = names, .needed = wanted, .timeout_us = MicrosLeft(until, driver.Now())};
  const Status asked = AskNode(driver, request, wait, After(until, kAnswerGrace));
  if (!asked.ok() && asked.error().kind != FailureKind::kTimeout) return asked.error();
  Ready ready{.ready = std::move(request.wait_done.ready),
              .count = 0,
              .timed_out = !asked.ok() || request.wait_done.timed_out};
  ready.ready.resize(objects.size());
  // A node that did not answer in time has not said that none is ready: some we know ourselves.
  if (!asked.ok()) MarkKnown(driver, objects, ready.ready);
  ready.count =
      static_cast<std::uint32_t>(std::count(ready.ready.begin(), ready.ready.end(), true));
  return ready;
}

// Until enough have ended as far as this client hears by itself.
static void AwaitHere(Driver& driver, std::span<TaskState* const> states, std::int64_t missing,
                      Instant until) REQUIRES(driver.mutex()) {
  Waiter waiter(missing);
  for (TaskState* state : states) {
    if (state->waiter == nullptr) (void)driver.session().Watch(*state, waiter, false);
  }
  driver.Kick(true);
  if (driver.Now() >= until) driver.Turn();
  (void)driver.Await(waiter, until);
  for (TaskState* state : states) Session::Unwatch(*state);
}

Ready AwaitVerdicts(Driver& driver, std::span<TaskState* const> states, std::uint32_t needed,
                    Instant until) {
  Ready ready;
  const auto count = [&] {
    ready.ready.clear();
    for (const TaskState* state : states) ready.ready.push_back(Session::IsDecided(*state));
    ready.count =
        static_cast<std::uint32_t>(std::count(ready.ready.begin(), ready.ready.end(), true));
    return ready.count >= needed;
  };
  MutexLock lock(driver.mutex());
  if (count()) return ready;
  Waiter waiter(std::int64_t{needed} - ready.count);
  for (TaskState* state : states) (void)driver.session().WatchVerdict(*state, waiter);
  driver.Kick(true);
  if (driver.Now() >= until) driver.Turn();
  (void)driver.Await(waiter, until);
  for (TaskState* state : states) Session::Unwatch(*state);
  ready.timed_out = !count();
  return ready;
}

// Results that are pushed are counted here. Of others the node knows more, and is asked about those
// that it has accepted.
Result<Ready> AwaitReady(Driver& driver, std::span<TaskState* const> states, std::uint32_t needed,
                         Instant until) {
  constexpr Nanos kLook = std::chrono::milliseconds(2);  // until verdicts may have come
  Ready ready;
  while (true) {
    std::vector<TaskState*> asked;
    std::vector<ObjectId> objects;
    {
      MutexLock lock(driver.mutex());
      if (Count(states, needed, ready)) return ready;
      const bool all_come = std::all_of(states.begin(), states.end(), [](const TaskState* state) {
        return state->pushed || !state->is_task || !state->pending();
      });
      for (TaskState* state : states) {
        if (!state->pending() || !state->accepted) continue;
        asked.push_back(state);
        objects.push_back({{state->session_id.load(std::memory_order_relaxed), SeqOf(*state)}, 0});
      }
      const std::int64_t missing = std::int64_t{needed} - ready.count;
      const bool here = all_come || static_cast<std::int64_t>(asked.size()) < missing;
      if (here) {
        AwaitHere(driver, states, missing,
                  all_come ? until : std::min(until, After(driver.Now(), kLook)));
      }
      if (Count(states, needed, ready)) return ready;
      ready.timed_out = driver.Now() >= until && here;
      if (ready.timed_out) return ready;
      if (here) continue;
    }
    Result<Ready> answer = AskWhichAreReady(driver, objects, needed - ready.count, until);
    if (!answer.ok()) return answer;
    MutexLock lock(driver.mutex());
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if (answer.value().ready[i]) driver.session().MarkAtNode(*asked[i]);
    }
    driver.session().EndTurn(driver.Now());
    if (!Count(states, needed, ready) && answer.value().timed_out) {
      ready.timed_out = true;
      return ready;
    }
  }
}

// ---- Client

Result<Function> Client::Find(std::string_view name) {
  Function function{.name = std::string(name)};
  if (name.empty() || name.size() > wire::kMostName) {
    return Failure{.kind = FailureKind::kInvalid,
                   .message = Format("a function's name has 1 to {} bytes", wire::kMostName)};
  }
  {
    MutexLock lock(driver_->mutex());
    function.epoch = driver_->session().handles_epoch();
    function.id = driver_->session().FindFunction(function.name);
    if (function.id != 0) return function;
  }
  Request request(wire::FrameType::kRegistered);
  const Status asked = AskSoon(*driver_, request, wire::Register{.name = function.name});
  if (!asked.ok()) return asked.error();
  if (request.registered.reason != Reason::kNone) {
    return Failure{.kind = KindOf(request.registered.reason),
                   .reason = request.registered.reason,
                   .message = Format("function \"{}\": {}", name, request.registered.detail)};
  }
  MutexLock lock(driver_->mutex());
  function.id = request.registered.function;
  function.epoch = driver_->session().handles_epoch();
  driver_->session().KnowFunction(function.name, function.id);
  return function;
}

client::Result<client::Shape> Client::MakeShape(std::string_view text) {
  client::Shape shape{.text = std::string(text)};
  {
    MutexLock lock(driver_->mutex());
    shape.epoch = driver_->session().handles_epoch();
    shape.id = driver_->session().FindShape(shape.text);
    if (shape.id != 0) return shape;
  }
  Request request(wire::FrameType::kShaped);
  const Status asked = AskSoon(*driver_, request, wire::Shape{.text = shape.text});
  if (!asked.ok()) return asked.error();
  if (request.shaped.reason != Reason::kNone) {
    return Failure{.kind = FailureKind::kInvalid,
                   .reason = request.shaped.reason,
                   .message = Format("resources \"{}\": {}", text, request.shaped.detail)};
  }
  MutexLock lock(driver_->mutex());
  shape.id = request.shaped.shape;
  shape.epoch = driver_->session().handles_epoch();
  driver_->session().KnowShape(shape.text, shape.id);
  return shape;
}

Result<Value> Client::Get(ObjectId object, Nanos timeout) {
  return AskForValue(*driver_, object, After(driver_->Now(), std::max(Nanos(0), timeout)));
}

Result<Ready> Client::Wait(std::span<const ObjectId> objects, std::uint32_t needed, Nanos timeout) {
  return AskWhichAreReady(*driver_, objects, needed,
                          After(driver_->Now(), std::max(Nanos(0), timeout)));
}

Result<wire::Cancelled> Client::Cancel(std::span<const TaskId> tasks) {
  if (tasks.size() > wire::kMostObjects) return TooMany(tasks.size(), wire::kMostObjects);
  Request request(wire::FrameType::kCancelled);
  const Status asked = AskSoon(*driver_, request, wire::Cancel{.ids = tasks});
  if (!asked.ok()) return asked.error();
  return request.cancelled;
}

Status Client::Release(std::span<const TaskId> tasks) {
  MutexLock lock(driver_->mutex());
  driver_->session().Release(tasks);
  driver_->Turn();
  return {};
}

Result<std::vector<wire::TaskStatus>> Client::StatusOf(std::span<const TaskId> tasks) {
  if (tasks.empty()) return std::vector<wire::TaskStatus>();
  if (tasks.size() > wire::kMostObjects) return TooMany(tasks.size(), wire::kMostObjects);
  Request request(wire::FrameType::kStatuses, static_cast<std::uint32_t>(tasks.size()));
  const Status asked = AskSoon(*driver_, request, wire::Status{.ids = tasks});
  if (!asked.ok()) return asked.error();
  return std::move(request.statuses);
}

Result<std::string> Client::StatsOf(std::string_view what) {
  Request request(wire::FrameType::kStatsReply);
  const Status asked = AskSoon(*driver_, request, wire::Stats{.what = std::string(what)});
  if (!asked.ok()) return asked.error();
  return std::move(request.json);
}

Result<wire::Drained> Client::Drain(Nanos timeout) {
  Request request(wire::FrameType::kDrained);
  const Instant now = driver_->Now();
  const Instant until = After(now, std::max(Nanos(0), timeout));
  const Status asked = AskNode(*driver_, request, wire::Drain{.timeout_us = MicrosLeft(until, now)},
                               After(until, driver_->options().request_timeout));
  if (!asked.ok()) return asked.error();
  return request.drained;
}

Result<Nanos> Client::Ping() {
  Request request(wire::FrameType::kPong);
  const Instant before = driver_->Now();
  const Status asked = AskSoon(*driver_, request, wire::Ping{});
  if (!asked.ok()) return asked.error();
  return driver_->Now() - before;
}

}  // namespace spillgate::client
