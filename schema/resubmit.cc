#include "schema/resubmit.h"

#include <cstring>

namespace spillgate::wire {
namespace {

// Places within the header and the fixed part; docs/protocol.md has both, and a test compares these
// with what SubmitWriter writes.
constexpr std::size_t kCorrelation = 12;
constexpr std::size_t kClock = 16;
constexpr std::size_t kAttempt = kHeaderSize + 2;
constexpr std::size_t kFunction = kHeaderSize + 8;
constexpr std::size_t kShape = kHeaderSize + 12;
constexpr std::size_t kRemaining = kHeaderSize + 16;

template <class T>
void Set(std::byte* frame, std::size_t at, T value) {
  std::memcpy(frame + at, &value, sizeof(value));
}

}  // namespace

void ReviseSubmit(std::byte* frame, const SubmitPreamble& preamble, std::uint32_t correlation,
                  std::uint64_t sent_us) {
  Set(frame, kCorrelation, correlation);
  Set(frame, kClock, sent_us);
  Set(frame, kAttempt, preamble.attempt);
  Set(frame, kFunction, preamble.function);
  Set(frame, kShape, preamble.shape);
  Set(frame, kRemaining, preamble.remaining_us);
}

}  // namespace spillgate::wire
