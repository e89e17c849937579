// From a decoded Submit frame to tasks. The same for frames that arrive and for those that the
// journal gives back. Pure, but for the slab.
#pragma once

#include <algorithm>

#include "core/model/task.h"
#include "schema/submit.h"
#include "stages/ruling.h"
#include "stages/shared.h"

namespace spillgate {

// What the tasks of one frame have in common.
struct TaskGroup : Ruling {
  Buffer frame;  // keeps everything below alive
  SessionId session = 0;
  wire::SubmitPreamble ask;
  wire::SubmitView view;
  ByteView payload;
  const Function* function = nullptr;  // null: each task names its own
  const Resources* shape = nullptr;

  [[nodiscard]] bool children() const { return (ask.flags & wire::kChild) != 0; }
};

inline constexpr std::uint32_t kTaskOverhead =
    512;  // bytes that an accepted task costs beside its frame

[[nodiscard]] inline std::uint32_t BytesEach(std::size_t frame, std::uint32_t count) {
  return kTaskOverhead + static_cast<std::uint32_t>(frame / std::max(1U, count));
}

// What numbers of a connection stand for; shape 0 is the function's own.
struct Named {
  const Function* function = nullptr;
  const Resources* shape = nullptr;
  Reason problem = Reason::kNone;
};
[[nodiscard]] Named FindNamed(const Shared& shared, std::uint32_t function, std::uint32_t shape);

// How often a task of that function may run again.
[[nodiscard]] inline std::uint8_t RetriesOf(const Function& function, const Limits& limits) {
  return function.max_retries.value_or(limits.max_retries.load(std::memory_order_relaxed));
}

// A client's word for more is read as this.
inline constexpr Nanos kMostHint = std::chrono::hours(1);

// Door and ready set count a function by what its clients say of it until the first of its runs has
// ended. What runs inline is never timed: they would name the price that they pay for good.
[[nodiscard]] inline bool TakesHints(const Function& function) {
  return function.host != Host::kInline;
}

// The slot time that one of the tasks takes, as their client says; 0 if it does not.
[[nodiscard]] Nanos HintOf(const wire::SubmitPreamble& ask, const Named& named);

// The id of task number `i` of the frame, which was decoded if it is one of children.
[[nodiscard]] TaskId IdOf(const Shared& shared, const TaskGroup& group, std::uint32_t i);

// Task number `i` of the frame. `reason` says why it is none.
[[nodiscard]] TaskPtr BuildTask(const Shared& shared, const TaskGroup& group, std::uint32_t i,
                                Reason& reason);

}  // namespace spillgate
