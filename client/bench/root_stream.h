// RootStream: roots of known cost over one connection, and what became of every one of them. In an
// open loop they come at times drawn beforehand, whatever the node does, and count from those
// times: what is refused, late, lost or held up on the way is not good. In a closed loop a number
// of them is kept under way. A raw client ignores what the node says of when to send; one that
// cooperates holds roots back until it has credit for them, and sends what was refused again when
// it was told to; one of a storm sends again whatever was refused, late, or not answered by the
// deadline. One thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "client/bench/credit_gate.h"
#include "client/bench/held_roots.h"
#include "client/bench/options.h"
#include "client/bench/root_cost.h"
#include "client/bench/root_load.h"
#include "client/bench/root_report.h"
#include "client/bench/root_schedule.h"
#include "client/bench/root_writer.h"
#include "client/bench/timeouts.h"
#include "client/bench/wire_client.h"
#include "client/lib/retry_budget.h"
#include "core/model/reason.h"
#include "schema/replies.h"

namespace spillgate::bench {

class RootStream {
 public:
  // `work`: "spin" or "sleep".
  [[nodiscard]] static Result<RootStream> Open(const WireOptions& wire, RootShape shape,
                                               std::string_view work, std::size_t modes);

  // Runs the load, and waits for what is under way, for as long as something comes. The error is
  // that it cannot go on.
  [[nodiscard]] Result<RootReport> Run(const RootLoad& load, const Options& options);
  // A load for each of the streams, at the same time; of more than one, all are open loops.
  // `at_end`: called once, when their time is over and all that was due has been sent.
  [[nodiscard]] static Result<std::vector<RootReport>> RunTogether(
      std::span<RootStream> streams, std::span<const RootLoad> loads, const Options& options,
      const std::function<void()>& at_end = nullptr);

 private:
  struct Root {
    Instant due;
    std::uint32_t cost_us = 0;  // of each of its tasks
    std::uint8_t mode = 0;
    std::uint8_t phase = 0;
    RootFate fate = RootFate::kSilent;  // good, if one of its sendings was; else that of the last
  };
  struct Sending {
    std::uint32_t root = 0;  // by its place
    Instant due;             // when it would have come without what held it up
    Instant sent;
    std::uint32_t results = 0;  // to come
    std::uint8_t tries = 0;     // before this one
    bool open = true;
    bool refused = false;
    bool expired = false;
    bool given_up = false;  // its client waits no more: whatever becomes of it, nothing follows
  };
  struct Later {
    HeldRoot root;
    Instant from;  // not before
  };

  RootStream(WireClient wire, RootWriter writer, std::array<FunctionId, kModes> functions)
      : wire_(std::move(wire)),
        writer_(std::move(writer)),
        functions_(functions),
        next_seq_(wire_.next_seq()) {}

  // root_stream.cc: a run
  void Begin(const RootLoad& load, Instant now);
  [[nodiscard]] bool Done(Instant now);
  RootReport Finish();
  [[nodiscard]] bool Wait(Instant now, Instant next);
  [[nodiscard]] static bool WaitForAll(std::span<RootStream> streams, Instant now, Instant next);

  // root_sending.cc: what goes out
  [[nodiscard]] Instant SendWhatIsDue(Instant now);
  [[nodiscard]] Instant SendWhatIsHeld(Instant now);
  [[nodiscard]] Instant SendWhatTimedOut(Instant now);
  [[nodiscard]] Instant NextDue() const { return After(began_, schedule_.due()); }
  std::uint32_t Offer(Instant due);
  void Send(std::uint32_t root, std::uint8_t tries, Instant due, Instant now);
  void SendAgain(const Sending& sending, Instant now, Nanos retry_after);
  [[nodiscard]] HeldRoot Hold(std::uint32_t root, std::uint8_t tries) const;
  [[nodiscard]] Instant DeadlineOf(const Root& root) const;

  // root_answers.cc: what comes back
  void TakeFrames();
  void TakeVerdict(const wire::Verdict& verdict, Instant now);
  void TakeRefusal(Sending& sending, const wire::Verdict& verdict, Instant now);
  void TakeRejection(Sending& sending, Reason reason, Instant now);
  void TakeResult(const wire::ResultHead& head, const wire::FrameView& frame, Instant now);
  void TakeDone(Sending& sending, std::uint64_t seq, ByteView value, Instant now);
  void TakeFailure(Sending& sending, const wire::ResultHead& head, ByteView value, Instant now);
  void CountResult(Sending& sending, Instant now);
  void Close(Sending& sending);
  static void Judge(Root& root, RootFate fate);
  void Wrong(Sending& sending, std::string what);
  void Wrong(std::string what);
  [[nodiscard]] Sending* SendingOf(std::uint64_t seq);
  [[nodiscard]] bool IsOver(const Sending& sending, Instant now) const;
  [[nodiscard]] bool IsFirst(std::uint64_t seq) const;
  [[nodiscard]] bool IsLast(std::uint64_t seq) const;
  [[nodiscard]] RootReport& PartOf(const Root& root) {
    return parts_[load_.parts ? root.phase : 0];
  }
  void ReleaseSome(std::uint64_t at_least);

  WireClient wire_;
  RootWriter writer_;
  const std::array<FunctionId, kModes> functions_;
  SteadyClock clock_;
  CreditGate gate_;

  // Of the run.
  RootLoad load_;
  bool open_loop_ = false;
  std::vector<RootReport> parts_;
  RootSchedule schedule_;
  std::mt19937_64 random_;  // for what a client leaves to chance
  std::uint64_t first_seq_ = 0;
  std::uint64_t next_seq_;
  std::vector<Root> roots_;        // in the order in which they were due
  std::vector<Sending> sendings_;  // in the order of their numbers
  HeldRoots held_;                 // may go as soon as there is credit
  std::vector<Later> later_;       // a heap by when they may go
  Timeouts timeouts_;              // of those that would be sent again
  std::uint64_t under_way_ = 0;
  Instant began_;
  Instant until_;
  Instant heard_;  // when something last came of what was under way
  client::RetryBudget retry_budget_{0, 0};
  std::vector<wire::Range> releases_;
  std::uint64_t to_release_ = 0;
};

}  // namespace spillgate::bench
