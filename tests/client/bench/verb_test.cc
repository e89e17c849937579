// `spillgate bench` as it is typed, as far as no node is needed, and what it prints of a row.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "client/bench/options.h"
#include "client/cli/bench_rows.h"
#include "client/cli/command.h"
#include "client/cli/exits.h"

namespace spillgate::cli {
namespace {

using testing::HasSubstr;

struct Said {
  int code = -1;
  std::string out;
  std::string err;
};

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

std::string TextOf(std::FILE* file) {
  EXPECT_EQ(std::fseek(file, 0, SEEK_SET), 0);
  std::string text;
  std::array<char, 4096> some{};
  while (const std::size_t got = std::fread(some.data(), 1, some.size(), file)) {
    text.append(some.data(), got);
  }
  return text;
}

Said Bench(std::vector<const char*> words) {
  words.insert(words.begin(), {"spillgate", "bench"});
  const File out(std::tmpfile(), &std::fclose);
  const File err(std::tmpfile(), &std::fclose);
  Said said;
  said.code = Main(static_cast<int>(words.size()), words.data(), out.get(), err.get());
  said.out = TextOf(out.get());
  said.err = TextOf(err.get());
  return said;
}

void ExpectUsage(const std::vector<const char*>& words, const std::string& complaint) {
  const Said said = Bench(words);
  EXPECT_EQ(said.code, kUsage) << words.front();
  EXPECT_THAT(said.err, HasSubstr(complaint));
  EXPECT_EQ(said.out, "");
}

TEST(BenchVerb, MistakesAreToldBeforeANodeIsStarted) {
  ExpectUsage({"submit"}, "there is no benchmark 'submit'");
  ExpectUsage({"rtt", "nonsense"}, "'nonsense'");
  ExpectUsage({"submit-batch", "--batch", "0"}, "--batch is 0");
  ExpectUsage({"submit-batch", "--batch", "many"}, "--batch");
  ExpectUsage({"submit-batch", "--seconds", "0"}, "--seconds");
  ExpectUsage({"submit-batch", "--pin", "sideways"}, "--pin");
  ExpectUsage({"submit-batch", "--level", "most"}, "--level");
  ExpectUsage({"open"}, "--rate");
  ExpectUsage({"dag", "--shape", "star"}, "dag knows no --shape star");
  ExpectUsage({"dag", "--shape", "nested"}, "dag knows no --shape nested");
  ExpectUsage({"overload", "--shape", "tree"}, "overload knows no --shape tree");
  ExpectUsage({"rtt", "--shape", "chain"}, "--shape is not for rtt");
  ExpectUsage({"overload", "--clients", "rude"}, "--clients is rude");
  ExpectUsage({"rtt", "--clients", "raw2"}, "--clients is raw2");
  ExpectUsage({"submit-batch", "--clients", "cooperative"}, "submit-batch is not about load");
  ExpectUsage({"overload", "--steps", "1"}, "each is X:SECONDS");
  ExpectUsage({"overload", "--unloaded-roots", "1"}, "--unloaded-roots has to be 20 to 1000000");
  ExpectUsage({"overload", "--steps", "0:1,2:x"}, "\"2:x\"");
  ExpectUsage({"overload", "--steps", "1:0"}, "each is X:SECONDS");
  ExpectUsage({"overload", "--steps", "1:1:soon"}, "\"1:1:soon\"");
  ExpectUsage({"overload", "--steps", "1:1:2s"}, "a service in --steps");
  ExpectUsage({"overload", "--classes", "urgent:1"}, "there are critical, high and sheddable");
  ExpectUsage({"overload", "--classes", "high:0.2,critical"}, "\"critical\"; each is CLASS:PART");
  ExpectUsage({"overload", "--classes", "high:much"}, "\"high:much\"");
  ExpectUsage({"overload", "--classes", "high:0.2s"}, "\"high:0.2s\"");
  ExpectUsage({"overload", "--classes", "high:0"}, "the part of class high is 0");
  ExpectUsage({"overload", "--classes", "critical:0.2", "--critical", "0.3"},
              "critical is named twice");
  ExpectUsage({"overload", "--critical", "-1"}, "the part of class critical is -1");
  ExpectUsage({"fair", "--critical", "0.3"}, "are for overload, not for fair");
  ExpectUsage({"overload", "--deadline", "0.5"}, "--deadline is 0.5");
  ExpectUsage({"storm", "--x", "2"}, "storm does not heed --x, which is for overload, spike, fair");
  ExpectUsage({"overload", "--retries", "3"}, "overload does not heed --retries");
  ExpectUsage({"rtt", "--tenants", "4"}, "rtt does not heed --tenants, which is for fair");
  ExpectUsage({"bomb", "--clients", "cooperative"}, "no --clients cooperative");
  ExpectUsage({"bomb", "--shape", "chain"}, "bomb does not heed --shape");
  // The second of two is looked at before the first is run.
  ExpectUsage({"submit-batch", "rtt", "--clients", "2"}, "rtt is one client's");
}

TEST(BenchVerb, SomebodysNodeHasItsConfigAlready) {
  ExpectUsage({"rtt", "-a", "unix:///x.sock", "--set", "pool.loop.poll=0us"}, "node of its own");
}

TEST(BenchVerb, NobodyAtTheAddressIsExit69) {
  const Said said = Bench({"submit-batch", "-a", "unix:///nowhere/at/all.sock"});
  EXPECT_EQ(said.code, kCannotConnect);
  EXPECT_THAT(said.err, HasSubstr("/nowhere/at/all.sock"));
}

TEST(BenchVerb, HelpNamesEveryBenchmark) {
  const Said said = Bench({"--help"});
  EXPECT_EQ(said.code, kOk);
  for (const bench::Benchmark& each : bench::Benchmarks()) {
    EXPECT_THAT(said.out, HasSubstr(std::string(each.name)));
  }
}

TEST(BenchVerb, HelpSaysWhichBenchmarksHeedWhatIsSaidOfRoots) {
  std::istringstream words(Bench({"--help"}).out);
  std::string help;  // wherever its lines are broken
  for (std::string word; words >> word;) help += word + " ";
  for (const char* said : {
           "of overload, spike, storm and fair: mean cost of a task",
           "of bomb: cost of a child [1ms]",
           "of overload, spike, storm and fair: roots that come at the same time",
           "of overload, spike, storm and fair: how costs are spread",
           "of overload, spike, storm and fair: single, chain, fan or nested",
           "of overload, spike and fair: raw, or cooperative",
       }) {
    EXPECT_THAT(help, HasSubstr(said));
  }
}

TEST(BenchRows, JsonHasWhatAppliesAndNothingElse) {
  bench::Row row{.bench = "rtt"};
  row.p50_us = 12.3456;
  row.ratio = 1.5;
  row.n = 100;
  row.verified = true;
  row.level = "none";
  row.steal_pct = 0.5;
  const Json json = ToJson(row);
  EXPECT_EQ(json["bench"], "rtt");
  EXPECT_EQ(json["p50_us"], 12.346);
  EXPECT_EQ(json["ratio"], 1.5);
  EXPECT_EQ(json["n"], 100);
  EXPECT_EQ(json["errors"], 0);
  EXPECT_EQ(json["verified"], true);
  EXPECT_EQ(json["steal_pct"], 0.5);
  for (const char* absent : {"per_s", "batch", "shape", "rate", "late_max_us", "problem"}) {
    EXPECT_FALSE(json.contains(absent)) << absent;
  }
}

TEST(BenchRows, ClientsOfALoadAreToldByTheirManners) {
  bench::Row row{.bench = "overload"};
  row.clients = 1;
  EXPECT_EQ(ToJson(row)["clients"], 1);
  bench::OverloadFigures& figures = row.overload.emplace();
  figures.clients = "cooperative";
  figures.turnaround_us = 100;
  figures.held = 7;
  figures.step = 2;
  figures.functions = {
      {.function = "spin", .offered = 5, .good = 2, .late = 1, .refused = 2, .p99_us = 1.5}};
  const Json json = ToJson(row);
  EXPECT_EQ(json["clients"], "cooperative");
  EXPECT_EQ(json["turnaround_us"], 100);
  EXPECT_EQ(json["held"], 7);
  EXPECT_EQ(json["step"], 2);
  ASSERT_EQ(json["functions"].size(), 1U);
  EXPECT_EQ(json["functions"][0]["function"], "spin");
  EXPECT_EQ(json["functions"][0]["good"], 2);
  EXPECT_EQ(json["functions"][0]["late"], 1);
  EXPECT_EQ(json["functions"][0]["expired"], 0);
  EXPECT_EQ(json["functions"][0]["refused"], 2);
  EXPECT_EQ(json["functions"][0]["p99_us"], 1.5);
}

TEST(BenchRows, WhatALoadIsJudgedByIsThereInAnyCase) {
  bench::Row row{.bench = "overload"};
  row.overload.emplace();
  const Json json = ToJson(row);
  EXPECT_EQ(json["jain"], 1);
  EXPECT_EQ(json["min_function_success"], 1);
  ASSERT_TRUE(json.contains("critical_ok_ratio"));
  EXPECT_TRUE(json["critical_ok_ratio"].is_null());
  row.overload->critical_ok_ratio = 0.5;
  EXPECT_EQ(ToJson(row)["critical_ok_ratio"], 0.5);
}

TEST(BenchRows, ClassesAreToldWhereThereAreSeveral) {
  bench::Row row{.bench = "overload"};
  std::vector<bench::ClassFigures>& figures = row.overload.emplace().classes;
  EXPECT_FALSE(ToJson(row).contains("classes"));
  EXPECT_FALSE(ToJson(row).contains("critical_n"));
  figures.resize(2);
  static_cast<bench::FateCounts&>(figures[0]) = {
      .good = 2, .late = 1, .expired = 1, .silent = 1, .refused = 2, .held = 1};
  figures[0].cls = TaskClass::kHigh;
  figures[0].offered = 8;
  figures[0].ok_ratio = 0.25;
  figures[0].p50_us = 1;
  figures[0].p99_us = figures[0].p999_us = bench::Micros(bench::Latencies::kEndless);
  figures[1].cls = TaskClass::kNormal;
  const Json classes = ToJson(row)["classes"];
  const Json high = {{"class", "high"},  {"offered", 8}, {"good", 2},         {"late", 1},
                     {"expired", 1},     {"silent", 1},  {"refused", 2},      {"held", 1},
                     {"ok_ratio", 0.25}, {"p50_us", 1},  {"p99_us", nullptr}, {"p999_us", nullptr}};
  ASSERT_EQ(classes.size(), 2U);
  EXPECT_EQ(classes[0], high);
  EXPECT_EQ(classes[1]["class"], "normal");
  EXPECT_FALSE(classes[1].contains("ok_ratio")) << "of none, no part was good";
  const std::string text = ToText({&row, 1});
  EXPECT_THAT(text, HasSubstr(", 0.250 of high good"));
  EXPECT_THAT(text, Not(HasSubstr("of normal good")));
}

TEST(BenchRows, ADeadlineIsToldIfItIsNotAsUsual) {
  bench::Row row{.bench = "fair"};
  EXPECT_FALSE(ToJson(row).contains("deadline_ratio"));
  row.deadline_ratio = 2.5;
  EXPECT_EQ(ToJson(row)["deadline_ratio"], 2.5);
  EXPECT_THAT(ToText({&row, 1}), HasSubstr("deadlines of 2.5 medians"));
}

TEST(BenchRows, ATimeThatHasNoEndIsNullAndNever) {
  bench::Row row{.bench = "overload"};
  row.p50_us = 2;
  row.p99_us = bench::Micros(bench::Latencies::kEndless);
  const Json json = ToJson(row);
  EXPECT_EQ(json["p50_us"], 2);
  ASSERT_TRUE(json.contains("p99_us"));
  EXPECT_TRUE(json["p99_us"].is_null());
  EXPECT_THAT(ToText({&row, 1}), testing::HasSubstr("never"));
}

TEST(BenchRows, ATableShoutsWhatIsNotVerified) {
  std::vector<bench::Row> rows(2);
  rows[0].bench = "good";
  rows[0].verified = true;
  rows[1].bench = "bad";
  const std::string text = ToText(rows);
  EXPECT_THAT(text, testing::ContainsRegex("good .* yes "));
  EXPECT_THAT(text, testing::ContainsRegex("bad .* NO "));
}

}  // namespace
}  // namespace spillgate::cli
