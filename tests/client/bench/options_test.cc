#include "client/bench/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "client/bench/graph.h"

namespace spillgate::bench {
namespace {

using testing::HasSubstr;

Benchmark The(const std::string& name) {
  const std::vector<std::string> names{name};
  const auto chosen = Choose(names);
  EXPECT_TRUE(chosen.ok()) << name;
  return chosen.value().front();
}

std::string Complaint(const std::string& name, const Options& options) {
  const Status status = Check(The(name), options);
  return status.ok() ? "" : status.error().message;
}

TEST(Choose, KnowsEachNameOnceInTheOrderGiven) {
  const std::vector<std::string> names{"rtt", "submit-batch", "rtt"};
  const auto chosen = Choose(names);
  ASSERT_TRUE(chosen.ok());
  ASSERT_EQ(chosen.value().size(), 2U);
  EXPECT_EQ(chosen.value()[0].name, "rtt");
  EXPECT_EQ(chosen.value()[1].name, "submit-batch");
}

TEST(Choose, AllIsWhatTheProjectIsJudgedBy) {
  const std::vector<std::string> names{"dag", "all"};
  const auto chosen = Choose(names);
  ASSERT_TRUE(chosen.ok());
  std::vector<std::string> all;
  for (const Benchmark& each : chosen.value()) all.emplace_back(each.name);
  EXPECT_THAT(all, testing::ElementsAre("dag", "submit-batch", "submit-single", "journal-async",
                                        "journal-sync", "rtt"));
}

TEST(Choose, NamesThoseThatThereAre) {
  const std::vector<std::string> names{"rtt", "submitt"};
  const auto chosen = Choose(names);
  ASSERT_FALSE(chosen.ok());
  EXPECT_THAT(chosen.error().message, HasSubstr("'submitt'"));
  EXPECT_THAT(chosen.error().message, HasSubstr("submit-single"));
  EXPECT_FALSE(Choose({}).ok());
}

TEST(Check, EveryBenchmarkIsFineAsItIsMeant) {
  for (const Benchmark& each : Benchmarks()) {
    Options options;
    if (each.method == Method::kOpenLoop) options.rate = 1000;
    EXPECT_TRUE(Check(each, options).ok()) << each.name;
  }
}

TEST(Check, BoundsWhatIsUnderWay) {
  EXPECT_THAT(Complaint("submit-batch", {.batch = 0}), HasSubstr("--batch is 0"));
  EXPECT_THAT(Complaint("submit-batch", {.batch = 1301}), HasSubstr("1 to 1300"));
  EXPECT_EQ(Complaint("submit-batch", {.batch = 1300, .window = 20}), "");
  EXPECT_THAT(Complaint("submit-batch", {.batch = 1300, .window = 21}), HasSubstr("27300 tasks"));
  EXPECT_THAT(Complaint("submit-batch", {.window = 0}), HasSubstr("--window 0"));
  EXPECT_THAT(Complaint("submit-batch", {.window = 4'000'000'000, .clients = 64}),
              HasSubstr("under way"));
  EXPECT_THAT(Complaint("submit-batch", {.clients = 65}), HasSubstr("--clients is 65"));
  EXPECT_THAT(Complaint("submit-batch", {.time = Nanos(5)}), HasSubstr("--seconds"));
}

TEST(Check, APayloadHoldsANonceAndFitsIntoAFrame) {
  EXPECT_EQ(Complaint("submit-batch", {.payload = 8}), "");
  EXPECT_THAT(Complaint("submit-batch", {.payload = 7}), HasSubstr("--payload is 7"));
  EXPECT_THAT(Complaint("submit-batch", {.payload = 102'401}), HasSubstr("--payload"));
  EXPECT_EQ(Complaint("submit-batch", {.batch = 122, .payload = 102'400}), "");
  EXPECT_THAT(Complaint("submit-batch", {.batch = 123, .payload = 102'400}),
              HasSubstr("more than a frame"));
}

TEST(Check, OneThingAtATimeIsJustThat) {
  for (const char* name : {"rtt", "rtt-loaded", "client-rtt", "dag"}) {
    EXPECT_THAT(Complaint(name, {.batch = 2}), HasSubstr("no --batch")) << name;
    EXPECT_THAT(Complaint(name, {.window = 2}), HasSubstr("no --batch")) << name;
    EXPECT_THAT(Complaint(name, {.clients = 2}), HasSubstr("no --clients")) << name;
  }
}

TEST(Check, ARateIsForTheOpenLoopWhichHasToHaveOne) {
  EXPECT_THAT(Complaint("open", {}), HasSubstr("wants a --rate"));
  EXPECT_EQ(Complaint("open", {.rate = 1000}), "");
  EXPECT_THAT(Complaint("open", {.rate = -1}), HasSubstr("wants a --rate"));
  EXPECT_THAT(Complaint("open", {.rate = std::numeric_limits<double>::quiet_NaN()}),
              HasSubstr("wants a --rate"));
  EXPECT_THAT(Complaint("submit-batch", {.rate = 1000}), HasSubstr("for open"));
}

TEST(Check, GraphsAreAsLargeAsTheirShapeAllows) {
  EXPECT_THAT(Complaint("dag", {.size = 2}), HasSubstr("--size is 2"));
  EXPECT_EQ(Complaint("dag", {.shape = Shape::kFan, .size = 1001}), "");
  EXPECT_THAT(Complaint("dag", {.shape = Shape::kFan, .size = 1002}), HasSubstr("a fan has 1001"));
  EXPECT_EQ(Complaint("dag", {.shape = Shape::kChain, .size = 1002}), "");
  EXPECT_THAT(Complaint("dag", {.function = "noop"}), HasSubstr("no --function"));
}

TEST(Check, OverloadIsRootsOfKnownCostAtMultiplesOfTheCapacity) {
  EXPECT_EQ(Complaint("overload", {.x = {0.01, 100}}), "");
  EXPECT_THAT(Complaint("overload", {.x = {}}), HasSubstr("wants --x"));
  EXPECT_THAT(Complaint("overload", {.x = {1, 101}}), HasSubstr("--x has 101"));
  EXPECT_THAT(Complaint("overload", {.service = std::chrono::microseconds(9)}),
              HasSubstr("--service has to be"));
  EXPECT_EQ(Complaint("overload", {.function = "sleep"}), "");
  EXPECT_THAT(Complaint("overload", {.function = "noop"}), HasSubstr("spin or sleep"));
  EXPECT_THAT(Complaint("overload", {.batch = 2}), HasSubstr("a root a frame"));
  EXPECT_THAT(Complaint("overload", {.payload = 8}), HasSubstr("no --payload"));
}

TEST(Check, StepsAreOneRunOfOverload) {
  using std::chrono::seconds;
  EXPECT_EQ(Complaint("overload", {.steps = {{0, seconds(1)}, {10, seconds(1)}}}), "");
  EXPECT_THAT(Complaint("overload", {.steps = {{-1, seconds(1)}}}), HasSubstr("--steps has -1"));
  EXPECT_THAT(Complaint("overload", {.steps = {{1, Nanos(1)}}}), HasSubstr("0.02 to 3600"));
  EXPECT_THAT(Complaint("overload", {.steps = std::vector<Step>(33, {1, seconds(1)})}),
              HasSubstr("has 33"));
  EXPECT_THAT(Complaint("overload", {.steps = {{1, seconds(1)}},
                                     .classes = {{.cls = TaskClass::kHigh, .part = 0.3}}}),
              HasSubstr("without --classes or --critical"));
  EXPECT_THAT(Complaint("spike", {.steps = {{1, seconds(1)}}}), HasSubstr("is for overload"));
  EXPECT_THAT(Complaint("rtt", {.steps = {{1, seconds(1)}}}), HasSubstr("no --steps"));
}

TEST(Check, EachClassBesideNormalIsOfferedAPartOnce) {
  const ClassPart critical{.cls = TaskClass::kCritical, .part = 0.3};
  const ClassPart sheddable{.cls = TaskClass::kSheddable, .part = 10};
  EXPECT_EQ(Complaint("overload", {.x = {0.5}, .classes = {sheddable, critical}}), "")
      << "also where they leave nothing";
  EXPECT_THAT(Complaint("overload", {.classes = {critical, sheddable, critical}}),
              HasSubstr("class critical is named twice"));
  EXPECT_THAT(Complaint("overload", {.classes = {{.cls = TaskClass::kNormal, .part = 1}}}),
              HasSubstr("what the others leave of --x"));
  for (const double part : {0.0, -0.1, 10.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(Complaint("overload", {.classes = {{.cls = TaskClass::kHigh, .part = part}}}),
                HasSubstr("the part of class high is"))
        << part;
  }
  for (const char* name : {"spike", "storm", "fair", "bomb"}) {
    EXPECT_THAT(Complaint(name, {.classes = {critical}}), HasSubstr("are for overload, not for"))
        << name;
  }
  EXPECT_THAT(Complaint("rtt", {.classes = {critical}}), HasSubstr("no --classes"));
}

TEST(Check, ADeadlineIsOneToAThousandMediansOfALoad) {
  for (const char* name : {"overload", "spike", "storm", "fair", "bomb"}) {
    EXPECT_EQ(Complaint(name, {.deadline_ratio = 1}), "") << name;
    EXPECT_EQ(Complaint(name, {.deadline_ratio = 1000}), "") << name;
    EXPECT_THAT(Complaint(name, {.deadline_ratio = 0.9}), HasSubstr("--deadline is 0.9")) << name;
    EXPECT_THAT(Complaint(name, {.deadline_ratio = 1001}), HasSubstr("1 to 1000 medians")) << name;
  }
  EXPECT_THAT(Complaint("overload", {.deadline_ratio = std::numeric_limits<double>::quiet_NaN()}),
              HasSubstr("--deadline is"));
  EXPECT_THAT(Complaint("rtt", {.deadline_ratio = 20}), HasSubstr("or --deadline there"));
}

TEST(Check, StepsHaveTwoServicesOfTheirOwnAtMost) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  std::vector<Step> steps{{.x = 2, .time = seconds(1), .service = milliseconds(10)},
                          {.x = 2, .time = seconds(1), .service = milliseconds(20)},
                          {.x = 2, .time = seconds(1), .service = milliseconds(10)}};
  EXPECT_EQ(Complaint("overload", {.steps = steps}), "");
  EXPECT_THAT(Complaint("overload", {.steps = steps, .mix = CostMix::kBimodal}),
              HasSubstr("of constant cost"));
  EXPECT_THAT(Complaint("overload", {.steps = steps, .root = RootShape::kNested}),
              HasSubstr("single roots"));
  steps.push_back({.x = 2, .time = seconds(1), .service = milliseconds(30)});
  EXPECT_THAT(Complaint("overload", {.steps = steps}), HasSubstr("--steps has 3 services"));
  EXPECT_THAT(Complaint("overload", {.steps = {{.x = 2, .time = seconds(1), .service = Nanos(1)}}}),
              HasSubstr("10us to 1s"));
}

TEST(Check, OnlyClientsOfALoadCooperateAndNotInAStorm) {
  EXPECT_EQ(Complaint("overload", {.manners = Manners::kCooperative,
                                   .turnaround = std::chrono::microseconds(100)}),
            "");
  EXPECT_THAT(Complaint("overload", {.turnaround = Nanos(1)}), HasSubstr("--turnaround is for"));
  EXPECT_THAT(Complaint("overload", {.burst = 0}), HasSubstr("--burst has to be 1"));
  EXPECT_THAT(Complaint("overload",
                        {.manners = Manners::kCooperative, .turnaround = std::chrono::seconds(2)}),
              HasSubstr("0 to 1s"));
  EXPECT_THAT(Complaint("storm", {.manners = Manners::kCooperative}), HasSubstr("do not listen"));
  EXPECT_THAT(Complaint("bomb", {.manners = Manners::kCooperative}), HasSubstr("beside a bomb"));
  EXPECT_THAT(Complaint("rtt", {.manners = Manners::kCooperative}), HasSubstr("a number there"));
}

TEST(Check, WhatABenchmarkDoesNotHeedIsNotTaken) {
  const std::string x = "--x, which is for overload, spike, fair";
  EXPECT_THAT(Complaint("storm", {.x = {2}}), HasSubstr(x));
  EXPECT_THAT(Complaint("bomb", {.x = {2}}), HasSubstr(x));
  EXPECT_THAT(Complaint("rtt", {.x = {2}}), HasSubstr(x));
  for (const char* name : {"bomb", "submit-batch"}) {
    EXPECT_THAT(Complaint(name, {.mix = CostMix::kBimodal}), HasSubstr("--mix,")) << name;
    EXPECT_THAT(Complaint(name, {.root = RootShape::kNested}), HasSubstr("--shape,")) << name;
    EXPECT_THAT(Complaint(name, {.burst = 2}), HasSubstr("--burst,")) << name;
  }
  for (const char* name : {"bomb", "storm", "open"}) {
    Options options{.rate = std::string_view(name) == "open" ? 1000.0 : 0.0};
    options.turnaround = std::chrono::milliseconds(1);
    EXPECT_THAT(Complaint(name, options), HasSubstr("--turnaround,")) << name;
  }
  for (const char* name : {"overload", "spike", "fair", "bomb", "dag"}) {
    EXPECT_THAT(Complaint(name, {.retries = kUsualRetries}), HasSubstr("is for storm")) << name;
    EXPECT_THAT(Complaint(name, {.retry_budget = 0.1}), HasSubstr("--retry-budget,")) << name;
  }
  for (const char* name : {"overload", "spike", "storm", "bomb", "rtt"}) {
    EXPECT_THAT(Complaint(name, {.tenants = kUsualTenants}), HasSubstr("is for fair")) << name;
  }
  for (const char* name : {"overload", "spike", "storm", "fair", "client-rtt"}) {
    EXPECT_THAT(Complaint(name, {.children = 10}), HasSubstr("is for bomb")) << name;
  }
  for (const char* name : {"overload", "fair", "bomb", "rtt"}) {
    EXPECT_THAT(Complaint(name, {.spikes = 2}), HasSubstr("is for spike, storm")) << name;
  }
  EXPECT_THAT(Complaint("rtt", {.service = std::chrono::milliseconds(2)}), HasSubstr("--service,"));
  EXPECT_THAT(Complaint("rtt", {.unloaded_roots = 100}), HasSubstr("--unloaded-roots,"));
}

TEST(Check, WhatABenchmarkHeedsIsTaken) {
  EXPECT_EQ(Complaint("spike", {.x = {10}, .mix = CostMix::kBimodal, .burst = 8, .spikes = 7}), "");
  EXPECT_EQ(Complaint("storm",
                      {.root = RootShape::kChain, .retries = 5, .retry_budget = 0.1, .spikes = 6}),
            "");
  EXPECT_EQ(Complaint("fair", {.x = {15}, .tenants = 8}), "");
  EXPECT_EQ(Complaint("bomb", {.service = std::chrono::milliseconds(10), .children = 1500}), "");
  EXPECT_EQ(Complaint("dag", {.root = RootShape::kChain, .shape = Shape::kChain}), "")
      << "a chain is a shape of both";
}

TEST(FunctionOf, EchoesWhenThereIsSomethingToEcho) {
  EXPECT_EQ(FunctionOf({}), "noop");
  EXPECT_EQ(FunctionOf({.payload = 8}), "echo");
  EXPECT_EQ(FunctionOf({.payload = 8, .function = "hash"}), "hash");
}

TEST(Graphs, TakeOnlyWhatWasSubmittedBefore) {
  for (const Shape shape : {Shape::kChain, Shape::kFan, Shape::kTree}) {
    for (const std::uint32_t size : {3U, 4U, 17U, 100U}) {
      const Graph graph = MakeGraph(shape, size);
      ASSERT_EQ(graph.size(), size);
      std::vector<bool> taken(size);
      for (std::uint32_t i = 0; i < size; ++i) {
        for (const std::uint32_t from : graph[i]) {
          EXPECT_LT(from, i);
          taken[from] = true;
        }
      }
      for (std::uint32_t i = 0; i + 1 < size; ++i) EXPECT_TRUE(taken[i]) << i << " of " << size;
    }
  }
}

TEST(Graphs, TheLastValueSaysWhetherAllRan) {
  EXPECT_EQ(ValueOf(MakeGraph(Shape::kChain, 100)), 100);
  EXPECT_EQ(ValueOf(MakeGraph(Shape::kTree, 100)), 100);
  EXPECT_EQ(ValueOf(MakeGraph(Shape::kFan, 100)), 1 + 98 * 2);
}

}  // namespace
}  // namespace spillgate::bench
