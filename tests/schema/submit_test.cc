#include "schema/submit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/schema/frames.h"

namespace spillgate::wire {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMost64 = std::numeric_limits<std::uint64_t>::max();

// Offsets into the body of a frame that SubmitWriter made for roots.
constexpr std::size_t kHeads = kPreambleSize + 28;
constexpr std::size_t ArgsBehind(std::size_t tasks) {
  return kHeads + 16 * tasks + 4;
}

OutBuffer Written(const SubmitPreamble& preamble,
                  const std::vector<std::vector<std::string>>& tasks,
                  const ChildPreamble* child = nullptr) {
  SubmitWriter writer;
  OutBuffer out;
  writer.Begin(preamble, child);
  for (const auto& args : tasks) {
    writer.BeginTask();
    for (const std::string& arg : args) writer.AddInline(AsBytes(arg));
  }
  writer.Finish(1, 2, out);
  return out;
}

MadeFrame Frame(const std::vector<std::vector<std::string>>& tasks) {
  return MadeFrame(TheFrame(Written({.function = 5, .first_seq = 17}, tasks)));
}

SubmitError Decode(const MadeFrame& frame, const SubmitLimits& limits = {}) {
  SubmitView view;
  if (!ReadPreamble(frame.view()).has_value()) return {Reason::kMalformed, "preamble"};
  return DecodeSubmit(frame.view(), limits, view);
}

TEST(Submit, PreambleAndTasksComeBackAsTheyWere) {
  SubmitWriter writer;
  OutBuffer out;
  const ChildPreamble child{
      .parent = {kChildBit | 3, 4}, .stream = 5, .attempt = 6, .first_index = 7};
  writer.Begin({.cls = TaskClass::kSheddable,
                .level = Level::kSync,
                .attempt = 8,
                .retry = 9,
                .flags = kPush | kMixed | kDetach,
                .function = 10,
                .shape = 11,
                .remaining_us = 12,
                .cost_hint_ns = 13,
                .root = 14,
                .first_seq = 15},
               &child);
  writer.BeginTask(16, 17, 18);
  writer.AddObject({{19, 20}, 21});
  writer.AddInline(AsBytes("abc"));
  writer.BeginTask(22, 23, 24);
  writer.AddInline(AsBytes("de"));
  EXPECT_EQ(writer.count(), 2U);
  writer.Finish(25, 26, out);

  const FrameView frame = TheFrame(out);
  EXPECT_EQ(frame.header.correlation, 25U);
  EXPECT_EQ(frame.header.sent_us, 26U);
  const auto read = ReadPreamble(frame);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->cls, TaskClass::kSheddable);
  EXPECT_EQ(read->level, Level::kSync);
  EXPECT_EQ(read->attempt, 8);
  EXPECT_EQ(read->retry, 9);
  EXPECT_EQ(read->count, 2);
  EXPECT_EQ(read->flags, kPush | kMixed | kDetach | kChild);
  EXPECT_EQ(read->function, 10U);
  EXPECT_EQ(read->shape, 11U);
  EXPECT_EQ(read->remaining_us, 12U);
  EXPECT_EQ(read->cost_hint_ns, 13U);
  EXPECT_EQ(read->root, 14U);
  EXPECT_EQ(read->first_seq, 15U);

  SubmitView view;
  ASSERT_EQ(DecodeSubmit(frame, {}, view).reason, Reason::kNone);
  EXPECT_EQ(view.child.parent, (TaskId{kChildBit | 3, 4}));
  EXPECT_EQ(view.child.stream, 5U);
  EXPECT_EQ(view.child.attempt, 6U);
  EXPECT_EQ(view.child.first_index, 7U);
  ASSERT_EQ(view.heads.size(), 2U);
  EXPECT_EQ(view.heads[0].function, 16U);
  EXPECT_EQ(view.heads[0].shape, 17U);
  EXPECT_EQ(view.heads[0].returns, 18);
  EXPECT_EQ(view.heads[0].arg_count, 2);
  EXPECT_EQ(view.heads[1].first_arg, 2U);
  ASSERT_EQ(view.args.size(), 3U);
  EXPECT_EQ(view.args[0].kind, ArgRef::kObject);
  EXPECT_EQ(view.args[0].object(), (ObjectId{{19, 20}, 21}));
  EXPECT_EQ(AsText(frame.payload.subspan(view.args[1].offset, view.args[1].size)), "abc");
  EXPECT_EQ(AsText(frame.payload.subspan(view.args[2].offset, view.args[2].size)), "de");
}

TEST(Submit, AWriterStartsEachGroupAnew) {
  SubmitWriter writer;
  const ChildPreamble child{.parent = {kChildBit, 1}};
  writer.Begin({.first_seq = 1}, &child);
  writer.BeginTask();
  writer.AddInline(AsBytes("left over"));
  OutBuffer out;
  writer.Begin({.flags = kChild, .function = 5, .first_seq = 17});
  writer.BeginTask();
  writer.Finish(1, 2, out);
  const OutBuffer fresh = Written({.function = 5, .first_seq = 17}, {{}});
  EXPECT_TRUE(std::ranges::equal(out.view(), fresh.view()));
}

struct PreambleCase {
  const char* what;
  std::size_t at;
  std::uint64_t value;
  std::size_t size;
  bool good;
};

TEST(Submit, PreambleThatContradictsItselfIsNone) {
  const PreambleCase cases[] = {
      {"the last class", 0, 3, 1, true},
      {"one class more", 0, 4, 1, false},
      {"the last level", 1, 2, 1, true},
      {"one level more", 1, 3, 1, false},
      {"any attempt", 2, 255, 1, true},
      {"any retry", 3, 255, 1, true},
      {"no tasks", 4, 0, 2, false},
      {"more tasks than bytes", 4, 5, 2, false},
      {"the most tasks", 4, 65535, 2, false},
      {"detach", 6, kDetach, 2, true},
      {"mixed roots", 6, kMixed, 2, false},
      {"joins no root", 6, kJoin, 2, false},
      {"an unknown flag", 6, 32, 2, false},
      {"all flags", 6, 0xffff, 2, false},
      {"number 0", 40, 0, 8, false},
      {"number 1", 40, 1, 8, true},
      {"numbers that wrap", 40, kMost64 - 0, 8, false},
      {"the last number", 40, kMost64 - 1, 8, true},
  };
  for (const PreambleCase& c : cases) {
    MadeFrame frame = Frame({{"x"}});
    std::memcpy(frame.body().data() + c.at, &c.value, c.size);
    EXPECT_EQ(ReadPreamble(frame.view()).has_value(), c.good) << c.what;
  }
}

TEST(Submit, OnlyRootsJoinAndOnlyWhatIsNamed) {
  const OutBuffer joining = Written({.flags = kJoin, .root = 7, .first_seq = 8}, {{}});
  const auto read = ReadPreamble(TheFrame(joining));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->flags, kJoin);
  EXPECT_EQ(read->root, 7U);
  SubmitWriter writer;
  OutBuffer out;
  const ChildPreamble child{.parent = {kChildBit, 1}};
  writer.Begin({.flags = kJoin, .root = 7, .first_seq = 8}, &child);
  writer.BeginTask();
  writer.Finish(1, 2, out);
  EXPECT_FALSE(ReadPreamble(TheFrame(out)).has_value());
}

TEST(Submit, PreambleIsNoneWhenItIsCutShort) {
  const OutBuffer whole = Written({.first_seq = 1}, {{}});
  const ChildPreamble child{.parent = {kChildBit, 1}};
  const OutBuffer spawn = Written({.first_seq = 1}, {{}}, &child);
  for (std::size_t size = 0; size <= kPreambleSize; size += 8) {
    const MadeFrame cut(FrameType::kSubmit, TheFrame(whole).body.first(size));
    EXPECT_FALSE(ReadPreamble(cut.view()).has_value()) << size;
    const MadeFrame cut_spawn(FrameType::kSubmit,
                              TheFrame(spawn).body.first(size + kChildPreambleSize));
    EXPECT_FALSE(ReadPreamble(cut_spawn.view()).has_value()) << size;
  }
}

TEST(Submit, TimesBeyondTheMostAreTheMost) {
  const OutBuffer out =
      Written({.remaining_us = kMost64, .cost_hint_ns = kMostTime + 1, .first_seq = 1}, {{}});
  const auto read = ReadPreamble(TheFrame(out));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->remaining_us, kMostTime);
  EXPECT_EQ(read->cost_hint_ns, kMostTime);
  // What they are turned into does not overflow.
  EXPECT_GT(Nanos(std::chrono::microseconds(read->remaining_us)), Nanos(0));
}

TEST(Submit, NumbersOfChildrenMayBeginAtZeroButNotWrap) {
  ChildPreamble child{.parent = {kChildBit, 1}};
  EXPECT_EQ(Decode(MadeFrame(TheFrame(Written({}, {{}, {}}, &child)))).reason, Reason::kNone);
  for (const std::uint64_t left : {0, 1, 2}) {
    child.first_index = kMost64 - left;
    const MadeFrame frame(TheFrame(Written({}, {{}, {}}, &child)));
    EXPECT_EQ(Decode(frame).reason, left < 2 ? Reason::kMalformed : Reason::kNone) << left;
  }
}

TEST(Submit, LimitsByOneLessAndOneMore) {
  const MadeFrame frame = Frame({{"12345", "1"}, {"123"}});
  EXPECT_EQ(Decode(frame, {.deps_per_task = 2, .inline_value = 5, .batch = 2}).reason,
            Reason::kNone);
  EXPECT_EQ(Decode(frame, {.deps_per_task = 3, .inline_value = 6, .batch = 3}).reason,
            Reason::kNone);
  const SubmitError deps = Decode(frame, {.deps_per_task = 1});
  EXPECT_EQ(deps.reason, Reason::kTooLarge);
  EXPECT_THAT(deps.message, HasSubstr("2 arguments, the limit is 1"));
  const SubmitError value = Decode(frame, {.inline_value = 4});
  EXPECT_EQ(value.reason, Reason::kTooLarge);
  EXPECT_THAT(value.message, HasSubstr("5 bytes, the limit is 4"));
  const SubmitError batch = Decode(frame, {.batch = 1});
  EXPECT_EQ(batch.reason, Reason::kTooLarge);
  EXPECT_THAT(batch.message, HasSubstr("2 tasks in one frame, the limit is 1"));
}

TEST(Submit, HeadsMustMatchTheCountAndTheArguments) {
  const std::size_t first = kHeads + 8;
  const std::size_t count = kHeads + 12;
  MadeFrame fewer = Frame({{"a"}, {"b"}});
  fewer.Set(4, std::uint16_t{1});
  EXPECT_THAT(Decode(fewer).message, HasSubstr("1 tasks announced, 2 present"));
  MadeFrame gap = Frame({{"a"}, {"b"}});
  gap.Set(first, 1U);
  EXPECT_THAT(Decode(gap).message, HasSubstr("begin at 1, those before it end at 0"));
  MadeFrame shared = Frame({{"a"}, {"b"}});
  shared.Set(first + 16, 0U);
  EXPECT_THAT(Decode(shared).message, HasSubstr("begin at 0, those before it end at 1"));
  MadeFrame huge = Frame({{"a"}, {"b"}});
  huge.Set(first + 16, ~0U);
  EXPECT_EQ(Decode(huge).reason, Reason::kMalformed);
  for (const std::uint16_t args : {0, 2}) {
    MadeFrame wrong = Frame({{"a"}});
    wrong.Set(count, args);
    EXPECT_THAT(Decode(wrong).message, HasSubstr("arguments, the list 1"));
  }
  MadeFrame flags = Frame({{"a"}});
  flags.Set(count + 3, std::uint8_t{1});
  EXPECT_THAT(Decode(flags).message, HasSubstr("unknown flags 0x1"));
}

TEST(Submit, ArgumentsLieInThePayloadInOrder) {
  const std::size_t first = ArgsBehind(1);
  const std::size_t second = first + sizeof(ArgRef);
  const std::size_t offset = offsetof(ArgRef, offset);
  const std::size_t size = offsetof(ArgRef, size);
  const auto changed = [](std::size_t at, std::uint32_t value) {
    MadeFrame frame = Frame({{"abc", "def"}});
    frame.Set(at, value);
    return Decode(frame);
  };
  EXPECT_EQ(changed(second + offset, 3).reason, Reason::kNone);
  EXPECT_THAT(changed(second + offset, 2).message, HasSubstr("overlaps one that ends at 3"));
  EXPECT_THAT(changed(second + offset, 4).message, HasSubstr("lies outside of the payload of 6"));
  EXPECT_EQ(changed(second + offset, ~0U).reason, Reason::kMalformed);
  EXPECT_EQ(changed(second + size, 2).reason, Reason::kNone);  // what nobody names is let be
  EXPECT_EQ(changed(second + size, 4).reason, Reason::kMalformed);
  EXPECT_EQ(changed(first + size, 4).reason, Reason::kMalformed);
  EXPECT_EQ(changed(first + size, ~0U).reason, Reason::kMalformed);
  EXPECT_THAT(changed(first + offsetof(ArgRef, kind), 2).message, HasSubstr("unknown kind 2"));
  EXPECT_EQ(changed(first + offsetof(ArgRef, kind), ArgRef::kObject).reason, Reason::kNone);
}

TEST(Submit, EmptyArgumentsAreArguments) {
  EXPECT_EQ(Decode(Frame({{"", "", "x", ""}})).reason, Reason::kNone);
  EXPECT_EQ(Decode(Frame({{""}})).reason, Reason::kNone);
}

TEST(Submit, FlatBuffersThatAreNotAlignedOrAliased) {
  // The vector of arguments four bytes further on: its length is aligned, its items are not.
  MadeFrame crooked = Frame({{"a"}, {}});
  crooked.Set(kPreambleSize + 20, std::uint32_t{8 + 16 * 2 + 4});
  crooked.Set(kHeads + 2 * sizeof(TaskHead) + 4, std::uint32_t{0});
  EXPECT_THAT(Decode(crooked).message, HasSubstr("not aligned"));
  // Both fields name the heads: then the arguments are heads read as arguments, which contradicts
  // the counts.
  MadeFrame aliased = Frame({{"a"}});
  aliased.Set(kPreambleSize + 20, std::uint32_t{4});
  EXPECT_EQ(Decode(aliased).reason, Reason::kMalformed);
  // The vtable is the table, the root names itself, and so on.
  for (std::size_t at = kPreambleSize; at < kHeads; at += 4) {
    for (const std::uint32_t word : {0U, 1U, 4U, 12U, 0x7fffffffU, 0x80000000U, 0xfffffffcU, ~0U}) {
      MadeFrame frame = Frame({{"a"}});
      frame.Set(at, word);
      const SubmitError error = Decode(frame);
      EXPECT_TRUE(error.reason == Reason::kNone || error.reason == Reason::kMalformed) << at;
    }
  }
}

TEST(Submit, FitsIsExactlyWhatAFrameHolds) {
  SubmitWriter writer;
  writer.Begin({.first_seq = 1});
  while (writer.Fits(0, 0, 100)) writer.BeginTask();
  EXPECT_EQ(writer.count(), (kMaxBody - 80 - 32) / 16);
  OutBuffer out;
  writer.Finish(0, 0, out);
  SubmitView view;
  ASSERT_TRUE(ReadPreamble(TheFrame(out)).has_value());
  EXPECT_EQ(DecodeSubmit(TheFrame(out), {}, view).reason, Reason::kNone);

  writer.Begin({.first_seq = 1});
  writer.BeginTask();
  EXPECT_TRUE(writer.Fits(0, 100, 100));
  EXPECT_FALSE(writer.Fits(0, 101, 100));
  EXPECT_FALSE(writer.Fits(0, std::numeric_limits<std::size_t>::max(), 100));
  writer.AddInline(AsBytes("0123456789"));
  EXPECT_TRUE(writer.Fits(1, 90, 100));
  EXPECT_FALSE(writer.Fits(1, 91, 100));
  // With one argument there already, and two heads.
  const std::size_t most = (kMaxBody - 80 - 32 - 2 * sizeof(TaskHead)) / sizeof(ArgRef) - 1;
  EXPECT_TRUE(writer.Fits(most, 0, 100));
  EXPECT_FALSE(writer.Fits(most + 1, 0, 100));
  EXPECT_FALSE(writer.Fits(std::numeric_limits<std::size_t>::max() / 32, 0, 100));
}

}  // namespace
}  // namespace spillgate::wire
