// The bytes on the wire are a promise: a change here is a change of the protocol, and breaks
// clients that are out there. To write the files anew after a wanted change:
// SPILLGATE_WRITE_GOLDEN=1 and this program.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "schema/frame.h"
#include "tests/fuzz/recode.h"
#include "tests/schema/files.h"
#include "tests/schema/samples.h"

namespace spillgate::wire {
namespace {

std::filesystem::path FileOf(const Sample& sample) {
  return TestsFolder() / "schema/golden" / (sample.name + ".hex");
}

TEST(Golden, BytesAreAsTheyWere) {
  for (const Sample& sample : Samples()) {
    const std::string now = ToHex(sample.title, sample.bytes.view());
    if (std::getenv("SPILLGATE_WRITE_GOLDEN") != nullptr) std::ofstream(FileOf(sample)) << now;
    EXPECT_EQ(ContentOf(FileOf(sample)), now) << sample.name;
  }
}

TEST(Golden, EveryFileHasASampleAndEveryTypeAFile) {
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(TestsFolder() / "schema/golden")) {
    files.insert(entry.path().stem());
  }
  std::set<std::string> names;
  std::set<FrameType> types;
  for (const Sample& sample : Samples()) {
    names.insert(sample.name);
    types.insert(View(sample.bytes.view()).header.type);
  }
  EXPECT_EQ(files, names);
  for (int number = 0; number < 256; ++number) {
    const auto type = static_cast<FrameType>(number);
    EXPECT_EQ(types.contains(type), ToString(type) != "unknown") << number;
  }
}

TEST(Golden, DecodingAndEncodingAgainGivesTheSameBytes) {
  for (const Sample& sample : Samples()) {
    FrameHeader header;
    ASSERT_EQ(ParseHeader(sample.bytes.view(), kMostPayload, header), HeaderError::kNone);
    ASSERT_EQ(WireSize(header), sample.bytes.size()) << sample.name;
    OutBuffer again;
    ASSERT_TRUE(Recode(View(sample.bytes.view()), again)) << sample.name;
    EXPECT_EQ(ToHex("", again.view()), ToHex("", sample.bytes.view())) << sample.name;
  }
}

}  // namespace
}  // namespace spillgate::wire
