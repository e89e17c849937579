#include "client/cli/arguments.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace spillgate::cli {
namespace {

using ::testing::HasSubstr;
using Kind = ArgumentText::Kind;

class Arguments : public ::testing::Test {
 protected:
  Arguments() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sg-args-XXXXXX").string();
    dir_ = mkdtemp(pattern.data());
  }
  ~Arguments() override { std::filesystem::remove_all(dir_); }

  std::string File(const std::string& name, const std::string& bytes) {
    const std::string path = dir_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  // As stdin.
  Result<LoadedArguments> Load(const std::vector<ArgumentText>& texts, const std::string& input) {
    const int fd = open(File("stdin", input).c_str(), O_RDONLY | O_CLOEXEC);
    Result<LoadedArguments> loaded = LoadedArguments::Load(texts, fd);
    close(fd);
    return loaded;
  }

  std::string dir_;
};

TEST_F(Arguments, TextFilesAndStdinEachOnce) {
  const std::string bytes("\0\xff\n[1,2]", 8);
  const auto loaded = Load({{Kind::kSource, "[1,2]"},
                            {Kind::kSource, "@" + File("a", bytes)},
                            {Kind::kSource, "-"},
                            {Kind::kText, "-"},
                            {Kind::kText, "@x"},
                            {Kind::kObject, "00c5a1e2b7d94f36-17:1"},
                            {Kind::kSource, ""}},
                           std::string(200'000, 'i'));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded.value().View().size(), 7U);
  EXPECT_EQ(loaded.value().BytesOf(0), "[1,2]");
  EXPECT_EQ(loaded.value().BytesOf(1), bytes);
  EXPECT_EQ(loaded.value().BytesOf(2), std::string(200'000, 'i'));
  EXPECT_EQ(loaded.value().BytesOf(3), "-");
  EXPECT_EQ(loaded.value().BytesOf(4), "@x");
  EXPECT_EQ(loaded.value().BytesOf(6), "");
}

TEST_F(Arguments, StdinServesOneArgumentOnly) {
  const auto loaded = Load({{Kind::kSource, "-"}, {Kind::kSource, "-"}}, "x");
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().message, HasSubstr("stdin"));
}

TEST_F(Arguments, AMissingFileIsNamed) {
  const auto loaded = Load({{Kind::kSource, "@" + dir_ + "/none"}}, "");
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().message, HasSubstr(dir_ + "/none"));
  EXPECT_THAT(loaded.error().message, HasSubstr("No such file"));
  EXPECT_THAT(Load({{Kind::kSource, "@" + dir_}}, "").error().message, HasSubstr("directory"));
}

TEST_F(Arguments, AFutureIsAnId) {
  const auto loaded = Load({{Kind::kObject, "17"}}, "");
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().message, HasSubstr("--future \"17\""));
}

}  // namespace
}  // namespace spillgate::cli
