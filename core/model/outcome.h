// How a task ended. Written once: whoever sets the fate first wins, and from then on the task only
// travels to publication.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/buffer.h"
#include "core/base/ids.h"
#include "core/model/reason.h"

namespace spillgate {

enum class Fate : std::uint8_t {
  kOpen = 0,
  kDone = 1,
  kFailed = 2,
  kCancelled = 3,
  kExpired = 4,
  kForwarded = 5,
};

// What a failed task leaves behind, for people and for its dependants. Allocated only on failure.
struct Failure {
  std::string message;  // at most 4 KiB: what, where, what to do next
  TaskId root_cause;    // the first task of a chain of kDependencyFailed; else none
};

struct Outcome {
  Fate fate = Fate::kOpen;
  Reason reason = Reason::kNone;
  Value value;  // return 0
  std::unique_ptr<std::vector<Value>>
      further;  // returns 1 and up, for the few tasks that have them
  std::unique_ptr<Failure> failure;

  [[nodiscard]] bool open() const { return fate == Fate::kOpen; }
};

// What the values of an outcome keep on the heap, for bounds in bytes.
[[nodiscard]] inline std::size_t HeapBytes(const Outcome& outcome) {
  std::size_t bytes = outcome.value.heap_bytes();
  if (outcome.further != nullptr) {
    for (const Value& value : *outcome.further) bytes += value.heap_bytes();
  }
  return bytes;
}

}  // namespace spillgate
