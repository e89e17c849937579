// Limits and ranges of the messages that are not sent per task; what they hold is in the golden
// files.
#include "schema/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "schema/submit.h"
#include "schema/worker_messages.h"
#include "tests/schema/frames.h"

namespace spillgate::wire {
namespace {

using testing::HasSubstr;

// Writes a message and reads it again.
template <class Message, class Decode, class... More>
auto There(Decode decode, const Message& message, const More&... more) {
  OutBuffer out;
  Encode(message, more..., 1, out);
  const MadeFrame frame(TheFrame(out));
  return decode(frame.view());
}

// The same, but the first place where `from` stands in the body says `to`, which is as long.
template <class Message, class Decode, class T>
auto Changed(Decode decode, const Message& message, T from, T to) {
  OutBuffer out;
  Encode(message, 1, out);
  MadeFrame frame(TheFrame(out));
  const auto at = std::ranges::search(frame.body(), std::as_bytes(std::span(&from, 1)));
  EXPECT_FALSE(at.empty());
  std::memcpy(at.data(), &to, sizeof(to));
  return decode(frame.view());
}

template <class T>
std::string ProblemOf(const Decoded<T>& decoded) {
  EXPECT_FALSE(decoded.has_value());
  return std::string(ToString(decoded.error().reason)) + ": " + std::string(decoded.error().what);
}

TEST(Messages, NamesHaveALimitAndAreReadable) {
  for (const int more : {-1, 0, 1}) {
    const std::string name(kMostName + more, 'n');
    EXPECT_EQ(There(DecodeRegister, Register{name}).has_value(), more <= 0);
    EXPECT_EQ(There(DecodeShape, Shape{name}).has_value(), more <= 0);
    EXPECT_EQ(There(DecodeHello, Hello{.name = name}).has_value(), more <= 0);
    EXPECT_EQ(There(DecodeStats, Stats{name}).has_value(), more <= 0);
  }
  EXPECT_EQ(ProblemOf(There(DecodeShape, Shape{std::string(kMostName + 1, 's')})),
            "too_large: a name is longer than 256 bytes");
  for (const char* bad : {"a\nb", "\x1b[2J", "\xff", "caf\xc3"}) {
    EXPECT_EQ(ProblemOf(There(DecodeRegister, Register{bad})),
              "malformed: a name is not UTF-8, or has control characters");
    EXPECT_FALSE(There(DecodeHello, Hello{.name = bad}).has_value());
    EXPECT_FALSE(There(DecodeHello, Hello{.software = bad}).has_value());
    EXPECT_FALSE(There(DecodeStats, Stats{bad}).has_value());
    EXPECT_FALSE(There(DecodeWelcome, Welcome{.node = bad}).has_value());
  }
}

TEST(Messages, TextsAreCutByTheirWriterAndRepairedByTheirReader) {
  for (const int more : {-1, 0, 1}) {
    const auto error = There(DecodeError, Error{.message = std::string(kMostText + more, 't')});
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->message.size(), kMostText + std::min(more, 0));
  }
  EXPECT_EQ(There(DecodeError, Error{.message = "a\x1b\xff\nb"})->message, "a??\nb");
  EXPECT_EQ(There(DecodeRegistered, Registered{.detail = "\x80"})->detail, "?");
}

TEST(Messages, RangesOfSmallFields) {
  const auto hello = [](std::uint32_t versions_and_kind) {
    return Changed(DecodeHello, Hello{.version_min = 7, .version_max = 8, .kind = Kind::kPeer},
                   std::uint32_t{0x030807}, versions_and_kind);
  };
  EXPECT_TRUE(hello(0x030807).has_value());
  EXPECT_EQ(ProblemOf(hello(0x040807)), "malformed: a class, level or kind is out of its range");
  EXPECT_TRUE(There(DecodeHello, Hello{.session = ~kChildBit}).has_value());
  EXPECT_FALSE(There(DecodeHello, Hello{.session = kChildBit}).has_value());
  const OpenRoot root{.seq = 1, .cls = TaskClass::kSheddable, .level = Level::kSync};
  EXPECT_TRUE(There(DecodeOpenRoot, root).has_value());
  EXPECT_FALSE(Changed(DecodeOpenRoot, root, std::uint16_t{0x0203}, std::uint16_t{0x0204}));
  EXPECT_FALSE(Changed(DecodeOpenRoot, root, std::uint16_t{0x0203}, std::uint16_t{0x0303}));
  EXPECT_FALSE(There(DecodeOpenRoot, OpenRoot{.seq = 0}).has_value());
  EXPECT_FALSE(There(DecodeCloseRoot, CloseRoot{.seq = 0}).has_value());
  EXPECT_FALSE(There(DecodePut, Put{.seq = 0}, ByteView()).has_value());
  EXPECT_TRUE(There(DecodePut, Put{.seq = 1, .flags = kDetach}, ByteView()).has_value());
  EXPECT_FALSE(There(DecodePut, Put{.seq = 1, .flags = kPush}, ByteView()).has_value());
  EXPECT_EQ(There(DecodeError, Error{.reason = static_cast<Reason>(60000)})->reason,
            Reason::kBadRequest);
}

TEST(Messages, TimesBeyondTheMostAreTheMost) {
  const std::array<ObjectName, 1> ids{};
  constexpr std::uint64_t kTooLong = ~std::uint64_t{0};
  EXPECT_EQ(There(DecodeDrain, Drain{kMostTime - 1})->timeout_us, kMostTime - 1);
  EXPECT_EQ(There(DecodeDrain, Drain{kMostTime + 1})->timeout_us, kMostTime);
  EXPECT_EQ(There(DecodeInterrupt, Interrupt{{}, kTooLong})->grace_us, kMostTime);
  EXPECT_EQ(There(DecodeOpenRoot, OpenRoot{.seq = 1, .remaining_us = kTooLong})->remaining_us,
            kMostTime);
  const auto timeout = [&](auto decode, auto message) {
    OutBuffer out;
    Encode(message, 1, out);
    const MadeFrame frame(TheFrame(out));
    return decode(frame.view())->timeout_us;
  };
  EXPECT_EQ(timeout(DecodeGet, Get{ids, kTooLong}), kMostTime);
  EXPECT_EQ(timeout(DecodeWait, Wait{ids, 1, kTooLong}), kMostTime);
}

template <class Message, class Item, class Decode>
void ExpectItemLimit(Decode decode, std::span<const Item> Message::* items) {
  for (const int more : {-1, 0, 1}) {
    const std::vector<Item> many(kMostObjects + more);
    Message message;
    message.*items = many;
    OutBuffer out;
    Encode(message, 1, out);
    const MadeFrame frame(TheFrame(out));
    const auto decoded = decode(frame.view());
    EXPECT_EQ(decoded.has_value(), more <= 0);
    if (more > 0) {
      EXPECT_EQ(decoded.error().reason, Reason::kTooLarge);
    }
  }
}

TEST(Messages, AtMost2048Items) {
  ExpectItemLimit(DecodeGet, &Get::ids);
  ExpectItemLimit(DecodeWait, &Wait::ids);
  ExpectItemLimit(DecodeCancel, &Cancel::ids);
  ExpectItemLimit(DecodeRelease, &Release::ranges);
  ExpectItemLimit(DecodeStatus, &Status::ids);
}

TEST(Messages, WhatWouldNeverBeAnsweredIsRefused) {
  EXPECT_EQ(ProblemOf(There(DecodeGet, Get{})), "malformed: no ids");
  EXPECT_EQ(ProblemOf(There(DecodeWait, Wait{})), "malformed: no ids");
  EXPECT_TRUE(There(DecodeCancel, Cancel{}).has_value());
  EXPECT_TRUE(There(DecodeStatus, Status{}).has_value());
}

TEST(Messages, RangesDoNotWrap) {
  for (const std::uint64_t count : {9, 10, 11}) {
    const std::array ranges{Range{.first = {1, ~std::uint64_t{9}}, .count = count}};
    EXPECT_EQ(There(DecodeRelease, Release{ranges}).has_value(), count < 10) << count;
  }
}

TEST(Messages, ManyStatusesAreSeveralFrames) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1024}, kMostObjects}) {
    std::vector<TaskStatus> tasks(count);
    for (std::size_t i = 0; i < count; ++i) tasks[i].task.seq = i;
    OutBuffer out;
    Encode(Statuses{tasks}, 77, out);
    std::size_t seen = 0;
    for (const FrameView& frame : AllFrames(out)) {
      EXPECT_EQ(frame.header.correlation, 77U);
      const auto some = DecodeStatuses(frame);
      ASSERT_TRUE(some.has_value());
      for (const TaskStatus& status : some->tasks) EXPECT_EQ(status.task.seq, seen++);
    }
    EXPECT_EQ(seen, count);
  }
}

TEST(Messages, WaitDoneHasOneBitForEachId) {
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{1}, std::size_t{8}, std::size_t{9}, kMostObjects}) {
    WaitDone done{.ready = std::vector<bool>(count)};
    for (std::size_t i = 0; i < count; i += 3) done.ready[i] = true;
    EXPECT_EQ(There(DecodeWaitDone, done)->ready, done.ready);
  }
  const WaitDone nine{.ready = std::vector<bool>(9, true)};
  EXPECT_TRUE(Changed(DecodeWaitDone, nine, std::uint32_t{9}, std::uint32_t{16}).has_value());
  EXPECT_FALSE(Changed(DecodeWaitDone, nine, std::uint32_t{9}, std::uint32_t{17}).has_value());
  EXPECT_FALSE(Changed(DecodeWaitDone, nine, std::uint32_t{9}, std::uint32_t{8}).has_value());
  EXPECT_FALSE(Changed(DecodeWaitDone, nine, std::uint32_t{9}, ~std::uint32_t{0}).has_value());
}

TEST(Messages, SlicesOfWorkersLieInThePayloadInOrder) {
  const std::array pieces{AsBytes("ab"), AsBytes("cde")};
  const auto run = [&](Slice from, Slice to) {
    OutBuffer out;
    Encode(wire::Run{.task = {1, 2}}, pieces, 1, out);
    MadeFrame frame(TheFrame(out));
    const auto at = std::ranges::find_end(frame.body(), std::as_bytes(std::span(&from, 1)));
    EXPECT_FALSE(at.empty());
    std::memcpy(at.data(), &to, sizeof(to));
    return DecodeRun(frame.view()).has_value();
  };
  EXPECT_TRUE(run({2, 3}, {2, 3}));
  EXPECT_FALSE(run({2, 3}, {1, 3}));
  EXPECT_FALSE(run({2, 3}, {2, 4}));
  EXPECT_FALSE(run({2, 3}, {~0U, ~0U}));
  EXPECT_FALSE(run({0, 2}, {0, 3}));
}

TEST(Messages, WorkersEndTasksInThreeWays) {
  const std::span<const ByteView> none;
  for (int fate = 0; fate < 8; ++fate) {
    const bool good = fate >= 1 && fate <= 3;
    EXPECT_EQ(There(DecodeDone, Done{.fate = static_cast<Fate>(fate)}, none).has_value(), good);
  }
}

TEST(Messages, AnEmptyBodyIsNotAMessage) {
  const MadeFrame frame(FrameType::kHello, {});
  EXPECT_THAT(ProblemOf(DecodeHello(frame.view())), HasSubstr("not a well-formed FlatBuffer"));
}

}  // namespace
}  // namespace spillgate::wire
