// What roots are made of, and which results are theirs.
#include "client/bench/root_writer.h"

#include <gtest/gtest.h>

#include <string>

namespace spillgate::bench {
namespace {

TEST(RootWriter, ATreeIsOneTaskToItsClient) {
  const RootWriter writer(RootShape::kNested, "spin");
  EXPECT_EQ(writer.tasks(), 13U);
  EXPECT_EQ(writer.numbers(), 1U);
  EXPECT_EQ(writer.results() * writer.tasks_a_result(), writer.tasks());
}

TEST(RootWriter, AGraphHasANumberForItsRootAndOneForEachTask) {
  for (const RootShape shape : {RootShape::kChain, RootShape::kFan}) {
    const RootWriter writer(shape, "spin");
    EXPECT_TRUE(writer.opens());
    EXPECT_EQ(writer.numbers(), writer.tasks() + 1);
    EXPECT_EQ(writer.results() * writer.tasks_a_result(), writer.tasks());
  }
}

TEST(RootWriter, EachModeIsAFunctionOfItsOwn) {
  EXPECT_EQ(RootFunction(RootShape::kSingle, "sleep", 0), "sleep");
  EXPECT_EQ(RootFunction(RootShape::kSingle, "sleep", 2), "sleep_longest");
  EXPECT_EQ(RootFunction(RootShape::kNested, "sleep", 1), "tree_long");
  EXPECT_EQ(RootFunction(RootShape::kFan, "spin", 0), "step");
}

TEST(RootWriter, ATreeReturnsItsNonceAndHowManyTasksRan) {
  Nonces nonces(1, Nonces::kLeastSize);
  const std::string nonce(AsText(nonces.Of(42)));
  RootWriter writer(RootShape::kNested, "spin");
  EXPECT_TRUE(writer.Matches(42, AsBytes(nonce + "13")));
  EXPECT_FALSE(writer.Matches(42, AsBytes(nonce + "12"))) << "one did not run";
  EXPECT_FALSE(writer.Matches(43, AsBytes(nonce + "13"))) << "another root's";
}

TEST(RootWriter, AGraphsResultIsThatOfItsRootAlone) {
  RootWriter writer(RootShape::kChain, "spin");
  EXPECT_FALSE(writer.Matches(1, AsBytes(std::string())));
  EXPECT_FALSE(writer.Matches(1, AsBytes(std::string(32, '0'))));
}

}  // namespace
}  // namespace spillgate::bench
