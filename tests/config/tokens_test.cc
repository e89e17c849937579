#include "config/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace spillgate::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSecret = "0123456789abcdefABCDEF+/=";

TEST(Tokens, LinesOfNameAndToken) {
  const auto tokens = ParseTokens(
      std::string("# comment\n\n  ada ") + kSecret + "  \r\nbob\t" + kSecret + "x", "t");
  ASSERT_TRUE(tokens.ok()) << tokens.error().message;
  ASSERT_EQ(tokens.value().size(), 2U);
  EXPECT_EQ(tokens.value()[0].name, "ada");
  EXPECT_EQ(tokens.value()[0].secret, kSecret);
  EXPECT_EQ(tokens.value()[1].name, "bob");
  EXPECT_EQ(tokens.value()[1].secret, std::string(kSecret) + "x");
}

TEST(Tokens, ErrorsNameTheLineAndKeepTheSecret) {
  const std::string good = std::string("ada ") + kSecret + "\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {good + "bob", "t:2: error: a token has 22 to 256 letters"},
      {good + "bob hunter2", "t:2: error: a token has"},
      {good + "bob " + std::string(257, 'x'), "t:2: error: a token has"},
      {good + "bob " + kSecret + " more", "t:2: error: expected NAME TOKEN"},
      {good + good, "t:2: error: a second token for 'ada'"},
      {"b\"b " + std::string(kSecret), "t:1: error: a name is"},
      {"", "t:1: error: there is no token in this file"},
      {"# only a comment\n", "there is no token in this file"},
  };
  for (const auto& [text, message] : cases) {
    const auto tokens = ParseTokens(text, "t");
    ASSERT_FALSE(tokens.ok()) << text;
    EXPECT_THAT(tokens.error().message, HasSubstr(message));
    EXPECT_THAT(tokens.error().message, Not(HasSubstr(kSecret)));
    EXPECT_THAT(tokens.error().message, Not(HasSubstr("hunter2")));
  }
}

TEST(Tokens, AFileThatOthersMayReadIsRefused) {
  std::string name = (std::filesystem::temp_directory_path() / "spillgate_tokens_XXXXXX").string();
  ASSERT_NE(mkdtemp(name.data()), nullptr);
  const std::string path = name + "/tokens";
  std::ofstream(path) << "ada " << kSecret << "\n";
  for (const mode_t mode : {0640, 0604, 0620, 0666}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    const auto refused = LoadTokens(path);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kDenied);
    EXPECT_THAT(refused.error().message, HasSubstr("chmod 600 " + path));
  }
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  const auto tokens = LoadTokens(path);
  ASSERT_TRUE(tokens.ok()) << tokens.error().message;
  EXPECT_EQ(tokens.value().size(), 1U);

  EXPECT_EQ(LoadTokens(name + "/missing").error().code, Code::kNotFound);
  EXPECT_EQ(LoadTokens(name).error().code, Code::kInvalid);
  const std::string pipe = name + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(LoadTokens(pipe).error().code, Code::kInvalid) << "and does not wait for a writer";
  std::filesystem::remove_all(name);
}

}  // namespace
}  // namespace spillgate::config
