// PairLink: joins two nodes of one process. What one offers is submitted to the other as a client
// would do it, under the same id, with the values of its arguments inside; the verdict is the
// answer. Answers get lost (unknown, or silence) and offers are refused, as the odds say. It acts
// only in RunDue and Deliver, between steps of the nodes. One thread.
#pragma once

#include <map>
#include <random>

#include "core/ports/peer_link.h"
#include "schema/submit.h"
#include "server/node.h"
#include "tests/sim/ledger.h"

namespace spillgate::sim {

class PairLink final : public PeerLink {
 public:
  struct Odds {  // in a thousand
    std::uint32_t refused = 100;
    std::uint32_t unknown = 150;
    std::uint32_t silent = 50;
  };
  static constexpr ConnectionId kConnection = 1'000'000;  // on the other node

  PairLink(Node& other, Ledger& other_ledger, OnPeerReply reply, Odds odds, std::uint64_t seed)
      : other_(other),
        ledger_(other_ledger),
        reply_(std::move(reply)),
        odds_(odds),
        random_(seed) {}

  [[nodiscard]] bool HasPeers() const override { return true; }
  void Offer(const Task& task, Instant now) override;

  bool RunDue(Instant now);  // false if nothing was due
  [[nodiscard]] Instant NextDue() const { return due_.empty() ? kNever : due_.begin()->first; }
  // An answer of the other node.
  void Deliver(const wire::FrameView& frame, Instant now);
  void Heal() { odds_ = {.refused = 0, .unknown = 0, .silent = 0}; }
  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }

 private:
  struct Event {
    Sending sending;  // an offer on its way; without ids: the reply
    Buffer frame;
    PeerReply reply;
  };
  [[nodiscard]] bool TooLarge(const Task& task) const;
  void Answer(TaskId task, PeerAnswer answer, Instant now);
  [[nodiscard]] bool Chance(std::uint32_t in_a_thousand) {
    return random_() % 1000 < in_a_thousand;
  }

  Node& other_;
  Ledger& ledger_;
  const OnPeerReply reply_;
  Odds odds_;
  std::mt19937_64 random_;
  std::multimap<Instant, Event> due_;
  std::map<std::uint32_t, TaskId> asked_;   // by correlation
  std::map<TaskId, std::uint8_t> offered_;  // how often
  std::uint32_t next_correlation_ = 1;
  std::uint64_t accepted_ = 0;
  wire::SubmitWriter writer_;
};

}  // namespace spillgate::sim
