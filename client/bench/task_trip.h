// TaskTrip: one task at a time over a raw connection: submitted, and its result awaited and
// checked. Every so often the task is an echo, whose nonce has to come back. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "client/bench/bare_echo.h"
#include "client/bench/nonce.h"
#include "client/bench/options.h"
#include "client/bench/wire_client.h"
#include "schema/replies.h"
#include "schema/submit.h"

namespace spillgate::bench {

class TaskTrip {
 public:
  [[nodiscard]] static Result<TaskTrip> Open(const WireOptions& wire, const Options& options,
                                             Level level);

  // There and back. Whatever is not as it has to be is the error.
  [[nodiscard]] Status Once();
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t echoed() const { return echoed_; }
  // Bytes of the last trip that was neither an echo, unless all are, nor had a Release with it.
  [[nodiscard]] EchoSizes sizes() const { return sizes_; }
  [[nodiscard]] WireClient& wire() { return wire_; }

 private:
  TaskTrip(WireClient wire, const Options& options, Level level, std::uint32_t function,
           std::uint32_t echo);

  void Send(bool echo);
  // True: the result is there.
  [[nodiscard]] Result<bool> TakeFrames(bool echo);
  [[nodiscard]] Status CheckResult(const wire::FrameView& frame, const wire::ResultHead& head,
                                   bool echo);

  WireClient wire_;
  const Level level_;
  const std::uint32_t function_;
  const std::uint32_t echo_;
  const Options options_;
  const bool is_noop_;
  const SteadyClock clock_;
  wire::SubmitWriter writer_;
  Nonces nonces_;
  std::uint64_t seq_;
  std::uint64_t released_;  // numbers below it
  bool has_verdict_ = false;
  bool has_result_ = false;
  std::uint64_t count_ = 0;
  std::uint64_t echoed_ = 0;
  EchoSizes sizes_;
};

}  // namespace spillgate::bench
