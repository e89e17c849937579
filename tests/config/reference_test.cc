// The manual cannot lie: config/reference.toml is parsed and compared with the defaults and with
// the table of knobs, and the shipped profiles load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>

#include "config/knobs.h"
#include "config/read.h"
#include "config/resolve.h"
#include "config/sections.h"
#include "core/base/format.h"
#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

std::string Reference() {
  return TextOf(ConfigFolder() / "reference.toml");
}

// A setting that is commented out has no space after its '#': prose has one.
std::string WithExamples() {
  std::istringstream lines(Reference());
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    const bool example = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    text += (example ? line.substr(1) : line) + "\n";
  }
  return text;
}

TEST(Reference, IsTheDefaults) {
  const Loaded loaded = Good(Reference());
  EXPECT_EQ(loaded.config, Config{});
  for (const Section& section : Sections()) {
    for (const std::string& name : InstancesOf(section, loaded.config)) {
      for (const Knob& knob : KnobsOf(section.name)) {
        EXPECT_EQ(knob.access.get(loaded.config, name), knob.access.get(Config{}, name))
            << PathOf(knob, name);
        EXPECT_TRUE(loaded.origins.contains(PathOf(knob, name)))
            << PathOf(knob, name) << " is not in the reference";
      }
    }
  }
}

TEST(Reference, ItsExamplesAreTheDefaultsToo) {
  const Loaded loaded = Good(WithExamples());
  for (const Knob& knob : Knobs()) {
    const Section& section = *FindSection(knob.section);
    if (section.add == nullptr || section.name == "pool") continue;
    EXPECT_TRUE(loaded.origins.contains(PathOf(knob, "example")))
        << PathOf(knob, "example") << " is not in the reference";
    if (knob.key == "path") continue;  // has no default
    EXPECT_EQ(knob.access.get(loaded.config, "example"), knob.access.get(Config{}, "example"))
        << PathOf(knob, "example");
  }
}

// The comment above the first setting of each knob: what it does, then "[what it takes; live or
// restart]".
TEST(Reference, SaysWhatEachKnobTakesAndWhetherItIsLive) {
  std::istringstream lines(WithExamples());
  std::string section;
  std::string comment;  // the lines before, from the last that begins with a bracket
  std::set<std::string> documented;
  const auto join = [&comment](const std::string& line) {
    const bool goes_on = comment.starts_with("# [") && !comment.ends_with("]");
    if (!line.starts_with("# ")) return std::string();
    return goes_on ? comment + line.substr(1) : line;
  };
  for (std::string line; std::getline(lines, line); comment = join(line)) {
    if (line.starts_with("[")) section = line.substr(1, line.find_first_of(".]") - 1);
    const std::size_t equals = line.find(" = ");
    if (line.starts_with("#") || equals == std::string::npos || section.empty()) continue;
    const Knob* knob = FindKnob(section, line.substr(0, equals));
    ASSERT_NE(knob, nullptr) << line;
    if (!documented.insert(PathOf(*knob, "")).second) continue;
    EXPECT_EQ(comment, Format("# [{}; {}]", Expected(*knob),
                              knob->change == Change::kLive ? "live" : "restart"))
        << PathOf(*knob, "");
  }
  EXPECT_EQ(documented.size(), Knobs().size());
}

TEST(Profiles, DefaultChangesNothing) {
  EXPECT_EQ(Good(TextOf(ConfigFolder() / "profiles/default.toml")).config, Config{});
}

TEST(Profiles, ClassicSedaGivesEveryStageAThreadOfItsOwn) {
  const Config config = Good(TextOf(ConfigFolder() / "profiles/classic-seda.toml")).config;
  std::set<std::string> pools;
  for (const StageName& stage : kStages) {
    const std::string& pool = (config.stages.*stage.field).pool;
    EXPECT_TRUE(pools.insert(pool).second) << stage.name;
    EXPECT_EQ(ThreadsOf(config, pool, {}), 1U);
    EXPECT_EQ(config.pools.at(pool).poll, Nanos(0));
  }
  EXPECT_FALSE(pools.contains(std::string(kLoopPool)));
}

TEST(Profiles, ThroughputHasLargerBatchesAndNoPolling) {
  const Config config = Good(TextOf(ConfigFolder() / "profiles/throughput.toml")).config;
  for (const StageName& stage : kStages) {
    EXPECT_EQ((config.stages.*stage.field).batch, 256U) << stage.name;
  }
  for (const auto& [name, pool] : config.pools) EXPECT_EQ(pool.poll, Nanos(0)) << name;
}

TEST(Profiles, AllThatAreShippedLoad) {
  std::size_t loaded = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ConfigFolder() / "profiles")) {
    const Result<Loaded> profile = Load(entry.path().string());
    EXPECT_TRUE(profile.ok()) << (profile.ok() ? "" : profile.error().message);
    ++loaded;
  }
  EXPECT_EQ(loaded, 3U);
}

}  // namespace
}  // namespace spillgate::config
