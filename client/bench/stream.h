// Stream: one client that keeps a node busy over one connection: frames of tasks go out, results
// come back by themselves, are checked and released in ranges. Either a window of frames is kept
// under way (closed loop), or frames are sent at times drawn beforehand (open loop), whatever the
// node does; then a task's latency counts from the time at which it should have been sent. Some of
// the frames are echoes, whose results have to be the nonces that were sent. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "client/bench/latencies.h"
#include "client/bench/ledger.h"
#include "client/bench/nonce.h"
#include "client/bench/options.h"
#include "client/bench/wire_client.h"
#include "schema/replies.h"
#include "schema/submit.h"

namespace spillgate::bench {

struct StreamPlan {
  std::uint32_t batch = 64;
  std::uint32_t window = 64;
  Level level = Level::kNone;
  std::string function = "noop";
  std::uint32_t payload = 0;
  double rate = 0;  // tasks a second; 0: a closed loop
  std::uint64_t seed = 1;
  Nanos answer_within = std::chrono::seconds(30);
};

struct StreamReport {
  std::uint64_t sent = 0;      // tasks
  std::uint64_t verdicts = 0;  // on them
  std::uint64_t done = 0;
  std::uint64_t errors = 0;
  std::uint64_t echoed = 0;  // nonces that came back
  std::string problem;       // the first of the errors
  Latencies times;           // of tasks, from their frame's time to their result
  Latencies late;            // open loop: from when a frame should have been sent to when it was
  Instant began;
  Instant ended;  // the last result

  void Add(const StreamReport& other);
};

class Stream {
 public:
  [[nodiscard]] static Result<Stream> Open(const WireOptions& wire, const StreamPlan& plan);

  // For so long, and until all that was sent has ended. Errors of tasks are in the report; the
  // error is that the stream cannot go on.
  [[nodiscard]] Result<StreamReport> Run(Nanos time, const Options& options);
  [[nodiscard]] WireClient& wire() { return wire_; }

 private:
  Stream(WireClient wire, const StreamPlan& plan, std::uint32_t function, std::uint32_t echo);

  [[nodiscard]] bool IsEcho(std::uint64_t seq) const;
  [[nodiscard]] bool MaySend() const;
  void SendFrame(Instant sent);
  // What is to be sent now. When to look again, if nothing comes: kNever, as soon as something
  // has ended.
  [[nodiscard]] Instant SendWhatIsDue(Instant now, Instant until);
  [[nodiscard]] Instant SendOnTime(Instant now, Instant until);
  [[nodiscard]] bool Wait(Instant now, Instant next);
  void TakeFrames();
  void TakeVerdicts(const wire::FrameView& frame);
  void TakeResults(const wire::FrameView& frame);
  void TakeCredits(const wire::FrameView& frame);
  void CheckValue(const wire::ResultHead& head, const wire::FrameView& frame);
  void Wrong(std::string what, std::uint64_t count = 1);
  void ReleaseSome(std::uint64_t at_least);

  WireClient wire_;
  const StreamPlan plan_;
  const std::uint32_t function_;
  const std::uint32_t echo_;
  const bool all_echo_;
  const SteadyClock clock_;
  wire::SubmitWriter writer_;
  Ledger ledger_;
  Nonces nonces_;
  std::mt19937_64 random_;
  Instant next_send_;                    // open loop
  std::optional<std::uint64_t> credit_;  // tasks that may be sent in all; none: nothing was said
  std::uint64_t spent_ = 0;              // of that
  StreamReport report_;
};

}  // namespace spillgate::bench
