#include "config/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/config/parsing.h"

namespace spillgate::config {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class LoadTest : public ::testing::Test {
 protected:
  LoadTest() {
    std::string name = (std::filesystem::temp_directory_path() / "spillgate_load_XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~LoadTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }

  std::filesystem::path folder_;
};

TEST_F(LoadTest, ReadsAFileAndNamesItInOriginsAndErrors) {
  const std::string good = Write("good.toml", "limits.park = 7\n");
  const Result<Loaded> loaded = Load(good);
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.value().config.limits.park, 7U);
  EXPECT_EQ(Describe(OriginOf(loaded.value().origins, "limits.park")), good + ":1");

  const std::string bad = Write("bad.toml", "limits.park = 0\n");
  const Result<Loaded> refused = Load(bad);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_THAT(refused.error().message, StartsWith(bad + ":1:15: error: limits.park = 0"));
}

TEST_F(LoadTest, NoPathMeansDefaultsAndOverrides) {
  const Result<Loaded> loaded = Load("", {{}, {"limits.park=7"}});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.value().config.limits.park, 7U);
}

TEST_F(LoadTest, WhatCannotBeReadIsAnError) {
  const std::string missing = (folder_ / "missing.toml").string();
  const Result<Loaded> none = Load(missing);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Code::kNotFound);
  EXPECT_EQ(none.error().message,
            missing + ": error: cannot read the configuration: No such file or directory");

  const Result<Loaded> folder = Load(folder_.string());
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, Code::kUnavailable);
  EXPECT_THAT(folder.error().message, EndsWith("Is a directory"));
}

TEST_F(LoadTest, AFileWithoutEndIsNotReadToItsEnd) {
  const Result<Loaded> zero = Load("/dev/zero");
  ASSERT_FALSE(zero.ok());
  EXPECT_THAT(zero.error().message, HasSubstr("at most 1048576 are read"));
}

}  // namespace
}  // namespace spillgate::config
