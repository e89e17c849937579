#include "config/resolve.h"

#include <gtest/gtest.h>

namespace spillgate::config {
namespace {

const HostLimits kHost{2500, GiB(10)};

TEST(Resolve, AutoThreadsAreOneACpuAsFarAsThereIsWork) {
  Config config;
  EXPECT_EQ(ThreadsOf(config, "loop", kHost), 1U);
  EXPECT_EQ(ThreadsOf(config, "exec", kHost), 3U);
  config.pools["loop"].threads.reset();
  EXPECT_EQ(ThreadsOf(config, "loop", kHost), 3U);
  EXPECT_EQ(ThreadsOf(config, "loop", {64'000, {}}), 6U) << "six stages, one shard each";
  config.node.resources.cpu = 500;
  EXPECT_EQ(ThreadsOf(config, "exec", kHost), 1U) << "what the node offers counts, not the machine";
  config.pools["exec"].threads = 7;
  EXPECT_EQ(ThreadsOf(config, "exec", kHost), 7U);
  EXPECT_EQ(ThreadsOf(config, "nowhere", kHost), 1U);
}

TEST(Resolve, AutoWorkers) {
  Config config;
  EXPECT_EQ(ExtraBlocked(config, kHost), 12U);
  EXPECT_EQ(MostWorkers(config, kHost), 15U);
  config.workers.extra_blocked = 2;
  EXPECT_EQ(MostWorkers(config, kHost), 5U);
  config.workers.prestart = 9;
  EXPECT_EQ(MostWorkers(config, kHost), 9U);
  config.workers.max = 10;
  EXPECT_EQ(MostWorkers(config, kHost), 10U);
}

TEST(Resolve, TenantsShareTheNode) {
  Config config;
  config.tenants["ada"].in_flight = 7;
  config.tenants["bob"].weight = 2;
  EXPECT_EQ(InFlightOf(config, "ada"), 7U);
  EXPECT_EQ(InFlightOf(config, "bob"), 32768U);
  EXPECT_EQ(InFlightOf(config, "nobody"), 32768U);
  config.limits.in_flight = 1;
  EXPECT_EQ(InFlightOf(config, "nobody"), 1U);
}

TEST(Resolve, WhatTheNodeOffers) {
  Config config;
  config.node.resources.gpu = 500;
  config.node.resources.custom = {{"camera", 2000}, {"arm", 1000}};
  const Offered offered = OfferedBy(config, kHost);
  EXPECT_EQ(offered.names.names,
            (std::vector<std::string>{"cpu", "gpu", "memory", "arm", "camera"}));
  EXPECT_EQ(offered.amounts.amount[kCpu], 2500);
  EXPECT_EQ(offered.amounts.amount[kGpu], 500);
  EXPECT_EQ(offered.amounts.amount[kMemory], static_cast<std::int64_t>(GiB(8).count));
  EXPECT_EQ(offered.amounts.amount[kFirstCustom], 1000);
  EXPECT_EQ(offered.amounts.amount[kFirstCustom + 1], 2000);
  config.node.resources.cpu = 8000;
  config.node.resources.memory = GiB(1);
  EXPECT_EQ(OfferedBy(config, kHost).amounts.amount[kCpu], 8000);
  EXPECT_EQ(OfferedBy(config, kHost).amounts.amount[kMemory], 1 << 30);
}

TEST(Resolve, AFunctionsShapeIsLaidOverWhatItsLibrarySays) {
  Config config;
  config.node.resources.custom = {{"camera", 2000}};
  const ResourceNames names = OfferedBy(config, kHost).names;
  Resources declared;
  declared.amount[kCpu] = 1000;
  declared.amount[kGpu] = 1000;
  EXPECT_EQ(ShapeOf({}, names, declared), declared);
  const Resources shape = ShapeOf(
      {.cpu = 250, .memory = MiB(1), .custom = {{"camera", 500}, {"gone", 1}}}, names, declared);
  EXPECT_EQ(shape.amount[kCpu], 250);
  EXPECT_EQ(shape.amount[kGpu], 1000);
  EXPECT_EQ(shape.amount[kMemory], 1 << 20);
  EXPECT_EQ(shape.amount[kFirstCustom], 500);
  EXPECT_EQ(shape.amount[kFirstCustom + 1], 0);
}

TEST(Resolve, AFunctionThatMovesHoldsTheCpuOfItsNewHost) {
  const ResourceNames names = OfferedBy(Config{}, kHost).names;
  Resources one_cpu;
  one_cpu.amount[kCpu] = 1000;
  one_cpu.amount[kGpu] = 500;
  const auto cpu = [&](const FunctionConfig& function, const Resources& declared) {
    return ShapeOf(function, names, declared).amount[kCpu];
  };
  EXPECT_EQ(cpu({.host = Host::kInline}, one_cpu), 0);
  EXPECT_EQ(cpu({.host = Host::kInline, .cpu = 250}, one_cpu), 250) << "as the config says";
  EXPECT_EQ(cpu({.host = Host::kWorker}, one_cpu), 1000);
  EXPECT_EQ(cpu({.host = Host::kThread}, Resources()), 1000) << "it was inline";
  EXPECT_EQ(cpu({.host = Host::kThread, .cpu = 0}, Resources()), 0);
  EXPECT_EQ(cpu({.host = Host::kInline}, Resources()), 0);
  EXPECT_EQ(cpu({.slots = 1}, Resources()), 0);
  EXPECT_EQ(ShapeOf({.host = Host::kInline}, names, one_cpu).amount[kGpu], 500);
}

}  // namespace
}  // namespace spillgate::config
