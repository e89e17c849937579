// A reload reaches the part that it is about: for each live knob that the node itself reads, what
// is in effect before and after. The others are read by the adapters of the daemon (see
// tests/e2e/reload_test.py) and are listed, so that no knob is called live and read by nobody.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>

#include "config/knobs.h"
#include "config/sections.h"
#include "core/embedded/no_journal.h"
#include "core/embedded/no_peers.h"
#include "server/node.h"

namespace spillgate {
namespace {

class NoReplies final : public ReplySink {
 public:
  void Send(ConnectionId, ByteView, std::uint32_t) override {}
  [[nodiscard]] bool TakesPushes(ConnectionId) const override { return true; }
};

class NoExecutor final : public Executor {
 public:
  void RunHere(Task&, Instant) override {}
  void Start(TaskPtr, TaskId, Instant) override {}
  void Interrupt(TaskId, Reason, Instant) override {}
  void Tick(Instant) override {}
  void Stop() override {}
};

struct WiredNode {
  explicit WiredNode(const config::Config& config)
      : node(clock, config, {.cpu = 2000, .memory = config::MiB(64)}, replies, journal) {
    node.Wire(executor, peers, 1);
    node.flow().StepOnly();
  }
  [[nodiscard]] flow::AnyInbox& stage(const std::string& name) {
    for (const auto& inbox : node.flow().inboxes()) {
      if (inbox->name() == name) return *inbox;
    }
    throw std::out_of_range(name);
  }

  ManualClock clock;
  NoReplies replies;
  NoJournal journal;
  NoPeers peers;
  NoExecutor executor;
  Node node;
};

using Probe = std::function<std::string(WiredNode&)>;

template <class T>
std::string Text(const std::atomic<T>& value) {
  if constexpr (std::is_same_v<T, Nanos>) {
    return std::to_string(value.load().count());
  } else {
    return std::to_string(value.load());
  }
}

const Tenant& Example(WiredNode& wired) {
  Tenants& tenants = wired.node.shared().tenants;
  return tenants.At(tenants.Find("example"));
}

// By section and key; what has a name is probed at the instance that the test makes.
const std::map<std::string, Probe>& NodeProbes() {
  static const auto limits = [](auto field) -> Probe {
    return [field](WiredNode& wired) { return Text(wired.node.shared().limits.*field); };
  };
  static const std::map<std::string, Probe> probes{
      {"limits.in_flight_bytes",
       [](WiredNode& w) { return std::to_string(w.node.shared().in_flight.bytes_limit()); }},
      {"limits.spawn_reserve_bytes",
       [](WiredNode& w) { return std::to_string(w.node.shared().spawn_reserve.bytes_limit()); }},
      {"limits.park", limits(&Limits::park)},
      {"limits.park_bytes", limits(&Limits::park_bytes)},
      {"limits.park_ttl", limits(&Limits::park_ttl)},
      {"limits.nesting_depth", limits(&Limits::nesting_depth)},
      {"limits.root_window", limits(&Limits::root_window)},
      {"limits.value_heap", limits(&Limits::value_heap)},
      {"limits.unfetched_bytes", limits(&Limits::unfetched_bytes)},
      {"limits.unfetched_per_session", limits(&Limits::unfetched_per_session)},
      {"limits.unfetched_bytes_per_session", limits(&Limits::unfetched_bytes_per_session)},
      {"scheduling.reserve_after", limits(&Limits::reserve_after)},
      {"workers.poison_deaths", limits(&Limits::poison_deaths)},
      {"workers.retry_backoff", limits(&Limits::retry_backoff)},
      {"workers.retry_backoff_max", limits(&Limits::retry_backoff_max)},
      {"workers.max_retries", limits(&Limits::max_retries)},
      {"workers.retry_budget", limits(&Limits::retry_budget)},
      {"pool.poll",
       [](WiredNode& w) { return std::to_string(w.node.flow().FindPool("loop")->poll().count()); }},
      {"stage.capacity",
       [](WiredNode& w) { return std::to_string(w.stage("submission").credits().count_limit()); }},
      {"stage.bytes",
       [](WiredNode& w) { return std::to_string(w.stage("submission").credits().bytes_limit()); }},
      {"stage.batch",
       [](WiredNode& w) {
         const auto& runnable = *w.node.flow().FindPool("loop")->runnables().front();
         return std::to_string(
             dynamic_cast<const flow::StageRunner<Submission>&>(runnable).batch());
       }},
      {"stage.controller",
       [](WiredNode& w) { return std::string(w.stage("submission").controller_name()); }},
      {"stage.target_delay",
       [](WiredNode& w) {
         return std::to_string(w.stage("submission").controller().target_delay().count());
       }},
      {"stage.dry_run",
       [](WiredNode& w) {
         const flow::DryRun* dry = w.stage("submission").dry_run();
         return dry == nullptr ? std::string() : std::string(dry->controller->name());
       }},
      {"class.share", [](WiredNode& w) { return Text(w.node.shared().limits.shares[0]); }},
      {"class.default_deadline",
       [](WiredNode& w) { return Text(w.node.shared().limits.default_deadline_ns[0]); }},
      {"class.target_delay",
       [](WiredNode& w) { return Text(w.node.shared().limits.target_delay_ns[0]); }},
      {"tenant.weight", [](WiredNode& w) { return Text(Example(w).weight); }},
      {"tenant.in_flight", [](WiredNode& w) { return Text(Example(w).in_flight); }},
      {"tenant.client_in_flight",
       [](WiredNode& w) { return Text(Example(w).quotas.client_in_flight); }},
      {"tenant.rate", [](WiredNode& w) { return Text(Example(w).quotas.rate); }},
      {"tenant.client_rate", [](WiredNode& w) { return Text(Example(w).quotas.client_rate); }},
  };
  return probes;
}

// Read by the daemon around the node; see Daemon::ApplyLive.
const std::set<std::string>& DaemonKnobs() {
  static const std::set<std::string> knobs{"node.log_level",        "auth.allow_uids",
                                           "auth.tenants_by_name",  "tenant.uids",
                                           "limits.drain",          "limits.connections_per_uid",
                                           "limits.session_ttl",    "limits.connections_reserved",
                                           "limits.result_ttl",     "limits.egress",
                                           "limits.handshake",      "workers.prestart",
                                           "workers.max",           "workers.idle",
                                           "workers.kill_grace",    "journal.sync_interval",
                                           "journal.group_records", "journal.linger"};
  return knobs;
}

std::string PathOf(const config::Knob& knob) {
  return std::string(knob.section) + "." + std::string(knob.key);
}

// Another value of the same kind, within its range.
config::Setting Other(const config::Setting& setting) {
  config::Setting other = setting;
  if (std::holds_alternative<config::Auto>(other)) other = std::int64_t{3};
  if (auto* number = std::get_if<std::int64_t>(&other)) *number += *number <= 1 ? 1 : -1;
  if (auto* fraction = std::get_if<double>(&other)) *fraction /= 2;
  return other;
}

TEST(NodeReload, EveryLiveKnobTakesEffect) {
  std::set<std::string> missing;
  for (const config::Knob& knob : config::Knobs()) {
    const std::string path = PathOf(knob);
    if (knob.change != config::Change::kLive || DaemonKnobs().contains(path)) continue;
    const auto probe = NodeProbes().find(path);
    if (probe == NodeProbes().end()) {
      missing.insert(path);
      continue;
    }
    config::Config config;
    const config::Section& section = *config::FindSection(knob.section);
    if (section.add != nullptr) section.add(config, "example");
    WiredNode wired(config);
    const std::string before = probe->second(wired);
    std::string name = config::InstancesOf(section, config).front();
    if (knob.section == "pool") name = "loop";
    if (knob.section == "stage") name = "submission";
    config::Config next = config;
    knob.access.set(next, name, Other(knob.access.get(config, name)));
    wired.node.Apply(next);
    EXPECT_NE(probe->second(wired), before) << path;
    wired.node.Apply(config);
    EXPECT_EQ(probe->second(wired), before) << path;
  }
  EXPECT_THAT(missing, ::testing::IsEmpty()) << "a live knob that nothing here probes";
}

TEST(NodeReload, WhatNobodyReadsAnyMoreIsNotListed) {
  for (const std::string& path : DaemonKnobs()) {
    const std::size_t dot = path.find('.');
    const config::Knob* knob = config::FindKnob(path.substr(0, dot), path.substr(dot + 1));
    ASSERT_NE(knob, nullptr) << path;
    EXPECT_EQ(knob->change, config::Change::kLive) << path;
  }
}

// A tenant that the config does not name any more has the values of one that it never named.
TEST(NodeReload, ATenantThatGoesFallsBackToTheDefaults) {
  config::Config config;
  config.tenants["example"] = {.weight = 7, .uids = {}, .in_flight = 3, .rate = 5};
  WiredNode wired(config);
  Tenants& tenants = wired.node.shared().tenants;
  const TenantId id = tenants.Find("example");
  EXPECT_EQ(tenants.At(id).quotas.rate.load(), 5U);
  wired.node.Apply(config::Config{});
  EXPECT_EQ(tenants.At(id).weight.load(), 1U);
  EXPECT_EQ(tenants.At(id).quotas.rate.load(), 0U);
  EXPECT_EQ(tenants.At(id).in_flight.load(), config::Config{}.limits.in_flight / 2);
}

}  // namespace
}  // namespace spillgate
