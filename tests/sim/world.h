// World: one simulated run, whole: a node (or a pair of them), what executes its tasks, a client,
// and the time, all of it decided by one seed. Half of the seeds give the node tiny capacities, a
// quarter gives it a peer. A run has three parts: everybody acts in random order; then the client
// adds nothing more, faults heal, and all that was begun has to end within a bound of simulated
// time; then everything is let go of, and the node must be empty.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/embedded/no_journal.h"
#include "core/embedded/no_peers.h"
#include "server/node.h"
#include "tests/sim/ledger.h"
#include "tests/sim/mailroom.h"
#include "tests/sim/model_client.h"
#include "tests/sim/pair_link.h"
#include "tests/sim/step_executor.h"

namespace spillgate::sim {

// How often what a simulation is for did happen.
struct Happened {
  std::uint64_t refused = 0;
  std::uint64_t parked = 0;
  std::uint64_t spawns_waited = 0;
  std::uint64_t from_reserve = 0;
  std::uint64_t expired = 0;
  std::uint64_t out_of_reach = 0;
  std::uint64_t past_quota = 0;
  std::uint64_t cancelled = 0;
  std::uint64_t retried = 0;
  std::uint64_t unmatched = 0;
  std::uint64_t killed = 0;
  std::uint64_t accepted = 0;
  std::uint64_t repeated = 0;
  std::uint64_t forwarded = 0;
  std::uint64_t nested = 0;
  std::uint64_t handed_on = 0;  // slots, to prefetched tasks
  std::uint64_t held_up = 0;
  std::uint64_t fuses = 0;

  void Add(const Happened& other);
};

class World {
 public:
  explicit World(std::uint64_t seed);
  ~World();

  void Run();

  [[nodiscard]] std::vector<std::string> Breaches() const;
  [[nodiscard]] Happened happened() const;
  // Of every answer and its time: the same in each run of the seed.
  [[nodiscard]] std::uint64_t trace() const { return trace_; }

 private:
  // A node and what stands around it.
  struct Side {
    Side(World& world, const std::string& name, config::Config config);
    void MakeFunctions();

    config::Config config;
    const config::HostLimits host;
    NoJournal journal;
    std::optional<Ledger> ledger;
    std::optional<Mailroom> mail;
    std::unique_ptr<Node> node;
    std::unique_ptr<StepExecutor> executor;
  };

  [[nodiscard]] config::Config MakeConfig(bool peer);
  void ActAtRandom(Instant now);
  [[nodiscard]] bool Step(Side& side);
  bool PumpOne(Side& side);
  void PumpAll();
  void Deliver(Side& side, ConnectionId to, const Mailroom::Packet& packet);
  void Advance(Nanos by);
  [[nodiscard]] bool Quiet() const;
  // Until nothing is left to do; a breach if that takes too long.
  void Drain(const std::string& what);
  void CheckCancels(Side& side);
  static void CheckWindows(Side& side);
  void CheckEmpty(Side& side);
  void CheckRecords(Side& side, std::size_t expected, const std::string& when);
  void CheckForwarded();
  [[nodiscard]] std::string WhatIsLeft(Side& side) const;
  void Trace(std::uint64_t value) { trace_ = Mix(trace_ ^ value) + value; }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  const bool tiny_;
  const bool pair_;
  ManualClock clock_;
  Instant next_tick_;
  std::uint64_t trace_ = 0;
  NoPeers no_peers_;
  std::vector<std::unique_ptr<Side>> sides_;  // the node, and its peer if it has one
  std::unique_ptr<PairLink> link_;
  std::unique_ptr<ModelClient> client_;
};

}  // namespace spillgate::sim
