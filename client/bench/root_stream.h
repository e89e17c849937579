// RootStream: roots of known cost over one raw connection, one task and one frame each, and what
// became of every one of them. In an open loop they are sent at times drawn beforehand, whatever
// the node does, and count from those times: what is refused, late, lost or held up on the way is
// not good. In a closed loop a number of them is kept under way. Ignores credits. One thread at a
// time.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "client/bench/nonce.h"
#include "client/bench/options.h"
#include "client/bench/root_report.h"
#include "client/bench/wire_client.h"
#include "core/model/reason.h"
#include "schema/replies.h"
#include "schema/submit.h"

namespace spillgate::bench {

// How the cost of roots is spread around its mean.
struct Service {
  Nanos mean = std::chrono::milliseconds(1);
  CostMix mix = CostMix::kConstant;
};

// A part of an open loop.
struct Phase {
  double rate = 0;  // roots a second
  Nanos time{0};
};

struct RootLoad {
  double rate = 0;           // roots a second, by a Poisson process; 0: a closed loop
  std::uint32_t window = 1;  // of the closed loop: under way
  Nanos time{0};
  Service service;
  TaskClass cls = TaskClass::kNormal;
  // From the time at which a root should have been sent, by its mode; 0: none.
  std::array<Nanos, kModes> deadlines{};
  bool long_ones = false;  // nothing but roots of the second mode
  // Times that a root which was refused, or did not come in time, is sent again at once, whatever
  // the node says of when; of all that is sent at most this part again, 0: any.
  std::uint32_t retries = 0;
  double retry_budget = 0;
  std::uint64_t seed = 1;
  // Of an open loop whose rate changes: in the place of `rate` and `time`. Then the outcome of each
  // root is reported.
  std::vector<Phase> phases;
};

class RootStream {
 public:
  // `function` costs what it is told, and so does the one whose name has "_long" behind it.
  [[nodiscard]] static Result<RootStream> Open(const WireOptions& wire, std::string_view function);

  // Runs the load, and waits for what is under way, for as long as something comes. The error is
  // that it cannot go on.
  [[nodiscard]] Result<RootReport> Run(const RootLoad& load, const Options& options);
  // A load for each of the streams, at the same time; of more than one, all are open loops.
  [[nodiscard]] static Result<std::vector<RootReport>> RunTogether(std::span<RootStream> streams,
                                                                   std::span<const RootLoad> loads,
                                                                   const Options& options);
  [[nodiscard]] WireClient& wire() { return wire_; }

 private:
  struct Entry {
    Instant due;
    Instant sent;
    std::uint32_t cost_us = 0;
    std::uint8_t mode = 0;
    std::uint8_t tries = 0;      // before this one
    std::uint32_t original = 0;  // the first of them, by its place
    RootFate fate = RootFate::kSilent;
    bool open = true;
  };

  RootStream(WireClient wire, std::array<std::uint32_t, kModes> functions)
      : wire_(std::move(wire)), functions_(functions), next_seq_(wire_.next_seq()) {}

  void Begin(const RootLoad& load, Instant now);
  [[nodiscard]] bool Done(Instant now);
  RootReport Finish();
  [[nodiscard]] static bool WaitForAll(std::span<RootStream> streams, Instant now, Instant next);
  void TellOutcomes();
  [[nodiscard]] Instant SendWhatIsDue(Instant now);
  [[nodiscard]] Instant NextDue();
  void Send(Instant due, Instant now);
  void Put(Entry entry, Instant now);
  void SendAgain(const Entry& entry, Instant now);
  struct Cost {
    std::uint32_t us = 1;
    std::uint8_t mode = 0;
  };
  [[nodiscard]] Cost DrawCost();
  [[nodiscard]] bool Wait(Instant now, Instant next);
  void TakeFrames();
  void TakeVerdicts(const wire::FrameView& frame);
  void TakeResults(const wire::FrameView& frame);
  void TakeResult(const wire::ResultHead& head, const wire::FrameView& frame, Instant now);
  void Wrong(std::string what);
  [[nodiscard]] Entry* Close(std::uint64_t seq);
  void ReleaseSome(std::uint64_t at_least);

  WireClient wire_;
  const std::array<std::uint32_t, kModes> functions_;
  wire::SubmitWriter writer_;
  SteadyClock clock_;

  // Of the run.
  RootLoad load_;
  RootReport report_;
  Nonces nonces_{1, Nonces::kLeastSize};
  std::mt19937_64 random_;
  std::uint64_t first_seq_ = 0;
  std::uint64_t next_seq_;
  std::vector<Entry> entries_;
  std::uint64_t under_way_ = 0;
  Instant next_due_;
  Instant began_;
  Instant until_;
  Instant heard_;  // when something last came of what was under way
  std::size_t phase_ = 0;
  Instant phase_ends_;
  double may_send_again_ = 0;
  std::vector<wire::Range> releases_;
  std::uint64_t to_release_ = 0;
};

}  // namespace spillgate::bench
