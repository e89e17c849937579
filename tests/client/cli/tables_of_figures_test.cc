// The tables that are made of the node's JSON: of what a node gives, and of less and of nonsense.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cli/figures_json.h"
#include "client/cli/stages_table.h"
#include "client/cli/status_table.h"

namespace spillgate::cli {
namespace {

using ::testing::HasSubstr;

Json Parse(const std::string& text) {
  auto json = ParseFigures(text);
  EXPECT_TRUE(json.ok()) << text;
  return json.ok() ? std::move(json).value() : Json::object();
}

constexpr const char* kStages = R"({
  "schema": "spillgate.stages/1",
  "stages": [
    {"stage": "submission", "controller": "bound", "state": "shedding", "occupied": 12,
     "capacity": 4096, "oldest_us": 100, "shards": [{}], "utilisation": 0.31, "in_per_s": 8212,
     "out_per_s": 7900, "shed_per_s": 312, "admits_up_to": 64, "retry_after_us": 5000,
     "batch_most": 64, "batch_fits": 23,
     "wait_us": {"n": 9, "p50": 11, "p99": 80}},
    {"stage": "execution", "controller": "none", "state": "saturated", "occupied": 1024,
     "capacity": 1024, "oldest_us": 131000, "shards": [{}, {}], "utilisation": 2, "in_per_s": 7000,
     "out_per_s": 7000, "shed_per_s": 0, "admits_up_to": 0, "batch_most": 64, "batch_fits": 500,
     "wait_us": {"n": 9, "p50": 40000, "p99": 131000}},
    {"stage": "publication", "state": "idle"}
  ]})";

TEST(StagesTable, ShowsEachStageInOneLine) {
  EXPECT_EQ(
      StagesTable(Parse(kStages)),
      "STAGE        STATE       HELD/CAP  OLDEST  SHARDS  UTIL  IN/s  OUT/s  SHED/s  WAIT p50/p99"
      "        BATCH  ADMISSION\n"
      "submission   shedding     12/4096   100us       1   31%  8212   7900     312     11us/80us"
      "        23/64  bound <= 64, retry after 5ms\n"
      "execution    saturated  1024/1024   131ms       2  200%  7000   7000       0    40ms/131ms"
      "  64/64 (500)  none\n"
      "publication  idle             -/-       -       -     -     -      -       -             -"
      "            -  -\n");
}

TEST(StagesTable, TheHintNamesTheStageFurthestDownstream) {
  EXPECT_THAT(StagesHint(Parse(kStages)), HasSubstr("'execution' is the bottleneck"));
  EXPECT_EQ(StagesHint(Parse(R"({"stages": [{"stage": "a", "state": "ok"}]})")), "");
  EXPECT_THAT(
      StagesHint(Parse(R"({"stages": [{"stage": "a", "state": "shedding", "shed_per_s": 5}]})")),
      HasSubstr("'a' sheds 5 tasks a second"));
  EXPECT_THAT(
      StagesHint(Parse(R"({"stages": [{"stage": "a", "state": "stalled", "occupied": 3}]})")),
      HasSubstr("'a' holds 3 tasks and none has moved"));
}

TEST(StagesTable, TheHintTellsOfSlotsThatWouldBeOfUse) {
  EXPECT_THAT(StagesHint(Parse(R"({"slots": {"extra": 0, "extra_useful": 14, "extra_most": 6}})")),
              HasSubstr("14 slots more would be of use, 6 may be given out (pool.exec.threads)"));
  EXPECT_EQ(StagesHint(Parse(R"({"slots": {"extra": 6, "extra_useful": 6, "extra_most": 6}})")),
            "");
}

TEST(StagesTable, WhatIsMissingOrOddIsLeftOut) {
  EXPECT_EQ(StagesTable(Parse("{}")), "");
  EXPECT_EQ(StagesTable(Parse(R"({"stages": 7})")), "");
  EXPECT_EQ(StagesTable(Parse(R"({"stages": [7, "x", null]})")), "");
  EXPECT_THAT(StagesTable(Parse(R"({"stages": [{"stage": 7, "occupied": "x", "wait_us": []}]})")),
              HasSubstr("-/-"));
}

TEST(Figures, OnlyAnObjectIsTaken) {
  for (const char* text : {"", "[]", "7", "{", "{\"a\":"}) {
    EXPECT_FALSE(ParseFigures(text).ok()) << text;
  }
  const auto error = ParseFigures(R"({"error": "no such statistics"})");
  ASSERT_FALSE(error.ok());
  EXPECT_THAT(error.error().message, HasSubstr("no such statistics"));
}

TEST(StatusTable, SaysWhatTheNodeSays) {
  const std::string table = StatusTable(Parse(R"({
    "node": "box1", "version": "0.1.0", "uptime_s": 303, "ready": false, "draining": true,
    "why_not_ready": "it drains", "connections": 3, "connections_limit": 1024,
    "in_flight": {"count": 12, "count_limit": 65536, "bytes": 1536, "bytes_limit": 268435456},
    "tasks": {"accepted": 20, "parked": 0, "late_outcomes": 2,
              "ended": {"done": 5, "failed": 1, "expired": 0},
              "wasted_seconds_by_class": {"critical": 0, "normal": 0.5, "sheddable": 1},
              "saved_seconds_by_class": {"normal": 0.002}},
    "workers": {"busy": 0, "idle": 2, "limit": 4, "died": 1},
    "journal": {"level_max": "async", "disk_bytes": 1048576, "errors": 0, "why_not": "disk full"},
    "resources": {"cpu": {"free": 0.5, "total": 2}, "memory": {"free": 1024, "total": 2048}},
    "config": {"generation": 2, "last_reload_ok": false},
    "process": {"cpu_s": 2.5, "resident_bytes": 1048576}})"));
  EXPECT_EQ(table,
            "node         box1\n"
            "version      0.1.0\n"
            "state        draining: it drains\n"
            "up for       5min 3s\n"
            "connections  3 of 1024\n"
            "in flight    12 of 65536, 1.5KiB of 256MiB\n"
            "tasks        20 accepted; 5 done, 1 failed; 2 cancels or expiries too late\n"
            "work         1.5s of slot time on roots not done in time, 2ms saved by dropping tasks "
            "unbegun\n"
            "workers      2 idle, at most 4, 1 died so far\n"
            "journal      up to async, 1MiB on disk; takes no new work: disk full\n"
            "resources    cpu 0.5 of 2 free, memory 1KiB of 2KiB free\n"
            "config       generation 2, and the last reload was refused: see the node's log\n"
            "process      2.5s of CPU time, 1MiB of memory\n");
}

TEST(StatusTable, OfNothingThereIsNothing) {
  EXPECT_EQ(StatusTable(Parse("{}")), "");
  EXPECT_EQ(StatusTable(Parse(R"({"node": 7, "in_flight": 3, "tasks": [], "resources": []})")), "");
}

TEST(TaskTable, EachStateIsNamed) {
  const wire::TaskStatus tasks[] = {
      {.task = {1, 1}, .reason = Reason::kNotFound},
      {.task = {1, 2}, .age_us = 5000, .state = wire::TaskState::kUnfinished, .attempt = 1},
      {.task = {1, 3},
       .age_us = 2'500'000,
       .state = wire::TaskState::kEnded,
       .fate = static_cast<std::uint8_t>(Fate::kFailed),
       .reason = Reason::kPoison,
       .attempt = 3}};
  EXPECT_EQ(TaskTable(tasks),
            "ID                  STATE       REASON      AGE  RUNS\n"
            "0000000000000001-1  unknown     not_found     -     -\n"
            "0000000000000001-2  unfinished  -           5ms     1\n"
            "0000000000000001-3  failed      poison     2.5s     3\n");
  const Json json = ToJson(tasks);
  EXPECT_EQ(json[0].dump(),
            "{\"id\":\"0000000000000001-1\",\"state\":\"unknown\","
            "\"reason\":\"not_found\",\"age_us\":0,\"runs\":0}");
  EXPECT_EQ(json[2]["fate"], "failed");
  EXPECT_FALSE(json[1].contains("fate"));
}

}  // namespace
}  // namespace spillgate::cli
