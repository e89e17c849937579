#include "core/store/stored_object.h"

#include "core/store/object_store.h"

namespace spillgate {

ObjectRef::~ObjectRef() {
  if (object_ == nullptr || object_->refs.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  object_->store.Forget(object_);
}

ObjectPin::~ObjectPin() {
  if (!object_.empty()) object_.object_->store.Unpin(*object_.object_, holder_);
}

std::uint64_t ObjectPin::offset() const {
  return object_.object_->memory.offset;
}

}  // namespace spillgate
