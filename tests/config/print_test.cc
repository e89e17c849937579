#include "config/print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/knobs.h"
#include "config/sections.h"
#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

using ::testing::HasSubstr;

TEST(Print, WhatIsPrintedParsesToTheSame) {
  const Config config = Good(R"(
node.name = "box1"
node.resources = { cpu = 1.5, memory = "8GiB", camera = 2, "a.b" = 0.001 }
node.state_dir = "/a \"quoted\" \\ path"
auth.allow_uids = [1, 2, 3]
auth.tenants_by_name = true
listen.unix_mode = "0660"
limits.park_ttl = "1500us"
limits.egress = "65537B"
workers.retry_budget = 0.3333333333333333
pool.mine.threads = "auto"
stage.execution.pool = "mine"
tenant.ada.uids = [5]
function."a.b".custom = { camera = 0.5 }
function.g.memory = "1GiB"
library.x.path = "/x.so"
)")
                            .config;
  const std::string printed = PrintEffective(config, {});
  EXPECT_EQ(Good(printed).config, config) << printed;
  EXPECT_EQ(Good(PrintEffective(Config{}, {})).config, Config{});
}

TEST(Print, EveryKnobStandsThereOnceWithItsOrigin) {
  const Loaded loaded = Good("[limits]\n\npark = 7\n", {{{"SPILLGATE__LIMITS__EGRESS", "1MiB"}},
                                                        {"stage.execution.batch=9"}});
  const std::string printed = PrintEffective(loaded.config, loaded.origins);
  EXPECT_THAT(printed, HasSubstr("\npark = 7                                      # f.toml:3\n"));
  EXPECT_THAT(printed, HasSubstr("\negress = \"1MiB\"                               # env\n"));
  EXPECT_THAT(printed, HasSubstr("\nbatch = 9                                     # flag\n"));
  EXPECT_THAT(printed, HasSubstr("\nhandshake = \"2s\"                              # default\n"));
  std::size_t lines = 0;
  for (const Section& section : Sections()) {
    lines += InstancesOf(section, loaded.config).size() * KnobsOf(section.name).size();
  }
  std::size_t origins = 0;
  for (std::size_t at = printed.find("  # "); at != std::string::npos;
       at = printed.find("  # ", at + 1)) {
    ++origins;
  }
  EXPECT_EQ(origins, lines);
}

}  // namespace
}  // namespace spillgate::config
