// Future: the result of a task, or a value that was put. Moved, not copied; dropping it tells the
// node that nobody will ask (the task runs on; Cancel stops it). Any thread may use it, one at a
// time: like a container, not like a mutex. Arg: one argument of a task, bytes or a future; it only
// points to what it was made from, which is read before Submit returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "client/lib/failure.h"
#include "core/base/buffer.h"
#include "core/base/ids.h"

namespace spillgate::client {

struct TaskState;  // in task_state.h: the library's own

class Future {
 public:
  Future() = default;  // of nothing: not valid
  Future(Future&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Future& operator=(Future&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~Future() {
    if (state_ != nullptr) Drop();
  }

  [[nodiscard]] bool valid() const { return state_ != nullptr; }
  // Of the task; a retry changes it. None for what never got one.
  [[nodiscard]] TaskId id() const;
  [[nodiscard]] ObjectId object(std::uint32_t index = 0) const { return {id(), index}; }

  // The node has accepted it, at the level that it was submitted with (at `sync` it is on the disk
  // by then), as far as this client has heard; Client::WaitAccepted waits for it. A task whose
  // argument is refused after that, and tried again, is submitted again as well.
  [[nodiscard]] bool accepted() const;
  // It has ended, well or badly, as far as this client has heard. One atomic load.
  [[nodiscard]] bool ready() const;
  // After ready(): it ended well and its value is here. One without push, or with a value that
  // max_held_bytes had no room for, is ready and not here: Get fetches it.
  [[nodiscard]] bool has_value() const;
  [[nodiscard]] ByteView bytes() const;          // of has_value(), until the future is dropped
  [[nodiscard]] const Failure* failure() const;  // after ready(): null if it ended well

  // Waits until it is there, for `timeout` at most (0: what is there now), and gives the value of
  // one return. The returns from 1 up are fetched each time.
  [[nodiscard]] Result<Value> Get(Nanos timeout, std::uint32_t index = 0) const;

  // Calls `done` once, when the future is ready: on the client's own thread, or here and now if it
  // is ready already. Not if the future is dropped first. It must not block; it may submit.
  void Then(std::function<void()> done);

  // The library's own: what makes futures, and takes them apart.
  [[nodiscard]] static Future For(TaskState* state) { return Future(state); }
  [[nodiscard]] TaskState* Take() { return std::exchange(state_, nullptr); }

 private:
  friend class Client;
  friend class Arg;
  explicit Future(TaskState* state) : state_(state) {}
  void Drop();

  TaskState* state_ = nullptr;
};

class Arg {
 public:
  Arg(ByteView bytes) : bytes_(bytes) {}                 // NOLINT: conversions are the point
  Arg(std::string_view text) : bytes_(AsBytes(text)) {}  // NOLINT
  Arg(const std::string& text) : Arg(std::string_view(text)) {}  // NOLINT
  Arg(const char* text) : Arg(std::string_view(text)) {}         // NOLINT
  Arg(const Future& future, std::uint32_t index = 0)             // NOLINT
      : state_(future.state_), index_(index), kind_(Kind::kFuture) {}
  Arg(ObjectId object)  // NOLINT: one that others gave us
      : object_(object.task), index_(object.index), kind_(Kind::kObject) {}

 private:
  friend class Session;
  enum class Kind : std::uint8_t { kBytes, kFuture, kObject };

  ByteView bytes_;
  TaskId object_;
  TaskState* state_ = nullptr;
  std::uint32_t index_ = 0;
  Kind kind_ = Kind::kBytes;
};

using Args = std::span<const Arg>;

}  // namespace spillgate::client
