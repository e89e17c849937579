// Driver: the client's own thread, and the connection's beginning and end.
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "client/lib/driver.h"
#include "core/base/format.h"
#include "schema/auth.h"

namespace spillgate::client {
namespace {

constexpr Nanos kShortNap = std::chrono::milliseconds(5);
constexpr Nanos kLongNap = std::chrono::milliseconds(250);
constexpr Nanos kLeastBackoff = std::chrono::milliseconds(10);
constexpr Nanos kMostBackoff = std::chrono::seconds(2);
constexpr std::uint32_t kMostDoublings = 8;

std::uint64_t RandomSeed() {
  std::uint64_t seed = 0;
  // Jitter that others can guess is still jitter, so a system without randomness is no reason to
  // fail.
  if (!wire::FillRandom(std::as_writable_bytes(std::span(&seed, 1)))) {
    seed = static_cast<std::uint64_t>(SteadyClock().Now().time_since_epoch().count());
  }
  return seed;
}

Failure NoResources(std::string_view what) {
  return {
      .kind = FailureKind::kUnavailable,
      .message = Format("the system has no {} left for a client: {}", what, std::strerror(errno))};
}

}  // namespace

Driver::Driver(ClientOptions options, Endpoint endpoint, Visitor visitor, int wake_fd,
               std::uint64_t seed)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      visitor_(std::move(visitor)),
      session_(options_, seed, this),
      wake_(wake_fd),
      nap_(kShortNap),
      jitter_(seed) {}

Driver::~Driver() {
  if (thread_.joinable()) thread_.detach();  // it has ended, or is the one that is here
}

Result<std::shared_ptr<Driver>> Driver::Start(ClientOptions options) {
  const std::string address = options.address.empty() ? DefaultAddress() : options.address;
  Result<Endpoint> endpoint = ParseEndpoint(address);
  if (!endpoint.ok()) return endpoint.error();
  Visitor visitor{.kind = options.is_operator ? wire::Kind::kOperator : wire::Kind::kClient,
                  .name = options.name,
                  .software = options.software,
                  .token = {}};
  if (!options.token_file.empty()) {
    Result<Credentials> credentials = ReadToken(options.token_file, options.name);
    if (!credentials.ok()) return credentials.error();
    visitor.name = credentials.value().name;
    visitor.token = std::move(credentials.value().token);
  }
  const int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0) return NoResources("file descriptor");
  const std::uint64_t seed = options.seed != 0 ? options.seed : RandomSeed();
  auto made = std::unique_ptr<Driver>(new Driver(  // NOLINT: the constructor is private
      std::move(options), std::move(endpoint).value(), std::move(visitor), wake_fd, seed));
  std::shared_ptr<Driver> driver = std::move(made);  // shared: see Client and Root
  {
    MutexLock lock(driver->mutex_);
    const Instant until = After(driver->Now(), driver->options_.connect_timeout);
    const Status connected = driver->Connect(until);
    if (!connected.ok()) return connected.error();
  }
  try {
    driver->thread_ = std::thread([driver] { driver->Run(); });
  } catch (const std::system_error&) {
    return NoResources("thread");
  }
  return driver;
}

void Driver::Close() {
  {
    MutexLock lock(mutex_);
    if (stop_) return;
    stop_ = true;
    wake_.Notify();
    if (thread_parker_.Signal()) Parker::Ring(thread_parker_.address());
  }
  const bool from_callback = thread_.get_id() == std::this_thread::get_id();
  from_callback ? thread_.detach() : thread_.join();
  MutexLock lock(mutex_);
  closed_.store(true, std::memory_order_seq_cst);
  if (link_ != nullptr && !driven_.load(std::memory_order_acquire)) {
    Instant now = clock_.Now();  // the last releases and closed roots
    (void)Exchange(now, true);
    link_.reset();
  }
  session_.FailAll({.kind = FailureKind::kUnavailable,
                    .message = "the client was closed before this was sent; it did not run"});
  session_.TakeDropped();
  Ring();
  if (session_.live_states() > 0) self_ = shared_from_this();
}

// The lock is let go of while it connects, and the right to drive is held.
Status Driver::Connect(Instant until) {
  driven_.store(true, std::memory_order_relaxed);
  const SessionId session = session_.welcome().session;
  const wire::Token resume = session_.welcome().resume_token;
  mutex_.unlock();
  Result<std::unique_ptr<Link>> link = Link::Open(endpoint_, clock_, until);
  Result<wire::Welcome> welcome =
      link.ok() ? link.value()->ShakeHands(visitor_, session, resume, clock_, until)
                : Result<wire::Welcome>(link.error());
  mutex_.lock();
  driven_.store(false, std::memory_order_release);
  if (!welcome.ok()) return welcome.error();
  link_ = std::move(link).value();
  out_.Clear();
  heard_ = pinged_ = clock_.Now();
  session_.OnWelcome(welcome.value(), heard_);
  return {};
}

void Driver::Run() {
  MutexLock lock(mutex_);
  while (!stop_) {
    if (!session_.callbacks().empty()) {
      RunCallbacks();
    } else if (link_ == nullptr && !driven_.load(std::memory_order_relaxed)) {
      Reconnect();
    } else if (MustDrive(clock_.Now())) {
      called_ = false;
      driven_.store(true, std::memory_order_relaxed);
      thread_drives_ = true;
      Drive(nullptr, kNever);
      thread_drives_ = false;
      driven_.store(false, std::memory_order_release);
      PassOn();
    } else {
      Nap(nap_);
    }
  }
}

// Nobody else does, and it was called; or callers have left something under way and not come back
// for a while; or it is time to see whether the node is still there.
bool Driver::MustDrive(Instant now) {
  if (driven_.load(std::memory_order_relaxed) || sleepers_ != nullptr || link_ == nullptr) {
    called_ = false;
    return false;
  }
  if (called_ || session_.has_callbacks() || session_.unsent() > 0) return true;
  const bool left_alone = activity_ == seen_activity_;
  seen_activity_ = activity_;
  if (!left_alone) return false;
  return session_.has_work() || nap_ >= kLongNap || now - heard_ >= options_.ping_after;
}

void Driver::Nap(Nanos at_most) {
  const std::uint64_t activity = activity_;
  long_nap_ = at_most > kShortNap;
  mutex_.unlock();
  thread_parker_.Park(at_most);
  mutex_.lock();
  long_nap_ = false;
  const bool quiet = activity == activity_ && !session_.has_work();
  nap_ = quiet ? std::min(2 * nap_, kLongNap) : kShortNap;
}

void Driver::RunCallbacks() {
  const std::vector<std::function<void()>> due = std::exchange(session_.callbacks(), {});
  mutex_.unlock();
  for (const std::function<void()>& callback : due) callback();
  mutex_.lock();
}

void Driver::Reconnect() {
  called_ = false;
  const Instant now = clock_.Now();
  const Status connected = Connect(After(now, options_.connect_timeout));
  if (connected.ok()) {
    failed_connects_ = 0;
    session_.EndTurn(clock_.Now());
    Ring();
    PassOn();
    return;
  }
  const Instant after = clock_.Now();
  session_.OnTime(after);
  session_.EndTurn(after);
  if (after - down_since_ >= options_.lost_after) {
    down_since_ = after;
    session_.FailAll(
        {.kind = FailureKind::kUnavailable,
         .reason = connected.error().reason,
         .message = Format("{} ({})", connected.error().message, last_problem_.message)});
  }
  Ring();
  failed_connects_ = std::min(failed_connects_ + 1, kMostDoublings);
  const Nanos doubled = std::min(kMostBackoff, kLeastBackoff * (1U << failed_connects_));
  jitter_ = Mix(jitter_ + failed_connects_);
  Nap(doubled / 2 + doubled / 2 * static_cast<std::int64_t>(jitter_ % 1024) / 1024);
}

}  // namespace spillgate::client
