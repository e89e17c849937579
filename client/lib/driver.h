// Driver: who moves a client's bytes. One thread at a time drives: sends, receives, sleeps on the
// socket. A caller that waits drives itself, so that a round trip is one write and one read with no
// other thread between; the client's own thread drives when nobody waits and there is something to
// do, and connects anew when the connection is lost. All state is under one lock, which is never
// held over a system call on the socket.
//
// Waiting: who drives looks again and again, yielding each time, for `poll` after the last event,
// then sleeps. A yield that takes long tells that others need this core; for a while nobody polls
// then.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "client/lib/link.h"
#include "client/lib/session.h"
#include "core/base/mutex.h"
#include "core/base/wake.h"

namespace spillgate::client {

class Driver : public std::enable_shared_from_this<Driver> {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Driver>> Start(ClientOptions options);
  ~Driver();
  // Ends the thread and fails what is left. Futures that are left keep the memory they need.
  void Close() EXCLUDES(mutex_);

  [[nodiscard]] Mutex& mutex() SG_THREAD_ANNOTATION(lock_returned(mutex_)) { return mutex_; }
  [[nodiscard]] Session& session() REQUIRES(mutex_) { return session_; }
  [[nodiscard]] const ClientOptions& options() const { return options_; }
  [[nodiscard]] Instant Now() const { return clock_.Now(); }

  // Until the waiter is done. False: it is `until`, or the client was closed. Lets go of the lock
  // meanwhile.
  [[nodiscard]] bool Await(Waiter& waiter, Instant until) REQUIRES(mutex_);
  // There is something new to send. `batch`: enough of it not to wait for company.
  void Kick(bool batch) REQUIRES(mutex_);
  // Sends and receives once, if nobody drives; else whoever drives does so at once.
  void Turn() REQUIRES(mutex_);
  // Callbacks are due, or wanted.
  void CallThread() REQUIRES(mutex_);
  // A future was given to Session::Drop. Whoever drives next sees to it; after Close nobody will.
  void Dropped() EXCLUDES(mutex_);

 private:
  Driver(ClientOptions options, Endpoint endpoint, Visitor visitor, int wake_fd,
         std::uint64_t seed);

  // driver.cc
  [[nodiscard]] bool Leave(bool result) REQUIRES(mutex_);
  void Lead(Waiter& waiter, Instant until) REQUIRES(mutex_);
  void StandBy(Waiter& waiter, Instant until, Instant now) REQUIRES(mutex_);
  void SendInline() REQUIRES(mutex_);
  void PassOn() REQUIRES(mutex_);
  void Drive(Waiter* waiter, Instant until) REQUIRES(mutex_);
  [[nodiscard]] bool Exchange(Instant& now, bool idle) REQUIRES(mutex_);
  [[nodiscard]] bool TakeIn(Instant now) REQUIRES(mutex_);
  [[nodiscard]] bool MayStop(const Waiter* waiter, Instant now, Instant until, bool idle)
      REQUIRES(mutex_);
  [[nodiscard]] bool Yield(Instant& now) REQUIRES(mutex_);
  void Sleep(Instant& now, Instant until, bool thread) REQUIRES(mutex_);
  void Ring() REQUIRES(mutex_);
  void Lost(const Failure& why) REQUIRES(mutex_);
  [[nodiscard]] bool IsAlive(Instant now) REQUIRES(mutex_);

  // driver_thread.cc
  void Run() EXCLUDES(mutex_);
  void RunCallbacks() REQUIRES(mutex_);
  [[nodiscard]] bool MustDrive(Instant now) REQUIRES(mutex_);
  void Nap(Nanos at_most) REQUIRES(mutex_);
  void Reconnect() REQUIRES(mutex_);
  [[nodiscard]] Status Connect(Instant until) REQUIRES(mutex_);

  const ClientOptions options_;
  const Endpoint endpoint_;
  const Visitor visitor_;
  const SteadyClock clock_;
  Mutex mutex_;
  Session session_ GUARDED_BY(mutex_);
  std::thread thread_;

  // The right to drive, and what only who has it touches.
  std::atomic<bool> driven_{false};  // written under the lock; read without it as a hint
  std::unique_ptr<Link> link_;       // null: no connection; set and reset under the lock as well
  wire::OutBuffer out_;
  Wake wake_;  // of who drives and sleeps

  // The client's own thread.
  Parker thread_parker_;
  bool thread_drives_ GUARDED_BY(mutex_) = false;
  bool called_ GUARDED_BY(mutex_) = false;    // it is needed
  bool long_nap_ GUARDED_BY(mutex_) = false;  // it looks rarely
  Nanos nap_ GUARDED_BY(mutex_){};
  std::uint64_t activity_ GUARDED_BY(mutex_) = 0;  // of callers that drove
  std::uint64_t seen_activity_ GUARDED_BY(mutex_) = 0;
  bool stop_ GUARDED_BY(mutex_) = false;

  Waiter* sleepers_ GUARDED_BY(mutex_) = nullptr;  // callers that wait and do not drive
  std::atomic<bool> closed_{false};
  std::shared_ptr<Driver> self_ GUARDED_BY(mutex_);  // after Close, for the futures that are left

  Instant no_poll_until_ GUARDED_BY(mutex_){};
  Instant next_tick_ GUARDED_BY(mutex_){};
  Instant heard_ GUARDED_BY(mutex_){};  // from the node
  Instant pinged_ GUARDED_BY(mutex_){};
  Instant down_since_ GUARDED_BY(mutex_){};
  std::uint32_t failed_connects_ GUARDED_BY(mutex_) = 0;
  std::uint64_t jitter_ GUARDED_BY(mutex_);
  Failure last_problem_ GUARDED_BY(mutex_);
};

}  // namespace spillgate::client
