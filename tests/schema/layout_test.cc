// Other implementations build bodies with the FlatBuffers library: fields in another order,
// defaults left out, vectors before tables. They mean the same. Here the library builds them, from
// field numbers as in the schemas.
#include <flatbuffers/flatbuffers.h>
#include <gtest/gtest.h>

#include "schema/messages.h"
#include "schema/replies.h"
#include "schema/submit.h"
#include "schema/worker_messages.h"
#include "tests/schema/frames.h"

namespace spillgate::wire {
namespace {

using flatbuffers::FlatBufferBuilder;

constexpr flatbuffers::voffset_t Field(int number) {
  return static_cast<flatbuffers::voffset_t>(4 + 2 * number);
}

ByteView Built(const FlatBufferBuilder& builder) {
  return std::as_bytes(std::span(builder.GetBufferPointer(), builder.GetSize()));
}

template <class Fill>
MadeFrame FrameOf(FrameType type, FlatBufferBuilder& builder, Fill fill,
                  std::string_view payload = {}) {
  const auto start = builder.StartTable();
  fill();
  builder.Finish(flatbuffers::Offset<void>(builder.EndTable(start)));
  return MadeFrame(type, Built(builder), AsBytes(payload));
}

template <class T>
auto VectorOf(FlatBufferBuilder& builder, const std::vector<T>& items) {
  builder.StartVector(items.size() * sizeof(T) / alignof(T), alignof(T));
  builder.PushBytes(reinterpret_cast<const std::uint8_t*>(items.data()), items.size() * sizeof(T));
  return flatbuffers::Offset<void>(builder.EndVector(items.size()));
}

TEST(Layout, AHelloWithOnlyItsName) {
  FlatBufferBuilder builder;
  const auto name = builder.CreateString("team-a");
  const MadeFrame frame =
      FrameOf(FrameType::kHello, builder, [&] { builder.AddOffset(Field(5), name); });
  const auto hello = DecodeHello(frame.view());
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->name, "team-a");
  EXPECT_EQ(hello->session, 0U);
  EXPECT_EQ(hello->kind, Kind::kClient);
  EXPECT_EQ(hello->mac, Mac{});
}

TEST(Layout, AHelloInReverse) {
  FlatBufferBuilder builder;
  Token token{};
  Mac mac{};
  token[15] = std::byte{1};
  mac[31] = std::byte{2};
  const auto software = builder.CreateString("other");
  const auto name = builder.CreateString("team-b");
  const MadeFrame frame = FrameOf(FrameType::kHello, builder, [&] {
    builder.AddOffset(Field(7), software);
    builder.AddStruct(Field(6), &mac);
    builder.AddOffset(Field(5), name);
    builder.AddStruct(Field(4), &token);
    builder.AddElement<std::uint64_t>(Field(3), 99, 0);
    builder.AddElement<std::uint8_t>(Field(2), 1, 0);
    builder.AddElement<std::uint8_t>(Field(1), 3, 0);
    builder.AddElement<std::uint8_t>(Field(0), 1, 0);
  });
  const auto hello = DecodeHello(frame.view());
  ASSERT_TRUE(hello.has_value());
  EXPECT_EQ(hello->version_max, 3);
  EXPECT_EQ(hello->kind, Kind::kOperator);
  EXPECT_EQ(hello->session, 99U);
  EXPECT_EQ(hello->resume_token, token);
  EXPECT_EQ(hello->mac, mac);
  EXPECT_EQ(hello->software, "other");
}

TEST(Layout, AGetWithoutATimeout) {
  FlatBufferBuilder builder;
  const auto ids =
      VectorOf(builder, std::vector<ObjectName>{{.task = {1, 2}, .index = 3}, {.task = {4, 5}}});
  const MadeFrame frame =
      FrameOf(FrameType::kGet, builder, [&] { builder.AddOffset(Field(0), ids); });
  const auto get = DecodeGet(frame.view());
  ASSERT_TRUE(get.has_value());
  ASSERT_EQ(get->ids.size(), 2U);
  EXPECT_EQ(get->ids[0].task, (TaskId{1, 2}));
  EXPECT_EQ(get->ids[0].index, 3U);
  EXPECT_EQ(get->timeout_us, 0U);
}

// A field from a later version is let be.
TEST(Layout, AFieldThatIsNotKnown) {
  FlatBufferBuilder builder;
  const MadeFrame frame = FrameOf(FrameType::kDrain, builder, [&] {
    builder.AddElement<std::uint64_t>(Field(0), 5, 0);
    builder.AddElement<std::uint64_t>(Field(9), 6, 0);
  });
  ASSERT_TRUE(DecodeDrain(frame.view()).has_value());
  EXPECT_EQ(DecodeDrain(frame.view())->timeout_us, 5U);
}

TEST(Layout, ASubmitWithoutArguments) {
  FlatBufferBuilder builder;
  const auto heads = VectorOf(builder, std::vector<TaskHead>(2));
  const auto start = builder.StartTable();
  builder.AddOffset(Field(0), heads);
  builder.Finish(flatbuffers::Offset<void>(builder.EndTable(start)));
  std::vector<std::byte> body(kPreambleSize);
  body[4] = std::byte{2};   // count
  body[40] = std::byte{1};  // first number
  body.insert(body.end(), Built(builder).begin(), Built(builder).end());
  const MadeFrame frame(FrameType::kSubmit, body);
  SubmitView view;
  ASSERT_TRUE(ReadPreamble(frame.view()).has_value());
  ASSERT_EQ(DecodeSubmit(frame.view(), {}, view).reason, Reason::kNone);
  EXPECT_EQ(view.heads.size(), 2U);
  EXPECT_TRUE(view.args.empty());
}

TEST(Layout, ASubmitWithArguments) {
  FlatBufferBuilder builder;
  const auto args = VectorOf(
      builder, std::vector<ArgRef>{{.session = 1, .seq = 2, .index = 3, .kind = ArgRef::kObject},
                                   {.kind = ArgRef::kInline, .offset = 0, .size = 3}});
  const auto heads = VectorOf(builder, std::vector<TaskHead>{{.arg_count = 2}});
  const auto start = builder.StartTable();
  builder.AddOffset(Field(1), args);
  builder.AddOffset(Field(0), heads);
  builder.Finish(flatbuffers::Offset<void>(builder.EndTable(start)));
  std::vector<std::byte> body(kPreambleSize);
  body[4] = body[40] = std::byte{1};
  body.insert(body.end(), Built(builder).begin(), Built(builder).end());
  const MadeFrame frame(FrameType::kSubmit, body, AsBytes("abc"));
  SubmitView view;
  ASSERT_TRUE(ReadPreamble(frame.view()).has_value());
  const SubmitError error = DecodeSubmit(frame.view(), {}, view);
  ASSERT_EQ(error.reason, Reason::kNone) << error.message;
  EXPECT_EQ(view.args[0].object(), (ObjectId{{1, 2}, 3}));
}

TEST(Layout, RepliesAndSlices) {
  FlatBufferBuilder builder;
  const auto heads = VectorOf(
      builder,
      std::vector<ResultHead>{{.task = {1, 2}, .offset = 0, .size = 2, .fate = Fate::kDone}});
  const MadeFrame results =
      FrameOf(FrameType::kResults, builder, [&] { builder.AddOffset(Field(0), heads); }, "ok");
  ASSERT_TRUE(ReadResults(results.view()).has_value());
  EXPECT_EQ(AsText(BytesOf(results.view(), ReadResults(results.view())->front())), "ok");

  builder.Clear();
  const TaskId task{3, 4};
  const auto values = VectorOf(builder, std::vector<Slice>{{.offset = 0, .size = 2}});
  const MadeFrame frame = FrameOf(
      FrameType::kDone, builder,
      [&] {
        builder.AddOffset(Field(4), values);
        builder.AddStruct(Field(0), &task);
        builder.AddElement<std::uint8_t>(Field(1), 1, 0);
      },
      "ok");
  const auto done = DecodeDone(frame.view());
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->task, task);
  EXPECT_EQ(AsText(BytesOf(frame.view(), done->values[0])), "ok");
}

// An empty table: every field has its default.
TEST(Layout, MessagesWithoutAnyField) {
  FlatBufferBuilder builder;
  const auto empty = [&](FrameType type) {
    builder.Clear();
    return FrameOf(type, builder, [] {});
  };
  EXPECT_TRUE(DecodeGreeting(empty(FrameType::kGreeting).view()).has_value());
  EXPECT_EQ(DecodeWelcome(empty(FrameType::kWelcome).view())->next_seq, 1U);
  EXPECT_EQ(DecodeRegister(empty(FrameType::kRegister).view())->name, "");
  EXPECT_FALSE(DecodeOpenRoot(empty(FrameType::kOpenRoot).view()).has_value());  // no number
  EXPECT_FALSE(DecodeGet(empty(FrameType::kGet).view()).has_value());            // no ids
  EXPECT_TRUE(DecodeWaitDone(empty(FrameType::kWaitDone).view())->ready.empty());
  EXPECT_TRUE(DecodeRun(empty(FrameType::kRun).view())->args.empty());
  EXPECT_TRUE(DecodeRun(empty(FrameType::kRun).view())->task.is_none());
  EXPECT_FALSE(DecodeDone(empty(FrameType::kDone).view()).has_value());  // no fate
}

}  // namespace
}  // namespace spillgate::wire
