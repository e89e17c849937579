// What a log announces, for threads that wait for it.
#pragma once

#include <chrono>
#include <condition_variable>

#include "core/base/mutex.h"
#include "core/ports/journal.h"

namespace spillgate::journal {

class Announcements {
 public:
  void Add(const Durable& now) {
    MutexLock lock(mutex_);
    last_ = now;
    changed_.notify_all();
  }
  // False after a time that no machine needs.
  [[nodiscard]] bool WaitFor(Lsn lsn, Level level) {
    MutexLock lock(mutex_);
    return changed_.wait_for(mutex_, std::chrono::seconds(60), [&] {
      return (level == Level::kSync ? last_.synced : last_.written) >= lsn;
    });
  }
  [[nodiscard]] Durable last() {
    MutexLock lock(mutex_);
    return last_;
  }

 private:
  Mutex mutex_;
  std::condition_variable_any changed_;
  Durable last_ GUARDED_BY(mutex_);
};

}  // namespace spillgate::journal
