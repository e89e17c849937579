#include "config/overrides.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

Overrides Flags(std::vector<std::string> flags) {
  return {{}, std::move(flags)};
}
Overrides Variable(const std::string& name, const std::string& value) {
  return {{{name, value}}, {}};
}

TEST(Overrides, FlagWinsOverEnvironmentOverFileOverDefault) {
  const std::string file = "[stage.scheduling]\nbatch = 1\n";
  const Overrides environment = Variable("SPILLGATE__STAGE__SCHEDULING__BATCH", "2");
  const Overrides flag = Flags({"stage.scheduling.batch=3"});
  const Overrides both{environment.environment, flag.flags};
  const auto batch = [](const Loaded& loaded) { return loaded.config.stages.scheduling.batch; };
  const auto origin = [](const Loaded& loaded) {
    return Describe(OriginOf(loaded.origins, "stage.scheduling.batch"));
  };
  const std::vector<std::tuple<Loaded, std::uint32_t, std::string>> cases = {
      {Good(""), 64, "default"},         {Good(file), 1, "f.toml:2"},
      {Good("", environment), 2, "env"}, {Good(file, environment), 2, "env"},
      {Good("", flag), 3, "flag"},       {Good(file, flag), 3, "flag"},
      {Good(file, both), 3, "flag"},
  };
  for (const auto& [loaded, expected, from] : cases) {
    EXPECT_EQ(batch(loaded), expected) << from;
    EXPECT_EQ(origin(loaded), from);
  }
}

TEST(Overrides, LaterFlagsWin) {
  const Loaded loaded = Good("", Flags({"limits.park=1", "limits.park=2"}));
  EXPECT_EQ(loaded.config.limits.park, 2U);
}

TEST(Overrides, StringsNeedNoQuotesButMayHaveThem) {
  const Config config = Good("", Flags({"node.name=2024", "limits.park_ttl=5s",
                                        "limits.egress=1MiB", "listen.tcp=127.0.0.1:7440",
                                        "listen.unix_mode=0660", "stage.execution.controller=bound",
                                        "node.state_dir='/a b'", "journal.dir=\"/j\""}))
                            .config;
  EXPECT_EQ(config.node.name, "2024");
  EXPECT_EQ(config.limits.park_ttl, std::chrono::seconds(5));
  EXPECT_EQ(config.limits.egress, MiB(1));
  EXPECT_EQ(config.listen.tcp, "127.0.0.1:7440");
  EXPECT_EQ(config.listen.unix_mode, 0660U);
  EXPECT_EQ(config.stages.execution.controller, ControllerKind::kBound);
  EXPECT_EQ(config.node.state_dir, "/a b");
  EXPECT_EQ(config.journal.dir, "/j");
}

TEST(Overrides, OtherValuesAreWrittenAsInAFile) {
  const Config config =
      Good("", Flags({"auth.allow_uids=[1, 2]", "auth.tenants_by_name=true",
                      "workers.retry_budget=0.5", "pool.exec.threads=auto", "workers.max=\"auto\"",
                      "node.resources={ cpu = 2, camera = 1 }"}))
          .config;
  EXPECT_EQ(config.auth.allow_uids, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_TRUE(config.auth.tenants_by_name);
  EXPECT_EQ(config.workers.retry_budget, 0.5);
  EXPECT_EQ(config.pools.at("exec").threads, std::nullopt);
  EXPECT_EQ(config.node.resources.cpu, 2000);
  EXPECT_EQ(config.node.resources.custom.at("camera"), 1000);
}

TEST(Overrides, OneResourceLeavesTheOthersAsTheyAre) {
  const Config config = Good("node.resources = { cpu = 4, camera = 1 }",
                             {{{"SPILLGATE__NODE__RESOURCES__GPU", "0.5"},
                               {"SPILLGATE__NODE__RESOURCES__MEMORY", "8GiB"}},
                              {"node.resources.camera=2"}})
                            .config;
  EXPECT_EQ(config.node.resources.cpu, 4000);
  EXPECT_EQ(config.node.resources.gpu, 500);
  EXPECT_EQ(config.node.resources.memory, GiB(8));
  EXPECT_EQ(config.node.resources.custom.at("camera"), 2000);
}

TEST(Overrides, InstancesAreMadeAndNamesMayBeQuoted) {
  const Config config =
      Good("[tenant.Ada]\nweight = 2\n",
           {{{"SPILLGATE__TENANT__ADA__WEIGHT", "5"}, {"SPILLGATE__TENANT__BOB__WEIGHT", "6"}},
            {"function.\"a.b\".slots=3", "function.'c.d'.slots=4", "function.f.slots=5"}})
          .config;
  EXPECT_EQ(config.tenants.at("Ada").weight, 5U);
  EXPECT_EQ(config.tenants.at("bob").weight, 6U);
  EXPECT_EQ(config.tenants.size(), 2U);
  EXPECT_EQ(config.functions.at("a.b").slots, 3U);
  EXPECT_EQ(config.functions.at("c.d").slots, 4U);
  EXPECT_EQ(config.functions.at("f").slots, 5U);
}

TEST(Overrides, ErrorsNameTheVariableOrTheFlag) {
  EXPECT_EQ(ErrorsOf("", Variable("SPILLGATE__STAGE__SCHEDULIN__BATCH", "1")),
            "environment SPILLGATE__STAGE__SCHEDULIN__BATCH: error: stage.schedulin: unknown key "
            "(did you mean 'scheduling'?)");
  EXPECT_EQ(ErrorsOf("", Variable("SPILLGATE__LIMITS__PARK", "many")),
            "environment SPILLGATE__LIMITS__PARK: error: limits.park = \"many\": expected 1 to "
            "16777216, got a string");
  EXPECT_EQ(ErrorsOf("", Variable("SPILLGATE__", "1")),
            "environment SPILLGATE__: error: \"\": unknown key");
  EXPECT_EQ(ErrorsOf("", Flags({"limits.park=0"})),
            "--set limits.park=0: error: limits.park = 0: expected 1 to 16777216");
  EXPECT_EQ(ErrorsOf("", Flags({"limits=3"})),
            "--set limits=3: error: limits = 3: expected a table [limits], got an integer");
  EXPECT_EQ(ErrorsOf("", Flags({"limits.park"})),
            "--set limits.park: error: expected KEY=VALUE, as in stage.scheduling.batch=128");
  EXPECT_EQ(ErrorsOf("", Flags({"a\"b=1"})),
            "--set a\"b=1: error: expected KEY=VALUE, as in stage.scheduling.batch=128");
  EXPECT_EQ(ErrorsOf("", Flags({"a.a.a.a.a.a.a.a.a=1"})),
            "--set a.a.a.a.a.a.a.a.a=1: error: unknown key");
}

TEST(Overrides, AllErrorsOfFileEnvironmentAndFlagsComeTogetherInThisOrder) {
  EXPECT_EQ(ErrorsOf("x = 1", {{{"SPILLGATE__Y", "1"}}, {"z=1", "a=1"}}),
            "f.toml:1:1: error: x: unknown key\n"
            "environment SPILLGATE__Y: error: y: unknown key\n"
            "--set z=1: error: z: unknown key\n"
            "--set a=1: error: a: unknown key");
}

TEST(Overrides, AnOverrideCanMendTheFileOnlyIfTheFileIsValid) {
  EXPECT_EQ(ErrorsOf("limits.park = 0", Flags({"limits.park=1"})),
            "f.toml:1:15: error: limits.park = 0: expected 1 to 16777216");
  // What contradicts something else is judged at the end, when all are in.
  EXPECT_EQ(Good("stage.execution.capacity = 60_000", Flags({"limits.in_flight=50000"}))
                .config.limits.in_flight,
            50'000U);
}

TEST(Overrides, OnlyVariablesWithThePrefixAreTaken) {
  const char* const environment[] = {"PATH=/bin",      "SPILLGATE__B=2=3",  "SPILLGATE_ADDRESS=x",
                                     "SPILLGATE__A=1", "SPILLGATE__BROKEN", nullptr};
  const std::vector<std::pair<std::string, std::string>> expected = {{"SPILLGATE__A", "1"},
                                                                     {"SPILLGATE__B", "2=3"}};
  EXPECT_EQ(VariablesFrom(environment), expected);
  EXPECT_TRUE(VariablesFrom(nullptr).empty());
  EXPECT_EQ(Good("", {{{"HOME", "/x"}}, {}}).config, Config{});
}

}  // namespace
}  // namespace spillgate::config
