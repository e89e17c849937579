// The queue by which one thread hands events to another: moodycamel's, which is unbounded (credits
// bound it) and ordered per producer only. Under ThreadSanitizer, which cannot see the fences it
// relies on, a mutex and a deque.
#pragma once

#include <cstddef>
#include <iterator>
#include <span>

#ifdef SPILLGATE_MUTEX_QUEUE
#include <deque>

#include "core/base/mutex.h"
#else
#include <concurrentqueue/concurrentqueue.h>
#endif

namespace spillgate::flow {

#ifdef SPILLGATE_MUTEX_QUEUE

template <class T>
class RemoteQueue {
 public:
  void Push(std::span<T> events) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    for (T& event : events) events_.push_back(std::move(event));
  }
  [[nodiscard]] std::size_t Pop(T* into, std::size_t most) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    std::size_t n = 0;
    for (; n < most && !events_.empty(); ++n) {
      into[n] = std::move(events_.front());
      events_.pop_front();
    }
    return n;
  }

 private:
  Mutex mutex_;
  std::deque<T> events_ GUARDED_BY(mutex_);
};

#else

template <class T>
class RemoteQueue {
 public:
  void Push(std::span<T> events) {
    queue_.enqueue_bulk(std::make_move_iterator(events.begin()), events.size());
  }
  [[nodiscard]] std::size_t Pop(T* into, std::size_t most) {
    return queue_.try_dequeue_bulk(into, most);
  }

 private:
  moodycamel::ConcurrentQueue<T> queue_;
};

#endif

}  // namespace spillgate::flow
