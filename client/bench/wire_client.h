// WireClient: the protocol without a client library around it, for measuring what the node can do:
// a socket, frames out, frames in. Waits as every client of ours does (waiting_read.h). One thread.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "schema/frame.h"
#include "schema/messages.h"
#include "schema/out_buffer.h"

namespace spillgate::bench {

struct WireOptions {
  std::string address;                            // "unix:///path" or "tcp://host:port"
  Nanos poll = std::chrono::microseconds(20);     // looks again for so long before it blocks
  Nanos answer_within = std::chrono::seconds(5);  // of the handshake and of single questions
  std::string tenant = {};                        // as it calls itself; "": it does not
};

// What an Error says, for people.
[[nodiscard]] std::string ErrorIn(const wire::FrameView& frame);

class WireClient {
 public:
  ~WireClient();
  WireClient(WireClient&& other) noexcept;
  WireClient& operator=(WireClient&&) = delete;

  // Connects and says Hello.
  [[nodiscard]] static Result<WireClient> Connect(const WireOptions& options);
  // Questions, for when nothing else is under way: other answers that come meanwhile are dropped.
  [[nodiscard]] Result<std::uint32_t> Find(std::string_view function);
  [[nodiscard]] Result<std::string> Stats(std::string_view what);
  // The same in two halves: asks, without waiting for anything; and takes the answer.
  void AskStats(std::string_view what);
  [[nodiscard]] Result<std::string> TakeStats();
  // What was put into out(), and then the frame of that type which answers it, good until the next
  // Receive.
  [[nodiscard]] Result<wire::FrameView> Ask(wire::FrameType answer);

  // Lets go of these results; no frame has more than it may.
  void Release(std::span<const wire::Range> ranges);

  [[nodiscard]] wire::OutBuffer& out() { return out_; }
  // Sends what there is room for; false when the connection is gone.
  [[nodiscard]] bool Flush();
  // Waits for something to read, at most so long (0: not at all); reads it. False when the
  // connection is gone.
  [[nodiscard]] bool Receive(Nanos at_most);
  // The next whole frame of what was read, valid until the next Receive; false: there is none.
  [[nodiscard]] bool Next(wire::FrameView& frame);

  [[nodiscard]] SessionId session() const { return welcome_.session; }
  [[nodiscard]] std::uint64_t next_seq() const { return welcome_.next_seq; }
  [[nodiscard]] std::uint32_t max_batch() const { return welcome_.max_batch; }
  [[nodiscard]] std::uint32_t NextCorrelation() { return ++correlation_; }
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }
  [[nodiscard]] std::uint64_t bytes_received() const { return bytes_received_; }
  [[nodiscard]] int fd() const { return fd_; }
  // The process at the other end of a Unix socket; 0: not known.
  [[nodiscard]] pid_t peer() const;

 private:
  explicit WireClient(const WireOptions& options) : options_(options) {}
  [[nodiscard]] Status Handshake();

  WireOptions options_;
  int fd_ = -1;
  wire::Welcome welcome_;
  wire::OutBuffer out_;
  wire::OutBuffer in_;
  std::size_t taken_ = 0;  // bytes of `in_` that Next has given out
  std::uint32_t correlation_ = 0;
  std::uint64_t bytes_sent_ = 0;
  std::uint64_t bytes_received_ = 0;
  SteadyClock clock_;
};

}  // namespace spillgate::bench
