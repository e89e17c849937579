#include "client/cli/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

namespace spillgate::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const TaskId kTask{0x00c5a1e2b7d94f36, 17};

Result<std::vector<ObjectId>> Read(const std::vector<std::string>& words,
                                   const std::string& input = "", std::size_t most = 3) {
  std::istringstream in(input);
  return ReadObjects(words, most, in);
}

TEST(Objects, WhatIsPrintedIsReadBack) {
  const std::vector<ObjectId> all = {
      {kTask, 0}, {kTask, 1}, {kTask, 254}, {{kChildBit | 7, 0xabc}, 0}, {{kChildBit | 7, 2}, 9}};
  for (const ObjectId& object : all) {
    EXPECT_EQ(ParseObject(ToText(object)), object) << ToText(object);
  }
  EXPECT_EQ(ToText({kTask, 0}), "00c5a1e2b7d94f36-17");
  EXPECT_EQ(ToText({kTask, 2}), "00c5a1e2b7d94f36-17:2");
}

TEST(Objects, WhatIsNoIdIsNone) {
  for (const char* text :
       {"", "17", "00c5a1e2b7d94f36", "00c5a1e2b7d94f36-",
        "00c5a1e2b7d94f36-17:", "00c5a1e2b7d94f36-17:255", "00c5a1e2b7d94f36-17:-1",
        "00c5a1e2b7d94f36-17:1x", "00c5a1e2b7d94f36-17:1:1", "00c5a1e2b7d94f36-17 ", ":1"}) {
    EXPECT_FALSE(ParseObject(text).has_value()) << text;
  }
}

TEST(Objects, WordsBecomeIdsInOrder) {
  const auto read = Read({"00c5a1e2b7d94f36-18:1", "00c5a1e2b7d94f36-17"});
  ASSERT_TRUE(read.ok());
  EXPECT_THAT(read.value(), ElementsAre(ObjectId{{kTask.session, 18}, 1}, ObjectId{kTask, 0}));
}

TEST(Objects, TheErrorNamesTheWordAndNotAllOfIt) {
  const auto read = Read({"00c5a1e2b7d94f36-17", "seventeen" + std::string(5000, 'n')});
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message, HasSubstr("\"seventeen"));
  EXPECT_LT(read.error().message.size(), 300U);
}

TEST(Objects, ADashReadsStdin) {
  const auto read = Read({"-"}, "00c5a1e2b7d94f36-17\n\n00c5a1e2b7d94f36-18\n");
  ASSERT_TRUE(read.ok());
  EXPECT_THAT(read.value(), ElementsAre(ObjectId{kTask, 0}, ObjectId{{kTask.session, 18}, 0}));
  EXPECT_THAT(Read({"-"}, "\n").error().message, HasSubstr("stdin"));
  EXPECT_FALSE(Read({"-", "00c5a1e2b7d94f36-17"}, "00c5a1e2b7d94f36-17\n").ok());
}

TEST(Objects, TooManyAreRefusedWithoutReadingThemAll) {
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "00c5a1e2b7d94f36-17\n";
  std::istringstream in(lines);
  const std::vector<std::string> dash = {"-"};
  const auto read = ReadObjects(dash, 3, in);
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message, HasSubstr("more than 3 ids"));
  EXPECT_FALSE(in.eof());
}

TEST(Objects, ATaskIsNamedByAnyOfItsValues) {
  std::istringstream in;
  const std::vector<std::string> words = {"00c5a1e2b7d94f36-17:1"};
  const auto read = ReadTasks(words, 1, in);
  ASSERT_TRUE(read.ok());
  EXPECT_THAT(read.value(), ElementsAre(kTask));
}

}  // namespace
}  // namespace spillgate::cli
