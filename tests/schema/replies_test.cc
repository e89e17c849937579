#include "schema/replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "schema/messages.h"
#include "tests/schema/frames.h"

namespace spillgate::wire {
namespace {

using testing::HasSubstr;

constexpr std::size_t kItems = 24;  // where the first struct of a body begins

MadeFrame ResultFrame(std::size_t results, std::string_view value = "value") {
  ResultsWriter writer;
  OutBuffer out;
  for (std::size_t i = 0; i < results; ++i) {
    writer.Add({.task = {1, i}, .fate = Fate::kDone}, AsBytes(value), out);
  }
  writer.Finish(out);
  return MadeFrame(TheFrame(out));
}

TEST(Verdicts, AreSplitIntoFramesOfAtMost64KiB) {
  constexpr std::size_t kAFrame = (kMaxBody - kItems) / sizeof(Verdict);
  for (const std::size_t count : {std::size_t{1}, kAFrame - 1, kAFrame, kAFrame + 1, 3 * kAFrame}) {
    std::vector<Verdict> verdicts(count);
    for (std::size_t i = 0; i < count; ++i) verdicts[i].first_seq = i;
    OutBuffer out;
    WriteVerdicts(verdicts, 5, out);
    std::size_t seen = 0;
    for (const FrameView& frame : AllFrames(out)) {
      EXPECT_EQ(frame.header.sent_us, 5U);
      const auto some = ReadVerdicts(frame);
      ASSERT_TRUE(some.has_value());
      for (const Verdict& verdict : *some) EXPECT_EQ(verdict.first_seq, seen++);
    }
    EXPECT_EQ(seen, count);
    EXPECT_EQ(AllFrames(out).size(), (count + kAFrame - 1) / kAFrame);
  }
  OutBuffer none;
  WriteVerdicts({}, 0, none);
  EXPECT_TRUE(none.empty());
}

TEST(Verdicts, OutOfRangeAreNone) {
  const std::vector<Verdict> verdicts(2);
  OutBuffer out;
  WriteVerdicts(verdicts, 0, out);
  const auto read = [&](std::size_t field, int value) {
    MadeFrame frame(TheFrame(out));
    frame.Set(kItems + sizeof(Verdict) + field, static_cast<std::uint8_t>(value));
    return ReadVerdicts(frame.view()).has_value();
  };
  EXPECT_TRUE(read(offsetof(Verdict, status), 4));
  EXPECT_FALSE(read(offsetof(Verdict, status), 5));
  EXPECT_TRUE(read(offsetof(Verdict, level), 2));
  EXPECT_FALSE(read(offsetof(Verdict, level), 3));
  EXPECT_TRUE(read(offsetof(Verdict, stage), 5));
  EXPECT_FALSE(read(offsetof(Verdict, stage), 6));
  EXPECT_TRUE(read(offsetof(Verdict, reason), 255));  // a reason from the future
}

TEST(Results, ValuesFailuresAndAbsencesComeBack) {
  ResultsWriter writer;
  OutBuffer out;
  EXPECT_TRUE(writer.empty());
  writer.Finish(out);
  EXPECT_TRUE(out.empty());
  writer.Add({.task = {1, 2}, .index = 3, .correlation = 4, .fate = Fate::kDone, .returns = 5},
             AsBytes("value"), out);
  writer.AddFailure({.task = {6, 7}, .reason = Reason::kTaskError, .fate = Fate::kFailed}, {8, 9},
                    "why", out);
  writer.Add({.task = {10, 11}, .reason = Reason::kNotFound}, {}, out);
  EXPECT_TRUE(out.empty());
  EXPECT_FALSE(writer.empty());
  writer.Finish(out);
  EXPECT_TRUE(writer.empty());

  const FrameView frame = TheFrame(out);
  const auto heads = ReadResults(frame);
  ASSERT_TRUE(heads.has_value());
  ASSERT_EQ(heads->size(), 3U);
  EXPECT_EQ((*heads)[0].task, (TaskId{1, 2}));
  EXPECT_EQ((*heads)[0].index, 3U);
  EXPECT_EQ((*heads)[0].correlation, 4U);
  EXPECT_EQ((*heads)[0].returns, 5);
  EXPECT_EQ(AsText(BytesOf(frame, (*heads)[0])), "value");
  const FailureView failure = ReadFailure(BytesOf(frame, (*heads)[1]));
  EXPECT_EQ(failure.cause, (TaskId{8, 9}));
  EXPECT_EQ(failure.message, "why");
  EXPECT_EQ((*heads)[2].fate, Fate::kOpen);
  EXPECT_EQ((*heads)[2].reason, Reason::kNotFound);
  EXPECT_TRUE(BytesOf(frame, (*heads)[2]).empty());
}

TEST(Results, AreSplitByTheirNumber) {
  constexpr std::size_t kAFrame = (kMaxBody - kItems) / sizeof(ResultHead);
  for (const std::size_t count : {kAFrame, kAFrame + 1}) {
    ResultsWriter writer;
    OutBuffer out;
    for (std::size_t i = 0; i < count; ++i) {
      writer.Add({.task = {1, i}, .fate = Fate::kDone}, AsBytes("v"), out);
    }
    writer.Finish(out);
    EXPECT_EQ(AllFrames(out).size(), count > kAFrame ? 2U : 1U);
    EXPECT_LE(AllFrames(out)[0].body.size(), kMaxBody);
    std::size_t seen = 0;
    for (const FrameView& frame : AllFrames(out)) {
      const auto heads = ReadResults(frame);
      ASSERT_TRUE(heads.has_value());
      for (const ResultHead& head : *heads) {
        EXPECT_EQ(head.task.seq, seen++);
        EXPECT_EQ(AsText(BytesOf(frame, head)), "v");
      }
    }
    EXPECT_EQ(seen, count);
  }
}

TEST(Results, AreSplitByTheirBytesAndWhatIsTooLargeFails) {
  constexpr std::size_t kMost = 1000;
  for (const int more : {-1, 0, 1}) {
    ResultsWriter writer(kMost);
    OutBuffer out;
    writer.Add({.task = {1, 1}, .fate = Fate::kDone}, AsBytes(std::string(600, 'a')), out);
    writer.Add({.task = {1, 2}, .fate = Fate::kDone}, AsBytes(std::string(400 + more, 'b')), out);
    writer.Finish(out);
    EXPECT_EQ(AllFrames(out).size(), more > 0 ? 2U : 1U);

    ResultsWriter large(kMost);
    OutBuffer one;
    large.Add({.task = {1, 3}, .fate = Fate::kDone}, AsBytes(std::string(kMost + more, 'c')), one);
    large.Finish(one);
    const FrameView frame = TheFrame(one);
    const auto heads = ReadResults(frame);
    ASSERT_TRUE(heads.has_value());
    EXPECT_EQ(heads->front().fate, more > 0 ? Fate::kFailed : Fate::kDone);
    if (more <= 0) continue;
    EXPECT_EQ(heads->front().reason, Reason::kTooLarge);
    EXPECT_THAT(ReadFailure(BytesOf(frame, heads->front())).message,
                HasSubstr("1001 bytes, a frame carries 1000"));
  }
}

TEST(Results, MessagesAreCutAtTheirLimit) {
  ResultsWriter writer;
  OutBuffer out;
  writer.AddFailure({.fate = Fate::kFailed}, {}, std::string(kMostText + 1, 'm'), out);
  writer.Finish(out);
  const FrameView frame = TheFrame(out);
  const auto heads = ReadResults(frame);
  ASSERT_TRUE(heads.has_value());
  EXPECT_EQ(ReadFailure(BytesOf(frame, heads->front())).message.size(), kMostText);
}

TEST(Results, RangesOutsideOrOverlappingAreNone) {
  const auto read = [](std::size_t result, std::size_t field, auto value) {
    MadeFrame frame = ResultFrame(2);
    frame.Set(kItems + result * sizeof(ResultHead) + field, value);
    return ReadResults(frame.view()).has_value();
  };
  constexpr std::size_t kOffset = offsetof(ResultHead, offset);
  constexpr std::size_t kSize = offsetof(ResultHead, size);
  constexpr std::size_t kFate = offsetof(ResultHead, fate);
  EXPECT_TRUE(read(1, kOffset, 5U));
  EXPECT_FALSE(read(1, kOffset, 4U));
  EXPECT_FALSE(read(1, kOffset, 6U));
  EXPECT_FALSE(read(1, kOffset, ~0U));
  EXPECT_TRUE(read(1, kSize, 4U));
  EXPECT_FALSE(read(1, kSize, 6U));
  EXPECT_FALSE(read(1, kSize, ~0U));
  EXPECT_FALSE(read(0, kSize, 6U));
  EXPECT_TRUE(read(1, kFate, std::uint8_t{0}));
  EXPECT_FALSE(read(1, kFate, std::uint8_t{2}));  // a failure has 16 bytes at least
  EXPECT_FALSE(read(1, kFate, std::uint8_t{6}));
}

TEST(Results, ShortFailuresAreEmpty) {
  EXPECT_TRUE(ReadFailure({}).cause.is_none());
  EXPECT_EQ(ReadFailure(AsBytes("fifteen bytes..")).message, "");
  EXPECT_EQ(ReadFailure(AsBytes("sixteen bytes...")).message, "");
  EXPECT_EQ(ReadFailure(AsBytes("sixteen bytes...and more")).message, "and more");
}

}  // namespace
}  // namespace spillgate::wire
