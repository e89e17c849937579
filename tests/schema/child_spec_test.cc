#include "schema/child_spec.h"

#include <gtest/gtest.h>

#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/base/hash_bytes.h"

namespace spillgate::wire {
namespace {

// The digest of the last one of some children that take bytes.
std::uint64_t OfInline(const std::vector<std::vector<std::string>>& children,
                       std::string_view function = "f", std::string_view shape = "",
                       std::uint8_t returns = 1) {
  SubmitWriter writer;
  writer.Begin({});
  for (const auto& arguments : children) {
    writer.BeginTask(0, 0, returns);
    for (const std::string& bytes : arguments) writer.AddInline(AsBytes(bytes));
  }
  return DigestOf(function, shape, writer.view(), writer.payload(), writer.count() - 1);
}

std::uint64_t OfObject(ObjectId object) {
  SubmitWriter writer;
  writer.Begin({});
  writer.BeginTask();
  writer.AddObject(object);
  return DigestOf("f", "", writer.view(), writer.payload(), 0);
}

TEST(ChildSpec, ChangesWithAllThatAChildIs) {
  const std::set<std::uint64_t> digests{OfInline({{}}),
                                        OfInline({{}}, "g"),
                                        OfInline({{}}, "f", "gpu"),
                                        OfInline({{}}, "fgpu"),
                                        OfInline({{}}, "f", "", 2),
                                        OfInline({{""}}),
                                        OfInline({{"", ""}}),
                                        OfInline({{"ab"}}),
                                        OfInline({{"ab", "c"}}),
                                        OfInline({{"a", "bc"}}),
                                        OfInline({{"c", "ab"}}),
                                        OfInline({{std::string(100'000, 'x')}}),
                                        OfInline({{std::string(99'999, 'x') + "y"}}),
                                        OfObject({{1, 2}, 3}),
                                        OfObject({{1, 2}, 4}),
                                        OfObject({{1, 3}, 3}),
                                        OfObject({{2, 2}, 3})};
  EXPECT_EQ(digests.size(), 17U);
}

TEST(ChildSpec, BytesThatLookLikeAnObjectAreNone) {
  const std::uint64_t name[] = {1, 2, 3};
  const std::string bytes(reinterpret_cast<const char*>(name), sizeof(name));
  EXPECT_NE(OfInline({{bytes}}), OfObject({{1, 2}, 3}));
}

// Another run may cut what it spawns into other frames, and 0 returns are read as 1.
TEST(ChildSpec, IsTheSameWhereverInAFrameItStands) {
  EXPECT_EQ(OfInline({{"one"}, {"two", "more"}, {"a", "b"}}), OfInline({{"a", "b"}}));
  EXPECT_EQ(OfInline({{"a"}}, "f", "", 0), OfInline({{"a"}}));
}

// Workers derive it too, docs/protocol.md says how.
TEST(ChildSpec, IsAsDocumented) {
  const std::uint64_t function = HashBytes(AsBytes("f"), 2);
  const std::uint64_t shape = HashBytes(AsBytes("gpu"), function);
  const std::uint64_t digest = HashBytes(AsBytes("ab"), shape);
  EXPECT_EQ(OfInline({{"ab"}}, "f", "gpu", 2), digest);
  const std::uint64_t name[] = {1, 2, 3};
  const std::uint64_t plain = HashBytes({}, HashBytes(AsBytes("f"), 1));
  EXPECT_EQ(OfObject({{1, 2}, 3}), HashBytes(std::as_bytes(std::span(name)), plain + 1));
}

}  // namespace
}  // namespace spillgate::wire
