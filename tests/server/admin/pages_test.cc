#include "server/admin/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/json.h"
#include "server/admin/json.h"
#include "server/admin/metrics.h"
#include "tests/server/admin/toy_node.h"

namespace spillgate::admin {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

TEST(Json, StagesHaveEveryFieldThatTheCommandShows) {
  ToyNode node;
  node.Arrive(4, 30);
  node.Pass(milliseconds(1));
  node.Pass(seconds(1));
  node.tally.submission[0].refused[std::size_t(Reason::kInFlight)].Add(4);
  node.inboxes[4]->stats().wait[2].Add(milliseconds(10), 100);
  node.inboxes[4]->stats().handled[2].Add(100);
  const Json json = Json::parse(StagesJson(node.Take()));
  EXPECT_EQ(json["schema"], "spillgate.stages/1");
  EXPECT_EQ(json["node"], "toy");
  EXPECT_EQ(json["epoch"], "0000000000000abc");
  EXPECT_EQ(json["ready"], true);
  ASSERT_EQ(json["stages"].size(), 6U);
  const Json& execution = json["stages"][4];
  EXPECT_EQ(execution["stage"], "execution");
  EXPECT_EQ(execution["controller"], "deadline");
  EXPECT_EQ(execution["depth"], 30);
  EXPECT_EQ(execution["held"], 0);
  EXPECT_EQ(execution["capacity"], 100);
  EXPECT_EQ(execution["oldest_us"], 1e6);
  EXPECT_EQ(execution["handled"], 100);
  EXPECT_EQ(execution["handled_by_class"]["normal"], 100);
  EXPECT_EQ(execution["wait_us"]["n"], 100);
  EXPECT_NEAR(execution["wait_us"]["p50"], 12e3, 4.5e3);
  EXPECT_EQ(execution["wait_us"]["mean"], 10e3);
  EXPECT_EQ(execution["wait_us"]["by_class"]["normal"]["n"], 100);
  EXPECT_EQ(execution["wait_us"]["by_class"]["high"]["n"], 0);
  EXPECT_GT(execution["in_per_s"], 0);
  EXPECT_EQ(execution["shards"].size(), 1U);
  EXPECT_EQ(execution["shards"][0]["depth"], 30);
  EXPECT_EQ(json["stages"][0]["refused"], 4);
  EXPECT_EQ(json["stages"][0]["refused_by_reason"], Json({{"in_flight", 4}}));
  EXPECT_EQ(json["pools"][0]["pool"], "loop");
}

TEST(Json, StatusSaysWhatTheNodeHas) {
  ToyNode node;
  node.figures.in_flight = {.count = 5, .count_limit = 10, .bytes = 50, .bytes_limit = 100};
  node.figures.journal = {.level_max = Level::kSync, .accepting = false, .why_not = "disk full"};
  node.figures.park_oldest = node.clock.Now();
  node.figures.workers = {.idle = 2, .busy = 1, .died = 7};
  node.tally.publication[0].ended[std::size_t(Fate::kExpired)].Add(9);
  node.tally.execution[0].retried.Add(3);
  node.tally.execution[0].disk_deferrals.Count(DeferralTally::kExpired, seconds(1), 4);
  node.tally.execution[0].aside.Set(5);
  node.figures.journal.stands = true;
  node.tally.submission[0].waiting.Set(6);
  node.tally.submission[0].waiting_bytes.Set(600);
  node.tally.submission[0].waiting_since.Set(node.clock.Now().time_since_epoch().count());
  node.tally.sockets.deferrals[SocketTally::kFull].Count(DeferralTally::kRun, seconds(1), 8);
  node.figures.connections_not_read = 2;
  node.Pass(seconds(3));
  const Json json = Json::parse(StatusJson(node.Take()));
  EXPECT_EQ(json["schema"], "spillgate.status/1");
  EXPECT_EQ(json["uptime_s"], 3);
  EXPECT_EQ(json["in_flight"]["count_limit"], 10);
  EXPECT_EQ(json["park"]["oldest_us"], 3e6);
  EXPECT_EQ(json["journal"]["level_max"], "sync");
  EXPECT_EQ(json["journal"]["why_not"], "disk full");
  EXPECT_EQ(json["workers"]["died"], 7);
  EXPECT_EQ(json["tasks"]["ended"]["expired"], 9);
  EXPECT_EQ(json["tasks"]["ended"]["done"], 0);
  EXPECT_EQ(json["tasks"]["retried"], 3);
  EXPECT_EQ(json["tasks"]["deferred"]["disk"]["expired"], 4);
  EXPECT_EQ(json["tasks"]["deferred"]["retry"]["run"], 0);
  EXPECT_EQ(json["tasks"]["deferred"]["socket_full"]["run"], 8);
  EXPECT_EQ(json["connections_not_read"], 2);
  EXPECT_EQ(json["tasks"]["spawns_waiting"], 6);
  EXPECT_EQ(json["tasks"]["spawns_waiting_bytes"], 600);
  EXPECT_EQ(json["tasks"]["spawns_oldest_us"], 3e6);
  EXPECT_EQ(json["tasks"]["aside"], 5);
  EXPECT_EQ(json["tasks"]["resting"], 0);
  EXPECT_EQ(json["journal"]["stands"], true);
}

TEST(Json, UnknownStatisticsSayWhatThereIs) {
  const ToyNode node;
  const Snapshot snapshot = node.Take();
  EXPECT_EQ(StatsJson(snapshot, "stages"), StagesJson(snapshot));
  EXPECT_EQ(StatsJson(snapshot, "status"), StatusJson(snapshot));
  for (const std::string& what : {std::string("stage"), std::string(), std::string("\xff\"")}) {
    const Json json = Json::parse(StatsJson(snapshot, what));
    EXPECT_THAT(json["error"].get<std::string>(), HasSubstr("'stages'"));
  }
}

TEST(Json, BytesThatAreNoTextAreReplaced) {
  ToyNode node;
  node.figures.accepting = false;
  node.figures.why_not = "\xc3(";
  EXPECT_FALSE(Json::parse(StatusJson(node.Take()))["ready"]);
}

class PagesTest : public testing::Test {
 protected:
  WebPage Get(const std::string& path) {
    for (const WebRoute& route : MakePages([this] { return node.Take(); })) {
      if (route.path == path) return route.make();
    }
    ADD_FAILURE() << "no page " << path;
    return {};
  }
  ToyNode node;
};

TEST_F(PagesTest, ReadinessFollowsTheNode) {
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_EQ(Get("/readyz").status, 200);
  node.figures.draining = true;
  EXPECT_EQ(Get("/readyz").status, 503);
  EXPECT_THAT(Get("/readyz").body, HasSubstr("draining"));
  EXPECT_EQ(Get("/healthz").status, 200);  // alive all the same
}

TEST_F(PagesTest, TypesAreWhatReadersExpect) {
  EXPECT_EQ(Get("/metrics").type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(Get("/metrics").body, HasSubstr("\n# TYPE spillgate_stage_wait_seconds histogram\n"));
  EXPECT_EQ(Get("/api/v1/stages").type, "application/json");
  EXPECT_EQ(Json::parse(Get("/api/v1/status").body)["node"], "toy");
}

TEST_F(PagesTest, TheStartPageListsStagesAndPages) {
  const WebPage page = Get("/");
  EXPECT_EQ(page.type, "text/html; charset=utf-8");
  for (const char* name : ToyNode::kNames) EXPECT_THAT(page.body, HasSubstr(name));
  for (const char* path : {"/metrics", "/readyz", "/api/v1/stages"}) {
    EXPECT_THAT(page.body, HasSubstr("href=\"" + std::string(path) + "\""));
  }
  EXPECT_THAT(page.body, HasSubstr("http-equiv=\"refresh\""));
}

TEST_F(PagesTest, TextOfOthersIsEscaped) {
  node.figures.accepting = false;
  node.figures.why_not = "<script>alert('x')</script>&";
  const WebPage page = Get("/");
  EXPECT_THAT(page.body, Not(HasSubstr("<script>")));
  EXPECT_THAT(page.body, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;"));
}

}  // namespace
}  // namespace spillgate::admin
