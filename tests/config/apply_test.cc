// What a file may say, and what is said about one that is wrong: every message with its line and
// column.
#include "config/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

using ::testing::HasSubstr;

struct Wrong {
  const char* text;
  const char* message;
};

TEST(Apply, UnknownKeysAreNamedWithTheirPlaceAndASuggestion) {
  const std::vector<Wrong> cases = {
      {"[limit]\nin_flight = 1\n",
       "f.toml:1:2: error: limit: unknown key (did you mean 'limits'?)"},
      {"config_versoin = 1\n",
       "f.toml:1:1: error: config_versoin: unknown key (did you mean 'config_version'?)"},
      {"[stage.schedulin]\n",
       "f.toml:1:8: error: stage.schedulin: unknown key (did you mean 'scheduling'?)"},
      {"\n[stage.scheduling]\n  btach = 1\n",
       "f.toml:3:3: error: stage.scheduling.btach: unknown key (did you mean 'batch'?)"},
      {"[pool.loop]\ntreads = 1\n",
       "f.toml:2:1: error: pool.loop.treads: unknown key (did you mean 'threads'?)"},
      {"[limits]\nparkttl = \"1s\"\n",
       "f.toml:2:1: error: limits.parkttl: unknown key (did you mean 'park_ttl'?)"},
      {"[class.hihg]\nshare = 1\n",
       "f.toml:1:8: error: class.hihg: unknown key (did you mean 'high'?)"},
      {"[function.\"a.b\"]\nslot = 1\n",
       "f.toml:2:1: error: function.\"a.b\".slot: unknown key (did you mean 'slots'?)"},
      {"[node]\nbatch = 64\n",
       "f.toml:2:1: error: node.batch: unknown key (it belongs in [stage.NAME])"},
      {"[workers]\nreserve_after = \"1s\"\n",
       "f.toml:2:1: error: workers.reserve_after: unknown key (it belongs in [scheduling])"},
      {"[node]\nzzzzzzzz = 1\n", "f.toml:2:1: error: node.zzzzzzzz: unknown key"},
      {"\"a b\" = 1\n", "f.toml:1:1: error: \"a b\": unknown key"},
      {"node.\"x\\ny\" = 1\n", "f.toml:1:6: error: node.\"x\\u000ay\": unknown key"},
  };
  for (const Wrong& c : cases) EXPECT_EQ(ErrorsOf(c.text), c.message) << c.text;
}

TEST(Apply, ValuesOfTheWrongKindSayWhatTheyAre) {
  const std::vector<Wrong> cases = {
      {"limits.in_flight = \"many\"",
       "f.toml:1:20: error: limits.in_flight = \"many\": expected 1 to 16777216, got a string"},
      {"limits.in_flight = 1.5",
       "f.toml:1:20: error: limits.in_flight = 1.5: expected 1 to 16777216, got a number with a "
       "fraction"},
      {"limits.in_flight = true",
       "f.toml:1:20: error: limits.in_flight = true: expected 1 to 16777216, got a boolean"},
      {"limits.park_ttl = 60",
       "f.toml:1:19: error: limits.park_ttl = 60: expected \"1ms\" to \"24h\", got an integer"},
      {"limits.park_ttl = 00:01:00",
       "f.toml:1:19: error: limits.park_ttl = (a date): expected \"1ms\" to \"24h\", got a date or "
       "time"},
      {"limits.egress = [1]",
       "f.toml:1:17: error: limits.egress = [...]: expected \"64KiB\" to \"1GiB\", got an array"},
      {"node.name = { a = 1 }",
       "f.toml:1:13: error: node.name = {...}: expected \"\" or letters, digits and . _ - : /, got "
       "a table"},
      {"auth.tenants_by_name = 1",
       "f.toml:1:24: error: auth.tenants_by_name = 1: expected true | false, got an integer"},
      {"auth.allow_uids = 1000",
       "f.toml:1:19: error: auth.allow_uids = 1000: expected a list of at most 1024 user ids, got "
       "an integer"},
      {"auth.allow_uids = [1, \"ada\"]",
       "f.toml:1:23: error: auth.allow_uids[1] = \"ada\": expected 0 to 4294967294, got a string"},
      {"pool.exec.threads = \"many\"",
       "f.toml:1:21: error: pool.exec.threads = \"many\": expected \"auto\" or 1 to 256, got a "
       "string"},
      {"workers.retry_budget = \"0.1\"",
       "f.toml:1:24: error: workers.retry_budget = \"0.1\": expected 0 to 1, got a string"},
      {"node.resources = 2",
       "f.toml:1:18: error: node.resources = 2: expected { cpu, gpu, memory, NAME = amount, ... }, "
       "got an integer"},
      {"node.resources.memory = 1024",
       "f.toml:1:25: error: node.resources.memory = 1024: expected \"auto\" or \"0B\" to "
       "\"64TiB\", "
       "got an integer"},
      {"limits = 3", "f.toml:1:10: error: limits = 3: expected a table [limits], got an integer"},
      {"stage = 3", "f.toml:1:9: error: stage = 3: expected a table [stage.NAME], got an integer"},
      {"stage.scheduling = \"x\"",
       "f.toml:1:20: error: stage.scheduling = \"x\": expected a table [stage.scheduling], got a "
       "string"},
      {"[tenant]\nada = 3",
       "f.toml:2:7: error: tenant.ada = 3: expected a table [tenant.ada], got an integer"},
      {"[[pool]]\nthreads = 1",
       "f.toml:1:1: error: pool = [...]: expected a table [pool.NAME], got an array"},
  };
  for (const Wrong& c : cases) EXPECT_EQ(ErrorsOf(c.text), c.message) << c.text;
}

TEST(Apply, ValuesOutOfRangeSayWhatIsExpected) {
  const std::vector<Wrong> cases = {
      {"limits.in_flight = -1",
       "f.toml:1:20: error: limits.in_flight = -1: expected 1 to 16777216"},
      {"stage.scheduling.controller = \"dedline\"",
       "f.toml:1:31: error: stage.scheduling.controller = \"dedline\": expected \"none\" | "
       "\"bound\" | \"deadline\" | \"work_bound\" | \"adaptive_bound\" | \"codel\" | "
       "\"seda_aimd\" | \"gradient\""},
      {"limits.park_ttl = \"5 parsecs\"",
       "f.toml:1:19: error: limits.park_ttl = \"5 parsecs\": expected \"1ms\" to \"24h\""},
      {"listen.tcp = \"7440\"",
       "f.toml:1:14: error: listen.tcp = \"7440\": expected \"\" or HOST:PORT"},
      {"listen.unix = \"run/x.sock\"",
       "f.toml:1:15: error: listen.unix = \"run/x.sock\": expected \"\" or an absolute path"},
      {"listen.unix_mode = 600",  // decimal, where 0o600 is meant
       "f.toml:1:20: error: listen.unix_mode = 600: expected \"0000\" to \"0777\", got an integer"},
      {"listen.unix_mode = \"0o60\"",
       "f.toml:1:20: error: listen.unix_mode = \"0o60\": expected \"0000\" to \"0777\""},
      {"node.resources.cpu = -1",
       "f.toml:1:22: error: node.resources.cpu = -1: expected \"auto\" or 0 to 1000000, at most "
       "three decimals"},
      {"node.resources.camera = 0.0001",
       "f.toml:1:25: error: node.resources.camera = 0.0001: expected 0 to 1000000, at most three "
       "decimals"},
      {"node.resources.\"a b\" = 1",
       "f.toml:1:16: error: node.resources.\"a b\": a resource is named by letters, digits and . _ "
       "- : /"},
      {"config_version = 2",
       "f.toml:1:18: error: config_version = 2: this program reads version 1"},
      {"config_version = \"1\"",
       "f.toml:1:18: error: config_version = \"1\": this program reads version 1"},
      {"[tenant.\"a b\"]",
       "f.toml:1:9: error: tenant.\"a b\": a name is 1 to 128 letters, digits and . _ - : /"},
      {"[library.x]\npath = \"\"",
       "f.toml:2:8: error: library.x.path = \"\": expected an absolute path\n"
       "f.toml:1:10: error: library.x.path is missing: the absolute path of the shared library"},
  };
  for (const Wrong& c : cases) {
    const std::string errors = ErrorsOf(c.text);
    if (std::string_view(c.text).find("[library.x]") == 0) {
      EXPECT_THAT(errors, HasSubstr("library.x.path = \"\": expected an absolute path"));
    } else {
      EXPECT_EQ(errors, c.message) << c.text;
    }
  }
}

TEST(Apply, AllThatIsWrongIsReportedInTheOrderOfTheFile) {
  EXPECT_EQ(ErrorsOf("[stage.execution]\n"
                     "batch = 0\n"
                     "[limits]\n"
                     "nope = 1\n"
                     "in_flight = -1\n"
                     "[node]\n"
                     "log_level = 3\n"),
            "f.toml:2:9: error: stage.execution.batch = 0: expected 1 to 4096\n"
            "f.toml:4:1: error: limits.nope: unknown key\n"
            "f.toml:5:13: error: limits.in_flight = -1: expected 1 to 16777216\n"
            "f.toml:7:13: error: node.log_level = 3: expected \"debug\" | \"info\" | \"warn\" | "
            "\"error\", got an integer");
}

TEST(Apply, TheListOfErrorsHasABound) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "nope" + std::to_string(i) + " = 1\n";
  const std::string errors = ErrorsOf(text);
  EXPECT_THAT(errors, HasSubstr("\nand 4000 more errors"));
  EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1000);
}

TEST(Apply, InstancesHaveABound) {
  std::string text;
  for (int i = 0; i < 1025; ++i) text += "[tenant.t" + std::to_string(i) + "]\n";
  EXPECT_THAT(ErrorsOf(text), HasSubstr("there are 1024 of [tenant.NAME] already"));
}

TEST(Apply, CustomResourcesHaveABound) {
  EXPECT_EQ(ErrorsOf("node.resources = { a = 1, b = 1, c = 1, d = 1, e = 1, f = 1 }"),
            "f.toml:1:18: error: node.resources: 6 custom resources; a node has at most 5");
}

TEST(Apply, ValuesReachTheirFields) {
  const Config config = Good(R"(
config_version = 1
node.name = "box1"
node.resources = { cpu = 1.5, memory = "8GiB", camera = 2 }
node.log_level = "warn"
listen.unix_mode = 0o660
listen.tcp = "127.0.0.1:7440"
auth.allow_uids = [1000, 1001]
limits.park_ttl = "1.5s"
limits.egress = "1MiB"
workers.max = 8
workers.retry_budget = 1
journal.level_max = "async"
[pool.mine]
threads = 1
[stage.spillover]
pool = "mine"
controller = "none"
[class.sheddable]
share = 7
[tenant.ada]
weight = 3
uids = [1000]
[function."vision.detect:v2"]
host = "worker"
cpu = 0.25
custom = { camera = 1 }
[library.vision]
path = "/opt/vision/libvision.so"
host = "in_process"
)")
                            .config;
  EXPECT_EQ(config.node.name, "box1");
  EXPECT_EQ(config.node.resources.cpu, 1500);
  EXPECT_EQ(config.node.resources.gpu, 0);
  EXPECT_EQ(config.node.resources.memory, GiB(8));
  EXPECT_EQ(config.node.resources.custom, (Amounts{{"camera", 2000}}));
  EXPECT_EQ(config.node.log_level, log::Level::kWarn);
  EXPECT_EQ(config.listen.unix_mode, 0660U);
  EXPECT_EQ(config.listen.tcp, "127.0.0.1:7440");
  EXPECT_EQ(config.auth.allow_uids, (std::vector<std::uint32_t>{1000, 1001}));
  EXPECT_EQ(config.limits.park_ttl, std::chrono::milliseconds(1500));
  EXPECT_EQ(config.limits.egress, MiB(1));
  EXPECT_EQ(config.workers.max, 8U);
  EXPECT_EQ(config.workers.retry_budget, 1.0);
  EXPECT_EQ(config.journal.level_max, Level::kAsync);
  EXPECT_EQ(config.pools.at("mine").threads, 1U);
  EXPECT_EQ(config.pools.size(), 3U);
  EXPECT_EQ(config.stages.spillover.pool, "mine");
  EXPECT_EQ(config.stages.spillover.controller, ControllerKind::kNone);
  EXPECT_EQ(config.classes[Index(TaskClass::kSheddable)].share, 7U);
  EXPECT_EQ(config.tenants.at("ada").weight, 3U);
  const FunctionConfig& detect = config.functions.at("vision.detect:v2");
  EXPECT_EQ(detect.host, Host::kWorker);
  EXPECT_EQ(detect.cpu, 250);
  EXPECT_EQ(detect.gpu, std::nullopt);
  EXPECT_EQ(detect.custom, (Amounts{{"camera", 1000}}));
  EXPECT_EQ(config.libraries.at("vision").host, LibraryHost::kInProcess);
}

TEST(Apply, AutoIsAValueLikeOthers) {
  const Config config = Good(
                            "[pool.loop]\nthreads = \"auto\"\n[pool.exec]\nthreads = 3\n"
                            "[node]\nresources = { cpu = \"auto\" }\n")
                            .config;
  EXPECT_EQ(config.pools.at("loop").threads, std::nullopt);
  EXPECT_EQ(config.pools.at("exec").threads, 3U);
  EXPECT_EQ(config.node.resources.cpu, std::nullopt);
}

TEST(Apply, OriginsNameFileAndLine) {
  const Loaded loaded = Good("[limits]\nin_flight = 5\n\n[tenant.ada]\nweight = 2\n");
  EXPECT_EQ(Describe(OriginOf(loaded.origins, "limits.in_flight")), "f.toml:2");
  EXPECT_EQ(Describe(OriginOf(loaded.origins, "tenant.ada")), "f.toml:4");
  EXPECT_EQ(Describe(OriginOf(loaded.origins, "tenant.ada.weight")), "f.toml:5");
  EXPECT_EQ(Describe(OriginOf(loaded.origins, "limits.park")), "default");
}

}  // namespace
}  // namespace spillgate::config
