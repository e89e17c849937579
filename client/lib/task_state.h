// TaskState: what the library knows of one task, put or root of its session; a Future points to it.
// `phase` and `seq` may be read by any thread; what `phase` announces is written before it and then
// stays. Everything else is the session's, under the driver's lock. It lives until its future is
// dropped, it has ended, and nothing that was sent still needs it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "client/lib/failure.h"
#include "client/lib/waiter.h"
#include "core/base/buffer.h"
#include "core/base/ids.h"

namespace spillgate::client {

class Session;
struct Parcel;

enum class Phase : std::uint8_t {
  kPending,
  kAtNode,  // ended, and how, or with what value, only the node knows
  kHere,    // ended well, with its value
  kFailed,
};

struct TaskState {
  std::atomic<Phase> phase{Phase::kPending};
  std::atomic<std::uint64_t> seq{0};
  std::atomic<SessionId> session_id{0};
  Session* session = nullptr;

  Value value;
  std::unique_ptr<Failure> failure;

  Parcel* parcel = nullptr;    // that still holds it: until its verdict, and a while longer
  std::uint32_t position = 0;  // in that parcel
  std::uint32_t pins = 0;      // parcels with it as an argument
  std::uint64_t root = 0;      // that it is in; its own number when it is a root of its own
  Waiter* waiter = nullptr;
  std::unique_ptr<std::function<void()>> done;
  TaskState* next = nullptr;  // among those dropped, or free

  std::uint8_t retries = 0;
  std::uint8_t waits = 0;  // how often it was refused for want of room or credit
  std::uint8_t returns = 1;
  bool is_task = true;  // else a put or an opened root: ready with its verdict
  bool pushed = true;
  bool keep = false;
  bool detached = false;
  bool accepted = false;
  bool dropped = false;        // no future any more
  bool released = false;       // the node was told so
  bool fetching = false;       // a Get of it is under way
  bool fetch_wanted = false;   // as soon as it has been accepted
  bool cancel_wanted = false;  // the same
  bool wants_value = false;    // the waiter is not content with kAtNode
  bool wants_verdict = false;  // the waiter is content with `accepted`
  bool counted = false;        // among the tasks without a result

  [[nodiscard]] Phase Look() const { return phase.load(std::memory_order_acquire); }
  [[nodiscard]] bool pending() const { return Look() == Phase::kPending; }
};

// States in blocks, given out and taken back under the driver's lock.
class StatePool {
 public:
  [[nodiscard]] TaskState* Make(Session* session) {
    if (free_ == nullptr) Grow();
    TaskState* state = free_;
    free_ = state->next;
    state->next = nullptr;
    state->session = session;
    ++live_;
    return state;
  }
  void Free(TaskState* state);
  [[nodiscard]] std::size_t live() const { return live_; }

 private:
  static constexpr std::size_t kBlock = 1024;
  void Grow();

  std::vector<std::unique_ptr<TaskState[]>> blocks_;
  TaskState* free_ = nullptr;
  std::size_t live_ = 0;
};

}  // namespace spillgate::client
