// PollReactor: a Reactor on poll(), for tests: small enough to be seen to be right. Run serves one
// thread until Stop.
#pragma once

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/flow/wake.h"
#include "core/ports/reactor.h"

namespace spillgate::testing {

class PollReactor final : public Reactor {
 public:
  WatchId Watch(int fd, unsigned states, std::function<void(unsigned)> then) override {
    watches_[++last_] = {fd, states, std::move(then)};
    return last_;
  }
  void Change(WatchId watch, unsigned states) override { watches_.at(watch).states = states; }
  void Unwatch(WatchId watch) override { watches_.erase(watch); }
  void Post(std::function<void()> job) override EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    wake_.Notify();
  }

  // Serves until Stop; `turn` is called at least every millisecond.
  void Run(const std::function<void()>& turn) {
    while (!stop_.load()) {
      turn();
      RunJobs();
      wake_.Prepare();
      PollOnce(HasJobs() || stop_.load() ? 0 : 1);
      wake_.Done();
    }
    RunJobs();
  }
  void Stop() {
    stop_.store(true);
    wake_.Notify();
  }
  [[nodiscard]] std::size_t watches() const { return watches_.size(); }

 private:
  struct Watched {
    int fd;
    unsigned states;
    std::function<void(unsigned)> then;
  };

  [[nodiscard]] bool HasJobs() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return !jobs_.empty();
  }
  void RunJobs() EXCLUDES(mutex_) {
    std::vector<std::function<void()>> jobs;
    {
      MutexLock lock(mutex_);
      jobs.swap(jobs_);
    }
    for (const auto& job : jobs) job();
  }
  void PollOnce(int timeout_ms) {
    std::vector<pollfd> polled{{wake_.fd(), POLLIN, 0}};
    std::vector<WatchId> ids{0};
    for (const auto& [id, watched] : watches_) {
      short events = 0;
      if ((watched.states & kReadable) != 0) events |= POLLIN;
      if ((watched.states & kWritable) != 0) events |= POLLOUT;
      polled.push_back({watched.fd, events, 0});
      ids.push_back(id);
    }
    if (poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
    for (std::size_t i = 1; i < polled.size(); ++i) {
      unsigned states = 0;
      if ((polled[i].revents & (POLLIN | POLLHUP)) != 0) states |= kReadable;
      if ((polled[i].revents & POLLOUT) != 0) states |= kWritable;
      if ((polled[i].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) states |= kBroken;
      const auto found = watches_.find(ids[i]);  // one called before may have ended it
      if (states == 0 || found == watches_.end()) continue;
      const auto then = found->second.then;
      then(states);
    }
  }

  std::map<WatchId, Watched> watches_;
  WatchId last_ = 0;
  flow::Wake wake_;
  std::atomic<bool> stop_{false};
  Mutex mutex_;
  std::vector<std::function<void()>> jobs_ GUARDED_BY(mutex_);
};

}  // namespace spillgate::testing
