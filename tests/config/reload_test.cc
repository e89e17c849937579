#include "config/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/knobs.h"
#include "config/sections.h"
#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> PathsOf(const Result<ReloadPlan>& plan) {
  std::vector<std::string> paths;
  for (const Difference& change : plan.value().changes) paths.push_back(change.path);
  return paths;
}

TEST(Reload, NothingToDoIsAnEmptyPlan) {
  const Result<ReloadPlan> plan = Compare(Config{}, Config{});
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE(plan.value().changes.empty());
}

TEST(Reload, LiveChangesAreListedWithOldAndNew) {
  const Config next = Good(
                          "stage.scheduling.batch = 128\nlimits.park_ttl = \"5s\"\n"
                          "tenant.ada.weight = 3\nclass.high.share = 6\n"
                          "node.log_level = \"debug\"\npool.loop.poll = \"0us\"\n")
                          .config;
  const Result<ReloadPlan> plan = Compare(Config{}, next);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_EQ(PathsOf(plan),
            (std::vector<std::string>{"node.log_level", "limits.park_ttl", "pool.loop.poll",
                                      "stage.scheduling.batch", "class.high.share", "tenant.ada",
                                      "tenant.ada.weight"}));
  const Difference& ttl = plan.value().changes[1];
  EXPECT_EQ(ttl.from, "\"1h\"");
  EXPECT_EQ(ttl.to, "\"5s\"");
}

TEST(Reload, OneChangeThatNeedsARestartRefusesAllAndEachIsNamed) {
  const Config next = Good(
                          "stage.scheduling.batch = 128\nlisten.tcp = \"127.0.0.1:7440\"\n"
                          "node.resources.cpu = 2\n")
                          .config;
  const Result<ReloadPlan> plan = Compare(Config{}, next);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().message,
            "nothing was reloaded: 2 of these settings cannot change while the node runs; restart "
            "it, or undo them:\n"
            "  node.resources: { cpu = \"auto\", gpu = 0, memory = \"auto\" } -> { cpu = 2, gpu = "
            "0, memory = \"auto\" }\n"
            "  listen.tcp: \"\" -> \"127.0.0.1:7440\"");
}

TEST(Reload, APoolOrALibraryNeitherComesNorGoes) {
  const Config more = Good(
                          "pool.mine.threads = 1\nstage.execution.pool = \"mine\"\n"
                          "library.x.path = \"/x.so\"\n")
                          .config;
  for (const Result<ReloadPlan>& plan : {Compare(Config{}, more), Compare(more, Config{})}) {
    ASSERT_FALSE(plan.ok());
    EXPECT_THAT(plan.error().message, HasSubstr("pool.mine: "));
    EXPECT_THAT(plan.error().message, HasSubstr("library.x: "));
    EXPECT_THAT(plan.error().message, HasSubstr("stage.execution.pool: "));
  }
}

TEST(Reload, ATenantThatGoesFallsBackToTheDefaults) {
  const Config with = Good("tenant.ada.weight = 3").config;
  const Result<ReloadPlan> plan = Compare(with, Config{});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(PathsOf(plan), (std::vector<std::string>{"tenant.ada", "tenant.ada.weight"}));
  EXPECT_EQ(plan.value().changes[1].to, "1");
}

// By the table: a change of any knob is seen, and treated as its row says.
TEST(Reload, EveryKnobIsSeen) {
  for (const Knob& knob : Knobs()) {
    const Section& section = *FindSection(knob.section);
    Config running;
    if (section.add != nullptr) section.add(running, "example");
    const std::string name = InstancesOf(section, running).front();
    Config next = running;
    Setting setting = knob.access.get(next, name);
    if (std::holds_alternative<Auto>(setting)) setting = std::int64_t{1};
    if (auto* number = std::get_if<std::int64_t>(&setting)) *number = *number == 1 ? 2 : 1;
    if (auto* flag = std::get_if<bool>(&setting)) *flag = !*flag;
    if (auto* fraction = std::get_if<double>(&setting)) *fraction /= 2;
    if (auto* text = std::get_if<std::string>(&setting)) *text += "x";
    if (auto* ids = std::get_if<Ids>(&setting)) ids->push_back(1);
    if (auto* amounts = std::get_if<Amounts>(&setting)) (*amounts)["camera"] = 1;
    if (auto* resources = std::get_if<NodeResources>(&setting)) resources->gpu = 1;
    knob.access.set(next, name, setting);
    const Result<ReloadPlan> plan = Compare(running, next);
    EXPECT_EQ(plan.ok(), knob.change == Change::kLive) << PathOf(knob, name);
    if (plan.ok()) {
      EXPECT_EQ(PathsOf(plan), std::vector<std::string>{PathOf(knob, name)});
    } else {
      EXPECT_THAT(plan.error().message, HasSubstr("\n  " + PathOf(knob, name) + ": "));
    }
  }
}

TEST(Reload, WhatTheNodeWasBuiltWithNeedsARestart) {
  for (const char* path : {"listen.unix", "listen.tcp", "pool.threads", "stage.pool",
                           "stage.shards", "journal.dir", "node.resources", "limits.in_flight"}) {
    const std::string_view full(path);
    const std::size_t dot = full.find('.');
    const Knob* knob = FindKnob(full.substr(0, dot), full.substr(dot + 1));
    ASSERT_NE(knob, nullptr) << path;
    EXPECT_EQ(knob->change, Change::kRestart) << path;
  }
  for (const char* path :
       {"stage.capacity", "stage.bytes", "stage.batch", "stage.controller", "class.share",
        "class.target_delay", "stage.target_delay", "stage.dry_run", "tenant.weight", "pool.poll",
        "node.log_level", "limits.park"}) {
    const std::string_view full(path);
    const std::size_t dot = full.find('.');
    const Knob* knob = FindKnob(full.substr(0, dot), full.substr(dot + 1));
    ASSERT_NE(knob, nullptr) << path;
    EXPECT_EQ(knob->change, Change::kLive) << path;
  }
}

}  // namespace
}  // namespace spillgate::config
