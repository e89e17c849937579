#include "config/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/check_stages.h"
#include "core/base/format.h"
#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Contradiction {
  const char* text;
  const char* message;
};

TEST(Check, AControllerThatAStageCannotHaveIsReportedThere) {
  const std::vector<Contradiction> cases = {
      {"[stage.execution]\ncontroller = \"work_bound\"",
       "f.toml:2:1: error: stage.execution.controller: \"work_bound\" judges new roots, so only "
       "stage.submission takes it"},
      {"[stage.scheduling]\ncontroller = \"codel\"",
       "f.toml:2:1: error: stage.scheduling.controller: \"codel\" judges new roots, so only "
       "stage.submission takes it"},
      {"[stage.resolution]\ndry_run = \"bound\"",
       "f.toml:2:1: error: stage.resolution.dry_run: it counts what would be refused, and only "
       "stage.submission refuses"},
      {"[stage.scheduling]\ntarget_delay = \"6ms\"",
       "f.toml:2:1: error: stage.scheduling.target_delay: it says how long what is let in may "
       "wait, "
       "and only stage.submission lets anything in; set it there"},
      {"[stage.publication]\ntarget_delay = \"1us\"",
       "f.toml:2:1: error: stage.publication.target_delay: it says how long"},
      {"[stage.publication]\ncontroller = \"bound\"",
       "f.toml:2:1: error: stage.publication.controller: what was accepted is always answered"},
  };
  for (const Contradiction& c : cases) {
    EXPECT_THAT(ErrorsOf(c.text), StartsWith(c.message)) << c.text;
  }
}

TEST(Check, SettingsThatContradictEachOtherAreReportedWhereOneIsSet) {
  const std::vector<Contradiction> cases = {
      {"[limits]\nin_flight = 65537",
       "f.toml:2:1: error: stage.resolution.capacity = 66560: less than limits.in_flight + "
       "limits.spawn_reserve = 66561; what waits for room in the park must not stand before"},
      {"limits.spawn_reserve = 1025",
       "f.toml:1:8: error: stage.resolution.capacity = 66560: less than limits.in_flight + "
       "limits.spawn_reserve = 66561"},
      {"[stage.execution]\ncapacity = 66559",
       "f.toml:2:1: error: stage.execution.capacity = 66559: less than limits.in_flight + "
       "limits.spawn_reserve = 66560; tasks that wait for their children must not take the room"},
      {"[stage.publication]\ncapacity = 65536",
       "f.toml:2:1: error: stage.publication.capacity = 65536: less than limits.in_flight + "
       "limits.spawn_reserve = 66560; what was accepted is always answered"},
      {"limits.in_flight_bytes = \"1GiB\"",
       "f.toml:1:8: error: stage.resolution.bytes = \"257MiB\": less than limits.in_flight_bytes + "
       "limits.spawn_reserve_bytes = \"1025MiB\""},
      {"[stage.execution]\npool = \"lop\"",
       "f.toml:2:1: error: stage.execution.pool = \"lop\": there is no [pool.lop] (did you mean "
       "'loop'?)"},
      {"[stage.execution]\npool = \"elsewhere\"",
       "f.toml:2:1: error: stage.execution.pool = \"elsewhere\": there is no [pool.elsewhere]"},
      {"[stage.execution]\npool = \"exec\"",
       "f.toml:2:1: error: stage.execution.pool = \"exec\": a stage there would wait behind"},
      {"[stage.scheduling]\nshards = 2",
       "f.toml:2:1: error: stage.scheduling.shards = 2: scheduling is serial"},
      {"[stage.resolution]\nshards = 2", "f.toml:2:1: error: stage.resolution.shards = 2"},
      {"[stage.spillover]\nshards = 2", "f.toml:2:1: error: stage.spillover.shards = 2"},
      {"[pool.loop]\nthreads = 7",
       "f.toml:2:1: error: pool.loop.threads = 7: its stages can use 6, the sum of their shards"},
      {"[pool.mine]\nthreads = 48\n[stage.execution]\npool = \"mine\"\nshards = 64",
       "f.toml:2:1: error: pool.mine.threads: with it, the pools of stages have "},
      {"[pool.mine]\nthreads = 2\n[stage.execution]\npool = \"mine\"",
       "f.toml:2:1: error: pool.mine.threads = 2: its stages can use 1"},
      {"[pool.mine]", "f.toml:1:7: error: pool.mine: no stage names this pool"},
      {"[pool.mine]\nthreads = \"auto\"", "f.toml:2:1: error: pool.mine: no stage names this pool"},
      {"listen.tcp = \"0.0.0.0:7440\"",
       "f.toml:1:8: error: listen.tcp = \"0.0.0.0:7440\": beyond loopback, anyone could run code"},
      {"listen.admin = \"[::]:7441\"", "f.toml:1:8: error: listen.admin = \"[::]:7441\": beyond"},
      {"listen.peer = \"node1:7442\"", "f.toml:1:8: error: listen.peer = \"node1:7442\": beyond"},
      {"listen.tcp = \"127.0.0.1:7441\"",
       "f.toml:1:8: error: listen.admin = \"127.0.0.1:7441\": listen.tcp has this port already"},
      {"limits.connections_reserved = 1024",
       "f.toml:1:8: error: limits.connections_reserved = 1024 with limits.connections = 1024"},
      {"limits.frame_payload = \"64KiB\"",
       "f.toml:1:8: error: limits.inline_value = \"100KiB\" with limits.frame_payload = \"64KiB\""},
      {"limits.frame_payload = \"32MiB\"",
       "f.toml:1:8: error: limits.frame_payload = \"32MiB\" with journal.buffer = \"32MiB\""},
      {"journal.buffer = \"128MiB\"",
       "f.toml:1:9: error: journal.buffer = \"128MiB\" with journal.segment = \"64MiB\""},
      {"[journal]\nlinger = \"5ms\"\nsync_interval = \"4ms\"",
       "f.toml:2:1: error: journal.linger = \"5ms\" with journal.sync_interval = \"4ms\""},
      {"[workers]\nmax = 2\nprestart = 3",
       "f.toml:3:1: error: workers.prestart = 3 with workers.max = 2: so many may not run"},
      {"workers.retry_backoff = \"11s\"",
       "f.toml:1:9: error: workers.retry_backoff = \"11s\" with workers.retry_backoff_max"},
      {"class.critical.share = 50\nclass.high.share = 50",
       "f.toml:2:12: error: class.NAME.share: the shares of all classes add up to 110 percent"},
      {"[tenant.ada]\nuids = [7]\n[tenant.bob]\nuids = [8, 7]",
       "f.toml:4:1: error: tenant.bob.uids: user 7 belongs to tenant \"ada\" already"},
      {"[function.f]\ncustom = { camera = 1 }",
       "f.toml:2:1: error: function.f.custom.camera: this node has no such resource"},
      {"[library.x]", "f.toml:1:10: error: library.x.path is missing"},
  };
  for (const Contradiction& c : cases) {
    EXPECT_THAT(ErrorsOf(c.text), StartsWith(c.message)) << c.text;
  }
}

TEST(Check, NeighboursOfTheseAreFine) {
  for (const char* text : {
           "limits.in_flight = 65537\nlimits.spawn_reserve = 1023",
           R"(limits.in_flight = 5
              limits.spawn_reserve = 2
              stage.resolution.capacity = 7
              stage.scheduling.capacity = 7
              stage.execution.capacity = 7
              stage.publication.capacity = 7)",
           "stage.spillover.capacity = 1",
           "stage.submission.shards = 4\npool.loop.threads = 9",
           "stage.submission.target_delay = \"6ms\"",  // whatever the controller is
           "stage.submission.controller = \"codel\"\nstage.submission.target_delay = \"6ms\"",
           "stage.scheduling.target_delay = \"5ms\"",  // as --print-config has it
           "stage.publication.shards = 2\nstage.execution.shards = 3",
           "pool.exec.threads = 256",
           "listen.tcp = \"0.0.0.0:7440\"\nauth.token_file = \"/etc/spillgate/tokens\"",
           "listen.tcp = \"127.0.0.1:0\"\nlisten.peer = \"127.0.0.1:0\"",
           "listen.tcp = \"127.0.0.1:7441\"\nlisten.admin = \"\"",
           "limits.frame_payload = \"32MiB\"\njournal.level_max = \"none\"",
           "limits.connections_reserved = 1023",
           "limits.connections = 8",  // fewer than one user may have: then fewer it is
           "class.critical.share = 50\nclass.high.share = 40",
           "[tenant.ada]\nuids = [7, 7]",
           "node.resources.camera = 1\nfunction.f.custom.camera = 1",
       }) {
    Good(text);
  }
}

TEST(Check, ASocketsPathHasTheSystemsBound) {
  Good("listen.unix = \"/" + std::string(106, 'x') + "\"");
  EXPECT_EQ(ErrorsOf("listen.unix = \"/" + std::string(107, 'x') + "\""),
            "f.toml:1:8: error: listen.unix has 108 bytes; the system takes at most 107 in the "
            "path of a socket");
}

TEST(Check, EveryStageWithoutRoomForWhatIsInFlightIsNamed) {
  const std::string errors = ErrorsOf("limits.in_flight = 70000");
  for (const char* stage : {"resolution", "scheduling", "execution", "publication"}) {
    EXPECT_THAT(errors, HasSubstr(Format("stage.{}.capacity = 66560: less than", stage)));
  }
  EXPECT_THAT(errors, testing::Not(HasSubstr("stage.spillover")));
  EXPECT_THAT(ErrorsOf("[stage.scheduling]\ncapacity = 66559"),
              StartsWith("f.toml:2:1: error: stage.scheduling.capacity = 66559: less than "
                         "limits.in_flight + limits.spawn_reserve = 66560; what had no room in "
                         "the ready set would wait before it"));
  EXPECT_THAT(ErrorsOf("stage.execution.bytes = \"256MiB\""),
              StartsWith("f.toml:1:17: error: stage.execution.bytes = \"256MiB\": less than "
                         "limits.in_flight_bytes + limits.spawn_reserve_bytes = \"257MiB\""));
}

TEST(Check, ContradictionsComeBesideOtherErrors) {
  const std::string errors = ErrorsOf("[stage.scheduling]\nshards = 2\nbtach = 1\n");
  EXPECT_THAT(errors, HasSubstr("f.toml:2:1: error: stage.scheduling.shards = 2"));
  EXPECT_THAT(errors, HasSubstr("f.toml:3:1: error: stage.scheduling.btach: unknown key"));
}

TEST(Check, TheOverrideIsBlamedIfItIsWhatContradicts) {
  EXPECT_THAT(ErrorsOf("", {{}, {"limits.in_flight=100000"}}),
              StartsWith("--set limits.in_flight=100000: error: stage.resolution.capacity"));
}

TEST(Check, UsableThreadsAreTheShardsOfThePoolsStages) {
  Config config;
  EXPECT_EQ(UsableThreads(config, "loop"), 6U);
  config.stages.submission.shards = 4;
  EXPECT_EQ(UsableThreads(config, "loop"), 9U);
  config.stages.submission.pool = "mine";
  EXPECT_EQ(UsableThreads(config, "loop"), 5U);
  EXPECT_EQ(UsableThreads(config, "mine"), 4U);
  for (const StageName& stage : kStages) (config.stages.*stage.field).pool = "mine";
  EXPECT_EQ(UsableThreads(config, "loop"), 1U) << "the sockets still need one";
}

}  // namespace
}  // namespace spillgate::config
