// Loop: the event loop thread. Runs libuv's I/O and the stages that the config puts on the loop's
// pool, and waits as the measurements say: while nothing else is busy on this node, look again with
// a yield for a while after the last event, then block; otherwise block at once. Run returns after
// Stop. Reactor for adapters with descriptors of their own.
#pragma once

#include <uv.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/flow/pool.h"
#include "core/ports/reactor.h"

namespace spillgate::net {

class Loop final : public Reactor {
 public:
  struct Options {
    // Whether slots or workers of this node are at work; may be empty.
    std::function<bool()> others_busy;
  };

  // `pool` is driven by this loop; it was made with no threads of its own. Its poll is the loop's.
  Loop(const Clock& clock, flow::Pool& pool, Options options);
  ~Loop() override;

  [[nodiscard]] uv_loop_t* uv() { return &uv_; }

  // Called at the end of each turn, to send what the turn has produced. Before Run.
  void AtTurnEnd(std::function<void(Instant)> job) { turn_end_.push_back(std::move(job)); }
  // Called about every `period` on the loop's thread. Before Run.
  void Every(Nanos period, std::function<void(Instant)> job);
  // The same while the loop is at work anyway; about once a second while it sleeps.
  void WhenAwakeEvery(Nanos period, std::function<void(Instant)> job);

  // Called on the loop's thread when the process gets this signal. Before Run.
  void OnSignal(int signum, std::function<void()> job);

  void Run();
  void Stop();  // any thread
  // After Run: one wait for the sockets, of at most that time, and what comes of it.
  void RunOnce(Nanos at_most);
  // After Run: lets what was closed go, so that its memory may.
  void FinishClosing() { uv_run(&uv_, UV_RUN_NOWAIT); }
  // Wakes the loop if it sleeps; any thread.
  void Wake() { pool_.wake().Notify(); }
  // It does not sleep past `at`, once. Loop's thread.
  void WakeBy(Instant at) { wake_by_ = std::min(wake_by_, at); }
  // Something arrived or was sent: keep looking for a while before blocking. Loop's thread.
  void NoteActivity() { active_ = true; }
  [[nodiscard]] bool OnThread() const;

  WatchId Watch(int fd, unsigned states, std::function<void(unsigned)> then) override;
  void Change(WatchId watch, unsigned states) override;
  void Unwatch(WatchId watch) override;
  void Post(std::function<void()> job) override EXCLUDES(mutex_);

 private:
  struct Watched;
  struct Signal;
  struct Periodic {
    Nanos period;
    Instant due;
    bool wakes;
    std::function<void(Instant)> job;
  };

  void RunPosted() EXCLUDES(mutex_);
  void RunPeriodic(Instant now);
  void Block();
  [[nodiscard]] Nanos MayBlock(Instant now) const;
  void CloseHandles();

  const Clock& clock_;
  flow::Pool& pool_;
  const Options options_;
  uv_loop_t uv_;
  uv_poll_t wake_watch_;
  uv_timer_t timer_;
  std::vector<std::function<void(Instant)>> turn_end_;
  std::vector<Periodic> periodic_;
  std::vector<std::unique_ptr<Signal>> signals_;
  std::unordered_map<WatchId, Watched*> watched_;
  WatchId next_watch_ = 1;
  bool active_ = false;
  Instant wake_by_ = kNever;
  std::atomic<bool> stop_{false};
  Mutex mutex_;
  std::vector<std::function<void()>> posted_ GUARDED_BY(mutex_);
  std::atomic<bool> has_posted_{false};
};

}  // namespace spillgate::net
