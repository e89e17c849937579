#include "schema/record.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

namespace spillgate::record {
namespace {

using Bytes = std::vector<std::byte>;

Bytes Copy(const wire::OutBuffer& out) {
  return {out.view().begin(), out.view().end()};
}

template <class T>
Bytes Whole(const T& record, ByteView tail = {}) {
  wire::OutBuffer out;
  WriteHead(record, out);
  out.Append(tail);
  return Copy(out);
}
Bytes Whole(TaskId id, const Outcome& outcome) {
  wire::OutBuffer out;
  WriteHead(Ended{.id = id, .kept = true, .push = true, .returns = 2, .level = Level::kAsync},
            outcome, out);
  return Copy(out);
}

template <class T>
T Back(const Bytes& bytes) {
  const std::optional<Any> record = Read(bytes);
  EXPECT_TRUE(record.has_value() && std::holds_alternative<T>(*record));
  return record.has_value() && std::holds_alternative<T>(*record) ? std::get<T>(*record) : T{};
}

TEST(Record, TasksComeBackWithTheirFrame) {
  const Tasks tasks{.session = 7,
                    .deadline_us = -5,
                    .function = "sum",
                    .shape = "cpu=2",
                    .indexes = {{0, 3}, {5, 1}},
                    .frame = {}};
  const std::vector<std::byte> bytes = Whole(tasks, AsBytes("the frame"));
  const Tasks back = Back<Tasks>(bytes);
  EXPECT_EQ(back.session, 7u);
  EXPECT_EQ(back.deadline_us, -5);
  EXPECT_EQ(back.function, "sum");
  EXPECT_EQ(back.shape, "cpu=2");
  ASSERT_EQ(back.indexes.size(), 2u);
  EXPECT_EQ(back.indexes[1].first, 5u);
  EXPECT_EQ(AsText(back.frame), "the frame");
}

TEST(Record, AnOutcomeComesBackWithAllItsValues) {
  Outcome outcome;
  outcome.fate = Fate::kDone;
  outcome.value = Value(AsBytes("first"));
  outcome.further = std::make_unique<std::vector<Value>>();
  outcome.further->push_back(Value(AsBytes("a second that is longer than sixteen bytes")));
  const std::vector<std::byte> bytes = Whole({1, 2}, outcome);
  const Ended back = Back<Ended>(bytes);
  EXPECT_EQ(back.id, (TaskId{1, 2}));
  EXPECT_TRUE(back.kept && back.push && !back.detached);
  EXPECT_EQ(back.returns, 2);
  EXPECT_EQ(back.level, Level::kAsync);
  ASSERT_EQ(back.values.size(), 2u);
  EXPECT_EQ(AsText(back.values[0]), "first");
  EXPECT_EQ(AsText(back.values[1]), "a second that is longer than sixteen bytes");
}

TEST(Record, AFailureComesBackWithItsCause) {
  Outcome outcome;
  outcome.fate = Fate::kFailed;
  outcome.reason = Reason::kDependencyFailed;
  outcome.failure = std::make_unique<Failure>(Failure{.message = "no", .root_cause = {3, 4}});
  const std::vector<std::byte> bytes = Whole({1, 2}, outcome);
  const Ended back = Back<Ended>(bytes);
  EXPECT_EQ(back.reason, Reason::kDependencyFailed);
  EXPECT_EQ(back.cause, (TaskId{3, 4}));
  EXPECT_EQ(back.message, "no");
  EXPECT_TRUE(back.values.empty());
}

TEST(Record, TheSmallOnesComeBack) {
  EXPECT_EQ(Back<Start>(Whole(Start{9})).epoch, 9u);
  std::array<std::byte, 16> token{};
  token[3] = std::byte{5};
  const auto opened = Whole(SessionOpened{4, token, "ada"});
  EXPECT_EQ(Back<SessionOpened>(opened).token, token);
  EXPECT_EQ(Back<SessionOpened>(opened).tenant, "ada");
  EXPECT_EQ(Back<SessionEnded>(Whole(SessionEnded{4})).session, 4u);
  const auto seen = Whole(Seen{4, 10, {{1, 2}, {5, 4}}});
  EXPECT_EQ(Back<Seen>(seen).end, 10u);
  EXPECT_EQ(Back<Seen>(seen).runs.size(), 2u);
  const auto object = Whole(Object{{1, 2}, Level::kSync, true, {}}, AsBytes("value"));
  EXPECT_EQ(AsText(Back<Object>(object).value), "value");
  EXPECT_TRUE(Back<Object>(object).detached);
  EXPECT_EQ(Back<RootOpened>(Whole(RootOpened{{1, 2}, TaskClass::kHigh, 77})).deadline_us, 77);
  EXPECT_EQ(Back<RootClosed>(Whole(RootClosed{{1, 2}})).id.seq, 2u);
  EXPECT_EQ(Back<Started>(Whole(Started{{1, 2}})).id.seq, 2u);
  EXPECT_EQ(Back<NotStarted>(Whole(NotStarted{{1, 3}})).id.seq, 3u);
  EXPECT_EQ(Back<Released>(Whole(Released{{1, 2}, 64})).count, 64u);
}

TEST(Record, CutShortAnywhereItIsNone) {
  Outcome outcome;
  outcome.fate = Fate::kDone;
  outcome.value = Value(AsBytes("value"));
  const std::vector<std::byte> whole[] = {Whole(Start{9}), Whole(Seen{4, 10, {{1, 2}}}),
                                          Whole({1, 2}, outcome), Whole(Released{{1, 2}, 64})};
  for (const std::vector<std::byte>& bytes : whole) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(Read(ByteView(bytes).first(size)).has_value()) << size;
    }
  }
}

// What a damaged disk says must be an answer: no crash, no endless work.
TEST(Record, AnyBytesAreReadOrRefused) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::vector<std::byte> bytes(random() % 64);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    if (bytes.size() > 2) {
      bytes[0] = std::byte{1};
      bytes[1] = static_cast<std::byte>(random() % 13);
    }
    [[maybe_unused]] const bool read = Read(bytes).has_value();
  }
}

}  // namespace
}  // namespace spillgate::record
