#include "core/base/thread_index.h"

#include <bitset>

#include "core/base/check.h"
#include "core/base/mutex.h"

namespace spillgate {
namespace {

struct Taken {
  Mutex mutex;
  std::bitset<kThreadIndexes> indexes GUARDED_BY(mutex);
};

Taken& TheTaken() {
  // tidy: new: never destroyed, for threads may outlive static destructors
  static Taken* taken = new Taken;
  return *taken;
}

struct Holder {
  std::size_t index;

  Holder() {
    Taken& taken = TheTaken();
    MutexLock lock(taken.mutex);
    for (index = 0; index < kThreadIndexes && taken.indexes.test(index);) ++index;
    SG_CHECK(index < kThreadIndexes);
    taken.indexes.set(index);
  }
  ~Holder() {
    Taken& taken = TheTaken();
    MutexLock lock(taken.mutex);
    taken.indexes.reset(index);
  }
};

}  // namespace

std::size_t ThreadIndex() {
  static thread_local const Holder holder;
  return holder.index;
}

}  // namespace spillgate
