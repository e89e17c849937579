// Every knob, at the ends of its range and one step beyond, by the table: a knob that is added is
// tested.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/knobs.h"
#include "config/read.h"
#include "config/sections.h"
#include "config/units.h"
#include "core/base/format.h"
#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

using ::testing::HasSubstr;
using Texts = std::vector<std::string>;

std::string Sized(std::uint64_t bytes) {
  return Quote(FormatBytes(Bytes{bytes}));
}
std::string Timed(std::int64_t nanos) {
  return Quote(Format("{}ns", nanos));
}
std::string List(std::size_t n) {
  std::string text = "[";
  for (std::size_t i = 0; i < n; ++i) text += Format("{}{}", i == 0 ? "" : ", ", i);
  return text + "]";
}

std::string PathOfLength(std::size_t length) {
  std::string path(length, 'x');
  path.front() = '/';
  return Quote(path);
}

// Values at both ends.
struct Inside {
  Texts operator()(const Count& k) const { return {Format("{}", k.least), Format("{}", k.most)}; }
  Texts operator()(const Size& k) const { return {Sized(k.least), Sized(k.most)}; }
  Texts operator()(const Time& k) const { return {Timed(k.least.count()), Timed(k.most.count())}; }
  Texts operator()(const Fraction& k) const {
    return {Format("{}", k.least), Format("{}", k.most), "0.5"};
  }
  Texts operator()(const Amount& k) const {
    return {FormatThousandths(k.least), FormatThousandths(k.most), "0.001"};
  }
  Texts operator()(const Choice& k) const {
    Texts texts;
    for (const std::string_view name : k.names) texts.push_back(Quote(name));
    return texts;
  }
  Texts operator()(const Flag&) const { return {"true", "false"}; }
  Texts operator()(const Mode&) const { return {"\"0000\"", "\"777\"", "0o777", "0"}; }
  Texts operator()(const UserIds& k) const { return {"[]", "[4294967294]", List(k.most)}; }
  Texts operator()(const AmountTable&) const { return {"{}", "{ a = 0.5, b = 1000000 }"}; }
  Texts operator()(const NodeResourceTable&) const {
    return {"{}", "{ cpu = 0.5, gpu = 2, memory = \"1GiB\", camera = 1 }", "{ cpu = \"auto\" }"};
  }
  Texts operator()(const Text& rule) const {
    switch (rule) {
      case Text::kName: return {"\"\"", "\"box-1\""};
      case Text::kPath: return {"\"\"", "\"/a b\"", PathOfLength(4095)};
      case Text::kFile: return {"\"/x\""};
      case Text::kAddress: return {"\"\"", "\"[::1]:0\"", "\"127.0.0.1:65535\""};
      case Text::kPool: return {"\"loop\"", Quote(std::string(128, 'x'))};
    }
    return {};
  }
};

// Values one step beyond, and of other kinds.
struct Outside {
  Texts operator()(const Count& k) const {
    return {Format("{}", k.least - 1), Format("{}", k.most + 1), "1.0", "\"1\"",
            "9223372036854775807",     "-9223372036854775808"};
  }
  Texts operator()(const Size& k) const {
    Texts texts = {Sized(k.most + 1), "64", "\"64\"", "\"-1B\"", "\"\"", "\"9999999TiB\""};
    if (k.least > 0) texts.push_back(Sized(k.least - 1));
    return texts;
  }
  Texts operator()(const Time& k) const {
    Texts texts = {Timed(k.most.count() + 1), "5", "\"5\"", "\"-1s\"", "\"\"", "\"99999999h\""};
    if (k.least.count() > 0) texts.push_back(Timed(k.least.count() - 1));
    return texts;
  }
  Texts operator()(const Fraction& k) const {
    return {Format("{}", k.least - 0.001), Format("{}", k.most + 0.001), "nan", "inf", "\"0.5\""};
  }
  Texts operator()(const Amount& k) const {
    return {FormatThousandths(k.least - 1),
            FormatThousandths(k.most + 1),
            "0.0001",
            "nan",
            "-inf",
            "\"1\"",
            "true"};
  }
  Texts operator()(const Choice& k) const {
    Texts texts{"\"nothing\"", "0", "[]"};
    if (!k.names.front().empty()) texts.emplace_back("\"\"");
    return texts;
  }
  Texts operator()(const Flag&) const { return {"0", "1", "\"true\"", "[true]"}; }
  Texts operator()(const Mode&) const {
    return {"0o1000", "-1", "\"\"", "\"0o600\"", "\"00600\"", "\"789\"", "0.5"};
  }
  Texts operator()(const UserIds& k) const {
    return {"[-1]", "[4294967295]", "[\"ada\"]", "1", "{}", List(k.most + 1)};
  }
  Texts operator()(const AmountTable&) const {
    return {"{ a = -1 }",
            "{ a = \"1\" }",
            "{ a = 1000000.001 }",
            "[]",
            "1",
            "{ a = 1, b = 1, c = 1, d = 1, e = 1, f = 1 }"};
  }
  Texts operator()(const NodeResourceTable&) const {
    return {"{ cpu = -0.001 }", "{ gpu = \"auto\" }", "{ memory = 5 }", "{ a = true }", "[]", "1"};
  }
  Texts operator()(const Text& rule) const {
    Texts texts = {"1", "true", "[]", "{}"};
    switch (rule) {
      case Text::kName: texts.insert(texts.end(), {"\"a b\"", Quote(std::string(129, 'x'))}); break;
      case Text::kFile: texts.push_back("\"\""); [[fallthrough]];
      case Text::kPath:
        texts.insert(texts.end(),
                     {"\"x/y\"", "\"~/x\"", "\"/a\\nb\"", "\"/\\u0000\"", PathOfLength(4096)});
        break;
      case Text::kAddress: texts.insert(texts.end(), {"\"7440\"", "\"a:b\"", "\"h:65536\""}); break;
      case Text::kPool: texts.insert(texts.end(), {"\"\"", "\"a b\""}); break;
    }
    return texts;
  }
};

std::string InstanceFor(const Knob& knob) {
  const Section& section = *FindSection(knob.section);
  const std::vector<std::string> names = InstancesOf(section, Config{});
  return names.empty() ? "example" : names.front();
}

std::optional<Setting> ReadText(const Knob& knob, const std::string& text,
                                std::vector<Complaint>& complaints) {
  const std::optional<Node> node = ParseValue(text);
  if (!node) {
    ADD_FAILURE() << text << " is not TOML";
    return std::nullopt;
  }
  const std::string name = InstanceFor(knob);
  return Read(knob, PathOf(knob, name), *node, knob.access.get(Config{}, name), complaints);
}

TEST(Ranges, BothEndsAreTaken) {
  for (const Knob& knob : Knobs()) {
    for (const std::string& text : std::visit(Inside{}, knob.kind)) {
      std::vector<Complaint> complaints;
      const std::optional<Setting> setting = ReadText(knob, text, complaints);
      EXPECT_TRUE(setting.has_value()) << PathOf(knob, "") << " = " << text << "\n"
                                       << (complaints.empty() ? "" : complaints.front().message);
      if (!setting) continue;
      Config config;  // through the field and back: nothing is cut off
      knob.access.set(config, InstanceFor(knob), *setting);
      EXPECT_EQ(knob.access.get(config, InstanceFor(knob)), *setting) << PathOf(knob, "") << text;
      std::vector<Complaint> again;
      EXPECT_EQ(ReadText(knob, Print(knob, *setting), again), setting) << Print(knob, *setting);
    }
  }
}

TEST(Ranges, OneStepBeyondIsRefusedWithPlaceNameAndValue) {
  std::size_t refused = 0;
  for (const Knob& knob : Knobs()) {
    for (const std::string& text : std::visit(Outside{}, knob.kind)) {
      const std::string header =
          PathOf(knob.section, FindSection(knob.section)->named ? InstanceFor(knob) : "");
      const std::string errors = ErrorsOf(Format("[{}]\n{} = {}\n", header, knob.key, text));
      EXPECT_THAT(errors, HasSubstr(Format("f.toml:2:"))) << header << " " << text;
      EXPECT_THAT(errors, HasSubstr(Format("error: {}.{}", header, knob.key))) << text;
      ++refused;
    }
  }
  EXPECT_GT(refused, 5 * Knobs().size() / 2);
}

TEST(Ranges, AutoIsTakenWhereItIsOfferedAndNowhereElse) {
  for (const Knob& knob : Knobs()) {
    const bool is_text = std::holds_alternative<Text>(knob.kind);
    const bool names_it = std::holds_alternative<Choice>(knob.kind) && knob.key == "log_format";
    if (is_text || names_it) continue;
    std::vector<Complaint> complaints;
    const std::optional<Setting> setting = ReadText(knob, "\"auto\"", complaints);
    EXPECT_EQ(setting.has_value(), knob.access.takes_auto) << PathOf(knob, "");
    EXPECT_EQ(Expected(knob).starts_with("\"auto\" or "), knob.access.takes_auto);
  }
}

}  // namespace
}  // namespace spillgate::config
