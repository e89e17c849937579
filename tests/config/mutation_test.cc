// Files that somebody damaged: whatever the bytes, Parse gives a configuration or a list of errors,
// and what it accepts prints and parses back to the same. Seeded, so that a failure can be
// repeated.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "config/print.h"
#include "core/base/format.h"
#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  void Mutate(std::string& text) {
    const std::size_t times = 1 + Below(4);
    for (std::size_t i = 0; i < times; ++i) MutateOnce(text);
  }

 private:
  std::size_t Below(std::size_t n) { return n == 0 ? 0 : random_() % n; }

  void MutateOnce(std::string& text) {
    using namespace std::literals;
    static const std::vector<std::string_view> kPieces = {
        "=",    "[",    "]]",       "\"", "\"\"\"", "#",    "\n",          ".",     "{ ",
        " }",   "auto", "-1",       "0x", "1e999",  "nan",  "99999999999", "[a.b]", "\\u0000",
        "\0"sv, "\xff", "\xc3\xa9", "\r", "= =",    "true", "\"1h\"",      "_",     ","};
    const std::size_t at = Below(text.size());
    switch (Below(6)) {
      case 0: text[at] = static_cast<char>(Below(256)); break;
      case 1: text.erase(at, 1 + Below(30)); break;
      case 2: text.insert(at, kPieces[Below(kPieces.size())]); break;
      case 3: text.insert(at, text.substr(Below(text.size()), Below(200))); break;
      case 4: text.resize(at); break;
      default: std::swap(text[at], text[Below(text.size())]); break;
    }
    if (text.empty()) text.push_back('x');
  }

  std::mt19937_64 random_;
};

TEST(Mutation, DamagedFilesAreErrorsAndNeverMore) {
  const std::string reference = TextOf(ConfigFolder() / "reference.toml");
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    std::string text = reference;
    Mutator(seed).Mutate(text);
    const Result<Loaded> loaded = Parse(text, "f.toml");
    if (!loaded.ok()) {
      ++refused;
      EXPECT_EQ(loaded.error().message.rfind("f.toml:", 0), 0U) << seed << loaded.error().message;
      continue;
    }
    ++accepted;
    const Result<Loaded> again =
        Parse(PrintEffective(loaded.value().config, loaded.value().origins), "again.toml");
    ASSERT_TRUE(again.ok()) << seed << ": " << again.error().message;
    EXPECT_EQ(again.value().config, loaded.value().config) << seed;
  }
  EXPECT_GT(accepted, 100U);
  EXPECT_GT(refused, 100U);
}

TEST(Mutation, DamagedOverridesToo) {
  const std::vector<std::string> flags = {"stage.scheduling.batch=128", "function.\"a.b\".slots=3",
                                          "node.resources={ cpu = 2, camera = 1 }",
                                          "limits.park_ttl=5s", "auth.allow_uids=[1, 2]"};
  std::size_t accepted = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    std::string flag = flags[seed % flags.size()];
    Mutator(seed).Mutate(flag);
    const Result<Loaded> loaded = Parse("", "f.toml", {{}, {flag}});
    accepted += loaded.ok() ? 1 : 0;
    const Result<Loaded> named =
        Parse("", "f.toml", {{{Format("{}{}", kVariablePrefix, flag), flag}}, {}});
    accepted += named.ok() ? 1 : 0;
  }
  EXPECT_GT(accepted, 10U);
  EXPECT_LT(accepted, 4000U);
}

}  // namespace
}  // namespace spillgate::config
