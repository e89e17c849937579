#include "tests/sim/world.h"

#include <algorithm>

#include "core/base/format.h"

namespace spillgate::sim {
namespace {

constexpr Nanos kTick = std::chrono::milliseconds(1);
constexpr Nanos kBound = std::chrono::seconds(20);          // simulated, for what was begun to end
constexpr Nanos kUnhealed = std::chrono::milliseconds(10);  // of that, with faults
constexpr Nanos kNudge = std::chrono::milliseconds(3);

}  // namespace

config::Config World::MakeConfig(bool peer) {
  const auto among = [this](std::uint32_t least, std::uint32_t most) {
    return least + static_cast<std::uint32_t>(random_() % (most - least + 1));
  };
  config::Config config;
  config.node.name = peer ? "peer" : "node";
  config.node.resources.cpu = 1000 * among(2, 3);
  config.node.resources.gpu = peer ? 1000 : 0;
  config.node.resources.memory = config::MiB(64);
  config::LimitsConfig& limits = config.limits;
  limits.in_flight = tiny_ ? among(4, 10) : among(40, 200);
  limits.in_flight_bytes = tiny_ ? config::KiB(among(16, 64)) : config::MiB(4);
  limits.park = tiny_ ? 2 : among(20, 60);
  limits.park_bytes = config::KiB(tiny_ ? 8 : 256);
  limits.park_ttl = std::chrono::milliseconds(tiny_ ? among(20, 400) : 2000);
  limits.root_window = tiny_ ? among(2, 4) : among(6, 40);
  limits.spawn_reserve = 8;
  limits.spawn_reserve_bytes = config::KiB(16);
  limits.unfetched_per_session = tiny_ ? among(10, 60) : 500;
  limits.unfetched_bytes_per_session = config::KiB(among(8, 64));
  limits.inline_value = config::Bytes{random_() % 3 == 0 ? 512U : 65536U};
  limits.value_heap = config::KiB(among(4, 64));
  for (const char* name : {"tenant-0", "tenant-1"}) {
    config.tenants[name] = {.weight = among(1, 3), .uids = {}, .in_flight = limits.in_flight};
    if (random_() % 3 == 0) config.tenants[name].client_in_flight = among(2, tiny_ ? 4 : 20);
    if (random_() % 3 == 0) config.tenants[name].client_rate = among(20, 200);
    if (random_() % 3 == 0) config.tenants[name].rate = among(40, 400);
  }
  for (const config::StageName& stage : config::kStages) {
    config::StageConfig& options = config.stages.*stage.field;
    options.batch = tiny_ ? among(1, 4) : 64;
    if (!stage.serial) options.shards = among(1, 2);
    const bool interior = stage.field != &config::StagesConfig::submission &&
                          stage.field != &config::StagesConfig::publication;
    if (interior && random_() % 4 == 0) options.controller = config::ControllerKind::kBound;
    if (tiny_) options.capacity = among(2, 4);
  }
  config::StageConfig& door = config.stages.submission;
  if (random_() % 2 == 0) {
    // It, or one that goes by how those fare that it lets in.
    constexpr std::size_t kMost = std::size(config::kControllerNames);
    constexpr auto kFirst = static_cast<std::size_t>(config::ControllerKind::kAdaptiveBound);
    const std::size_t which = kFirst - 1 + random_() % (kMost - kFirst + 1);
    door.controller = which < kFirst ? config::ControllerKind::kBound
                                     : static_cast<config::ControllerKind>(which);
    door.dry_run = static_cast<config::DryRunKind>(random_() % (kMost + 1));
  } else {
    for (config::ClassConfig& cls : config.classes) {
      cls.target_delay = std::chrono::milliseconds(among(1, 20));
    }
  }
  // What a blocked task needs to go on may not stand behind it.
  config.stages.execution.capacity = limits.in_flight + limits.spawn_reserve;
  // For all that was accepted, as the config has to; in a tiny world less, so that fuses blow.
  config.stages.publication.capacity = limits.in_flight + (tiny_ ? 0 : limits.spawn_reserve);
  config.scheduling.reserve_after = std::chrono::milliseconds(among(1, 5));
  config.workers.retry_backoff = std::chrono::milliseconds(1);
  config.workers.retry_backoff_max = std::chrono::milliseconds(20);
  return config;
}

World::Side::Side(World& world, const std::string& name, config::Config from)
    : config(std::move(from)), host{.cpu = 4000, .memory = config::MiB(256)} {
  ledger.emplace(name, config::OfferedBy(config, host).amounts);
  mail.emplace([this, &world](ConnectionId to, const wire::FrameView& frame) {
    ledger->OnAnswer(to, frame, world.clock_.Now());
    world.Trace(to);
    world.Trace(static_cast<std::uint64_t>(world.clock_.Now().time_since_epoch().count()));
    for (const std::byte byte : frame.body) world.Trace(static_cast<std::uint64_t>(byte));
    for (const std::byte byte : frame.payload) world.Trace(static_cast<std::uint64_t>(byte));
  });
  node = std::make_unique<Node>(world.clock_, config, host, *mail, journal);
  MakeFunctions();
  Node& its = *node;
  executor = std::make_unique<StepExecutor>(
      world.clock_,
      NodePorts{.report = [&its](RunReport&& report) { its.OnReport(std::move(report)); },
                .notice = [&its](const RunNotice& notice) { its.OnNotice(notice); },
                .ask = [&its](ConnectionId connection, SessionId session,
                              Buffer frame) { its.Ask(connection, session, std::move(frame)); },
                .find_function = [](std::string_view) -> FunctionId { return 0; },
                .gone =
                    [this, &its](ConnectionId connection) {
                      mail->Close(connection);
                      its.OnTaskConnectionGone(connection);
                    }},
      *ledger, Odds(), world.random_());
}

void World::Side::MakeFunctions() {
  const auto add = [this](Name name, Host hosted, std::int64_t cpu, std::int64_t gpu = 0,
                          std::uint32_t slots = 0) {
    Function function{.name = std::string(NameOf(name)), .host = hosted, .slot_limit = slots};
    function.shape.amount[kCpu] = cpu;
    function.shape.amount[kGpu] = gpu;
    const Status status = node->AddFunction(function);
    if (!status.ok()) ledger->Breach(status.error().message);
  };
  add(kInlineQuick, Host::kInline, 0);
  add(kThreadOne, Host::kThread, 1000);
  add(kThreadHalf, Host::kThread, 500);
  add(kThreadTwo, Host::kWorker, 2000);
  add(kLimited, Host::kThread, 1000, 0, 1);
  add(kUnleased, Host::kThread, 0);
  add(kNeedsGpu, Host::kWorker, 500, 1000);
  add(kThreadLeaf, Host::kThread, 1000);
}

World::World(std::uint64_t seed)
    : seed_(seed),
      random_(Mix(seed + 1)),
      tiny_(seed % 2 == 1),
      pair_(seed % 4 >= 2),
      next_tick_(clock_.Now() + kTick) {
  sides_.push_back(std::make_unique<Side>(*this, "node", MakeConfig(false)));
  Side& side = *sides_.front();
  PeerLink* peers = &no_peers_;
  if (pair_) {
    sides_.push_back(std::make_unique<Side>(*this, "peer", MakeConfig(true)));
    Side& peer = *sides_.back();
    Node& node = *side.node;
    link_ = std::make_unique<PairLink>(
        *peer.node, *peer.ledger, [&node](const PeerReply& reply) { node.OnPeerReply(reply); },
        PairLink::Odds(), random_());
    peers = link_.get();
    peer.node->Wire(*peer.executor, no_peers_, random_());
    peer.node->flow().StepOnly();
  }
  side.node->Wire(*side.executor, *peers, random_());
  side.node->flow().StepOnly();
  client_ = std::make_unique<ModelClient>(
      *side.node, *side.mail, *side.ledger,
      ModelClient::Options{.tiny = tiny_, .gpu = random_() % 2 == 0}, random_());
}

World::~World() {
  for (const auto& side : sides_) {
    side->executor->Stop();
    side->node->flow().Flush(clock_.Now());
  }
}

bool World::Step(Side& side) {
  const bool stepped = side.node->flow().Step(random_, clock_.Now());
  if (!stepped) side.ledger->OnNodeIdle(clock_.Now());
  return stepped;
}

void World::Advance(Nanos by) {
  clock_.Advance(by);
  const Instant now = clock_.Now();
  if (now < next_tick_) return;
  next_tick_ = now + kTick;
  for (const auto& side : sides_) {
    side->node->flow().TickAll(now);
    side->ledger->OnTick([&side](ConnectionId to) { return !side->mail->IsFull(to); }, now);
    CheckWindows(*side);
  }
}

void World::Deliver(Side& side, ConnectionId to, const Mailroom::Packet& packet) {
  const Instant now = clock_.Now();
  if ((to & kTaskConnection) != 0) {
    Mailroom::EachFrame(
        packet, [&](const wire::FrameView& frame) { side.executor->Deliver(to, frame, now); });
  } else if (to == PairLink::kConnection) {
    Mailroom::EachFrame(packet, [&](const wire::FrameView& frame) { link_->Deliver(frame, now); });
  } else {
    client_->Receive(to, packet, now);
  }
}

bool World::PumpOne(Side& side) {
  const std::vector<ConnectionId> addressees = side.mail->Addressees();
  if (addressees.empty()) return false;
  const ConnectionId to = addressees[random_() % addressees.size()];
  Deliver(side, to, side.mail->Take(to));
  return true;
}

void World::ActAtRandom(Instant now) {
  Side& side = *sides_[random_() % sides_.size()];
  const std::uint64_t choice = random_() % 16;
  if (choice < 8) {
    for (std::uint64_t i = random_() % 8; i > 0 && Step(side); --i) continue;
  } else if (choice < 9) {
    side.executor->RunDue(now);
    if (link_) link_->RunDue(now);
  } else if (choice < 11) {
    client_->Act(now);
  } else if (choice < 14) {
    PumpOne(side);
  } else {
    Advance(std::chrono::microseconds(1 + random_() % 150));
  }
}

void World::Run() {
  const std::uint64_t acts = 1000 + random_() % 6000;
  for (std::uint64_t i = 0; i < acts; ++i) ActAtRandom(clock_.Now());
  client_->WindDown(clock_.Now());
  Drain("what was begun");
  client_->AskForAll(clock_.Now());
  Drain("the last get");
  for (const auto& side : sides_) {
    side->ledger->CheckAnswered();
    CheckEmpty(*side);
  }
  CheckForwarded();
  CheckRecords(*sides_.front(), sides_.front()->ledger->unreleased(), "at rest");
  client_->ReleaseHalf(clock_.Now());
  Drain("a release");
  CheckRecords(*sides_.front(), sides_.front()->ledger->unreleased(), "after a release");
  client_->EndSessions(clock_.Now());
  Drain("the end of the sessions");
  CheckRecords(*sides_.front(), 0, "after the last session");
}

bool World::Quiet() const {
  for (const auto& side : sides_) {
    Shared& shared = side->node->shared();
    if (shared.in_flight.count() != 0 || shared.spawn_reserve.count() != 0) return false;
    if (side->executor->running() != 0 || !side->mail->empty()) return false;
    if (side->ledger->open() != 0) return false;
    MutexLock lock(shared.table.mutex());
    for (const auto& [id, session] : shared.table.sessions()) {
      if (session->ended) return false;
    }
  }
  return !client_->unsettled();
}

void World::Drain(const std::string& what) {
  const Instant end = clock_.Now() + kBound;
  const Instant heal = clock_.Now() + kUnhealed;
  Instant nudge = clock_.Now() + kNudge;
  bool healed = false;
  while (clock_.Now() < end) {
    const Instant now = clock_.Now();
    bool any = false;
    for (const auto& side : sides_) {
      while (Step(*side)) any = true;
      any |= side->executor->RunDue(now);
      while (PumpOne(*side)) any = true;
    }
    if (link_) any |= link_->RunDue(now);
    if (any) continue;
    if (Quiet()) return;
    if (!healed && now >= heal) {
      healed = true;
      for (const auto& side : sides_) side->executor->Heal(now);
      if (link_) link_->Heal();
    }
    if (now >= nudge) {
      nudge = now + kNudge;
      client_->Nudge(now);
    }
    Instant next = next_tick_;
    for (const auto& side : sides_) next = std::min(next, side->executor->NextDue());
    if (link_) next = std::min(next, link_->NextDue());
    if (next >= next_tick_) {
      for (const auto& side : sides_) CheckCancels(*side);
    }
    Advance(std::max(next - now, Nanos(1)));
  }
  for (const auto& side : sides_) {
    side->ledger->Breach(Format("{} did not end: {}", what, WhatIsLeft(*side)));
  }
}

}  // namespace spillgate::sim
