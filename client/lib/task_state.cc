#include "client/lib/task_state.h"

namespace spillgate::client {

// As new: field by field, because atomics cannot be assigned as a whole.
void StatePool::Free(TaskState* state) {
  if (state->value.size() > Value::kInline) state->value = Value();
  state->phase.store(Phase::kPending, std::memory_order_relaxed);
  state->seq.store(0, std::memory_order_relaxed);
  state->session_id.store(0, std::memory_order_relaxed);
  state->failure.reset();
  state->done.reset();
  state->parcel = nullptr;
  state->position = state->pins = 0;
  state->root = 0;
  state->waiter = nullptr;
  state->retries = state->waits = 0;
  state->returns = 1;
  state->is_task = state->pushed = true;
  state->keep = state->detached = state->accepted = false;
  state->dropped = state->released = state->fetching = state->fetch_wanted = false;
  state->cancel_wanted = state->wants_value = state->wants_verdict = state->counted = false;
  state->next = free_;
  free_ = state;
  --live_;
}

void StatePool::Grow() {
  blocks_.push_back(std::make_unique<TaskState[]>(kBlock));
  TaskState* block = blocks_.back().get();
  for (std::size_t i = 0; i < kBlock; ++i) {
    block[i].next = i + 1 < kBlock ? &block[i + 1] : nullptr;
  }
  free_ = block;
}

}  // namespace spillgate::client
