#include "client/lib/future.h"

#include "client/lib/driver.h"

namespace spillgate::client {

TaskId Future::id() const {
  if (state_ == nullptr || SeqOf(*state_) == 0) return {};
  return {state_->session_id.load(std::memory_order_relaxed), SeqOf(*state_)};
}

bool Future::accepted() const {
  if (state_ == nullptr) return false;
  MutexLock lock(state_->session->driver()->mutex());
  const Phase phase = state_->Look();
  return state_->accepted || phase == Phase::kAtNode || phase == Phase::kHere;
}

bool Future::ready() const {
  return state_ != nullptr && state_->Look() != Phase::kPending;
}

bool Future::has_value() const {
  return state_ != nullptr && state_->Look() == Phase::kHere;
}

ByteView Future::bytes() const {
  return has_value() ? state_->value.view() : ByteView();
}

const Failure* Future::failure() const {
  return state_ != nullptr && state_->Look() == Phase::kFailed ? state_->failure.get() : nullptr;
}

void Future::Drop() {
  TaskState* state = std::exchange(state_, nullptr);
  Driver& driver = *state->session->driver();
  state->session->Drop(state);
  driver.Dropped();
}

void Future::Then(std::function<void()> done) {
  if (state_ == nullptr) return;
  if (ready()) return done();
  Driver& driver = *state_->session->driver();
  MutexLock lock(driver.mutex());
  driver.session().Then(*state_, std::move(done));
  driver.CallThread();
}

}  // namespace spillgate::client
