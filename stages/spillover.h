// Spillover: offers a task to another node and keeps it until that node has it. Accepted elsewhere,
// it ends here as forwarded; refused, it returns to scheduling once, marked to stay. An answer that
// got lost is asked for again with the same offer, which the peer recognises by the task's id.
// Serial: one owner of what is on offer.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "core/base/hash_map.h"
#include "core/flow/emit.h"
#include "core/ports/peer_link.h"
#include "stages/events.h"

namespace spillgate {

// A peer's answer, as an event.
struct PeerAnswered {
  PeerReply reply;
};

class Spillover {
 public:
  using In = std::variant<Spilled, PeerAnswered, CancelAsked>;
  struct Out {
    flow::Emit<Finished> finished;
    flow::EmitBack<Returned> returned;
    flow::Departure departed;  // what returns gives its place back here
  };
  struct Options {
    Nanos answer_timeout = std::chrono::milliseconds(250);
    std::uint8_t most_offers = 3;
  };

  Spillover(PeerLink& peers, Options options, Out out);

  void Handle(std::span<In> batch, Instant now);
  void Tick(Instant now);
  void Flush(Instant now);
  void Keep(Finished&& event) { kept_.push_back(std::move(event)); }

 private:
  struct Offer {
    TaskPtr task;
    Instant until = kNever;
    std::uint8_t times = 0;
    bool cancelled = false;  // asked for while a peer may already have it
  };

  void OfferAgain(Offer& offer, Instant now);
  void OnAnswer(const PeerReply& reply, Instant now);
  void GiveBack(TaskPtr task, Instant now);
  void EmitAll(Instant now);

  PeerLink& peers_;
  const Options options_;
  Out out_;
  HashMap<TaskId, Offer> offers_;
  std::vector<Finished> finished_;
  std::vector<Finished> kept_;
  std::vector<Returned> returned_;
};

}  // namespace spillgate
