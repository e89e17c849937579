#include "config/shape_text.h"

#include <gtest/gtest.h>

namespace spillgate::config {
namespace {

ResourceNames Names() {
  ResourceNames names;
  names.names.push_back("license");
  return names;
}

TEST(ShapeText, NamesAmountsAndFractions) {
  const Result<Resources> shape = ParseShape("cpu=1, gpu=0.5,memory=64MiB ,license=2", Names());
  ASSERT_TRUE(shape.ok());
  EXPECT_EQ(shape.value().amount[kCpu], 1000);
  EXPECT_EQ(shape.value().amount[kGpu], 500);
  EXPECT_EQ(shape.value().amount[kMemory], 64 << 20);
  EXPECT_EQ(shape.value().amount[kFirstCustom], 2000);
}

TEST(ShapeText, NothingIsNothing) {
  ASSERT_TRUE(ParseShape("", Names()).ok());
  EXPECT_TRUE(ParseShape("", Names()).value().IsNothing());
}

TEST(ShapeText, SaysWhatIsWrong) {
  const auto error = [](std::string_view text) {
    const Result<Resources> shape = ParseShape(text, Names());
    return shape.ok() ? std::string("fine") : shape.error().message;
  };
  EXPECT_NE(error("tpu=1").find("no resource \"tpu\"; it has cpu, gpu, memory, license"),
            std::string::npos);
  EXPECT_NE(error("cpu").find("write cpu=1 or cpu=0.5"), std::string::npos);
  EXPECT_NE(error("cpu=-1").find("is no amount"), std::string::npos);
  EXPECT_NE(error("cpu=0.00001").find("is no amount"), std::string::npos);
  EXPECT_NE(error("memory=1").find("write memory=64MiB"), std::string::npos);
  EXPECT_NE(error("memory=much").find("memory=64MiB"), std::string::npos);
  EXPECT_NE(error("cpu=1,,gpu=1").find("no resource \"\""), std::string::npos);
}

}  // namespace
}  // namespace spillgate::config
