#include "config/knobs.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "config/document.h"
#include "config/read.h"
#include "config/sections.h"
#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

// What a node serves is described, not tuned; all else is a decision that an operator should rarely
// have to make.
bool IsDescription(const Knob& knob) {
  static const std::set<std::string_view> kDescribed = {"class", "tenant", "function", "library"};
  return kDescribed.contains(knob.section);
}

TEST(Knobs, ThereAreNotTooMany) {
  std::size_t knobs = 0;
  for (const Knob& knob : Knobs()) knobs += IsDescription(knob) ? 0 : 1;
  EXPECT_LE(knobs, 72U) << "a new knob needs a measured reason, and one that can go";
}

TEST(Knobs, EachIsFoundByItsNameAndOnlyOnce) {
  std::set<std::string> seen;
  for (const Knob& knob : Knobs()) {
    EXPECT_TRUE(seen.insert(PathOf(knob, "")).second) << PathOf(knob, "");
    EXPECT_EQ(FindKnob(knob.section, knob.key), &knob);
    EXPECT_NE(FindSection(knob.section), nullptr) << knob.section;
  }
  EXPECT_EQ(FindKnob("limits", "nothing"), nullptr);
  EXPECT_EQ(FindSection("nothing"), nullptr);
}

TEST(Knobs, EverySectionHasSome) {
  std::size_t knobs = 0;
  for (const Section& section : Sections()) {
    EXPECT_FALSE(KnobsOf(section.name).empty()) << section.name;
    knobs += KnobsOf(section.name).size();
  }
  EXPECT_EQ(knobs, Knobs().size());
}

std::int64_t MostOf(const Knob& knob) {
  if (const auto* count = std::get_if<Count>(&knob.kind)) return count->most;
  if (const auto* choice = std::get_if<Choice>(&knob.kind)) {
    return static_cast<std::int64_t>(choice->names.size()) - 1;
  }
  return 0;
}

TEST(Knobs, TheRangeFitsIntoTheField) {
  for (const Knob& knob : Knobs()) {
    EXPECT_LE(static_cast<std::uint64_t>(MostOf(knob)), knob.access.field_most) << PathOf(knob, "");
  }
}

// A name for which the section has, or can have, an instance.
std::string SomeInstance(const Section& section) {
  const std::vector<std::string> names = InstancesOf(section, Config{});
  return names.empty() ? "example" : names.front();
}

TEST(Knobs, EachReachesAFieldOfItsOwn) {
  for (const Knob& knob : Knobs()) {
    const std::string name = SomeInstance(*FindSection(knob.section));
    for (const Knob& other : Knobs()) {
      if (&other == &knob || other.section != knob.section) continue;
      // Writing one knob's field must leave every other of its struct alone.
      Config config;
      const Setting before = other.access.get(config, name);
      Setting changed = knob.access.get(config, name);
      if (auto* number = std::get_if<std::int64_t>(&changed)) *number += 1;
      if (auto* text = std::get_if<std::string>(&changed)) *text += "x";
      if (auto* flag = std::get_if<bool>(&changed)) *flag = !*flag;
      if (auto* ids = std::get_if<Ids>(&changed)) ids->push_back(1);
      knob.access.set(config, name, changed);
      EXPECT_EQ(other.access.get(config, name), before) << PathOf(knob, name);
      EXPECT_EQ(knob.access.get(config, name), changed) << PathOf(knob, name);
    }
  }
}

TEST(Knobs, EveryDefaultIsWithinItsRange) {
  for (const Knob& knob : Knobs()) {
    if (knob.section == "library" && knob.key == "path") continue;  // has no default
    const std::string name = SomeInstance(*FindSection(knob.section));
    const Setting setting = knob.access.get(Config{}, name);
    const std::optional<Node> node = ParseValue(Print(knob, setting));
    ASSERT_TRUE(node.has_value()) << PathOf(knob, name) << " " << Print(knob, setting);
    std::vector<Complaint> complaints;
    EXPECT_EQ(Read(knob, PathOf(knob, name), *node, setting, complaints), setting)
        << PathOf(knob, name) << (complaints.empty() ? "" : complaints.front().message);
  }
}

TEST(Knobs, DefaultsDoNotContradictEachOther) {
  EXPECT_EQ(Good("").config, Config{});
  EXPECT_TRUE(Good("").origins.empty());
}

TEST(Knobs, NamesOfInstancesAreShortAndPlain) {
  for (const char* name : {"a", "my.module:f", "a/b-c_d", "0"}) EXPECT_TRUE(IsName(name)) << name;
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a\"b"),
                                  std::string("\xc3\xa9"), std::string(129, 'a')}) {
    EXPECT_FALSE(IsName(name)) << name;
  }
}

}  // namespace
}  // namespace spillgate::config
