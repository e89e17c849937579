// std::mutex with clang's thread-safety annotations: the `clang-annotations` preset proves at
// compile time that what is GUARDED_BY a mutex is only touched under it. g++ ignores them. Rules:
// never hold two locks, never call out with one held; stages and core/model have none at all. One
// exception: a snapshot commits to the journal under the table's lock (server/compaction.cc).
#pragma once

#include <mutex>

#if defined(__clang__)
#define SG_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define SG_THREAD_ANNOTATION(x)
#endif

#define GUARDED_BY(x) SG_THREAD_ANNOTATION(guarded_by(x))
#define REQUIRES(...) SG_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) SG_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace spillgate {

class SG_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() SG_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() SG_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  bool try_lock() SG_THREAD_ANNOTATION(try_acquire_capability(true)) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
};

class SG_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SG_THREAD_ANNOTATION(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() SG_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace spillgate
