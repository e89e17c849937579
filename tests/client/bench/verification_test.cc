// A benchmark against a node that lies: each lie has to be found out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/bench/bench.h"
#include "core/base/format.h"
#include "tests/client/lib/fake_node.h"

namespace spillgate::bench {
namespace {

using client::FakeNode;
using client::Sent;
using testing::HasSubstr;
using namespace std::chrono_literals;

// What it does to one task, of which it makes `at` the number.
enum class Lie { kNone, kTwice, kOther, kLost, kWrongValue, kRejects, kFails, kNoVerdict };

class LyingNode {
 public:
  explicit LyingNode(Lie lie, std::uint64_t at = 2000, std::uint64_t uncounted = 0)
      : lie_(lie),
        at_(at),
        uncounted_(uncounted),
        node_([this](const Sent& frame, auto& out) { return Answer(frame, out); }) {
    node_.Start();
  }

  [[nodiscard]] Target target() const { return {.address = node_.address()}; }

 private:
  bool Answer(const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() == wire::FrameType::kStats) return TellCounts(frame, out), true;
    if (frame.type() == wire::FrameType::kRegister) return Register(frame, out), true;
    if (frame.type() != wire::FrameType::kSubmit) return false;
    const wire::SubmitPreamble ask = frame.ask();
    const wire::SubmitView tasks = frame.tasks();
    Verdicts(frame, ask, out);
    wire::ResultsWriter writer;
    // As it numbers them: a session for each connection.
    const SessionId session = client::kSession + static_cast<SessionId>(node_.connections) - 1;
    for (std::size_t i = 0; i < tasks.heads.size(); ++i) {
      const std::uint64_t seq = ask.first_seq + i;
      if (seq == at_ && (lie_ == Lie::kLost || lie_ == Lie::kRejects)) continue;
      ++handled_;
      std::string value;
      if (tasks.heads[i].arg_count > 0) {
        const ArgRef& arg = tasks.args[tasks.heads[i].first_arg];
        value = AsText(frame.view().payload.subspan(arg.offset, arg.size));
      }
      if (seq == at_ && lie_ == Lie::kWrongValue) value += "!";
      wire::ResultHead head{.task = {session, seq}, .fate = Fate::kDone};
      if (seq == at_ && lie_ == Lie::kOther) head.task.session += 1;
      if (seq == at_ && lie_ == Lie::kFails) {
        head.fate = Fate::kFailed;
        head.reason = Reason::kTaskError;
        writer.AddFailure(head, {}, "as it was told", out);
        continue;
      }
      writer.Add(head, AsBytes(value), out);
      if (seq == at_ && lie_ == Lie::kTwice) writer.Add(head, AsBytes(value), out);
    }
    writer.Finish(out);
    return true;
  }

  // As another function than the others, so that only some of the frames are echoes.
  static void Register(const Sent& frame, wire::OutBuffer& out) {
    const auto ask = wire::DecodeRegister(frame.view());
    const FunctionId function = client::kSum + (ask->name == "echo" ? 1 : 0);
    wire::Encode(wire::Registered{.function = function}, frame.correlation(), out);
  }

  void Verdicts(const Sent& frame, const wire::SubmitPreamble& ask, wire::OutBuffer& out) const {
    const bool here = ask.first_seq <= at_ && at_ < ask.first_seq + ask.count;
    if (here && lie_ == Lie::kNoVerdict) return;
    std::vector<wire::Verdict> verdicts{
        {.first_seq = ask.first_seq, .count = ask.count, .correlation = frame.correlation()}};
    if (here && lie_ == Lie::kRejects) {
      verdicts = {
          {.first_seq = ask.first_seq, .count = std::uint32_t(at_ - ask.first_seq)},
          {.first_seq = at_,
           .count = 1,
           .reason = Reason::kInFlight,
           .status = wire::VerdictStatus::kRejected},
          {.first_seq = at_ + 1, .count = std::uint32_t(ask.first_seq + ask.count - at_ - 1)}};
      std::erase_if(verdicts, [](const wire::Verdict& each) { return each.count == 0; });
      for (wire::Verdict& each : verdicts) each.correlation = frame.correlation();
    }
    wire::WriteVerdicts(verdicts, 0, out);
  }

  void TellCounts(const Sent& frame, wire::OutBuffer& out) const {
    std::string stages;
    for (const char* stage : {"submission", "resolution", "scheduling", "execution"}) {
      stages += Format(R"({{"stage":"{}","handled":{}}},)", stage, handled_);
    }
    const std::uint64_t counted = handled_ - std::min(handled_, uncounted_);
    wire::Encode(
        wire::StatsReply{},
        Format(R"({{"stages":[{}{{"stage":"publication","handled":{}}}]}})", stages, counted),
        frame.correlation(), out);
  }

  const Lie lie_;
  const std::uint64_t at_;
  const std::uint64_t uncounted_;
  std::uint64_t handled_ = 0;
  FakeNode node_;
};

Benchmark The(const std::string& name) {
  const std::vector<std::string> names{name};
  return Choose(names).value().front();
}

Result<Row> Measure(const LyingNode& node, const std::string& name = "submit-batch",
                    Options options = {}) {
  if (!options.stop) options.time = 200ms;
  std::vector<Row> rows;
  const Status status =
      RunBench(The(name), options, node.target(), [&](const Row& row) { rows.push_back(row); });
  if (!status.ok()) return status.error();
  EXPECT_EQ(rows.size(), 1U);
  return rows.front();
}

void ExpectFound(const Result<Row>& row, const std::string& what) {
  ASSERT_TRUE(row.ok()) << row.error().message;
  EXPECT_FALSE(row.value().verified);
  EXPECT_THAT(row.value().problem, HasSubstr(what));
}

TEST(Verification, AnHonestNodeIsVerified) {
  const LyingNode node(Lie::kNone);
  const Result<Row> row = Measure(node);
  ASSERT_TRUE(row.ok()) << row.error().message;
  EXPECT_TRUE(row.value().verified) << row.value().problem;
  EXPECT_EQ(row.value().errors, 0U);
  EXPECT_GT(row.value().n, 64U);
  EXPECT_GT(row.value().per_s.value_or(0), 0);
  EXPECT_GT(row.value().p50_us.value_or(0), 0);
  EXPECT_LE(row.value().p50_us.value_or(0), row.value().p99_us.value_or(0));
  EXPECT_LE(row.value().p99_us.value_or(0), row.value().p999_us.value_or(0));
}

TEST(Verification, EveryKindOfBenchmarkIsVerifiedWhenAllIsWell) {
  for (const char* name : {"submit-single", "journal-sync", "client-batch"}) {
    const LyingNode node(Lie::kNone);
    const Result<Row> row = Measure(node, name);
    ASSERT_TRUE(row.ok()) << name << ": " << row.error().message;
    EXPECT_TRUE(row.value().verified) << name << ": " << row.value().problem;
  }
}

TEST(Verification, ARoundTripIsComparedWithABareSocket) {
  const LyingNode node(Lie::kNone);
  const Result<Row> row = Measure(node, "rtt", {.placement = Placement::kFree});
  ASSERT_TRUE(row.ok()) << row.error().message;
  EXPECT_TRUE(row.value().verified) << row.value().problem;
  EXPECT_EQ(row.value().blocks, 24U);
  EXPECT_GT(row.value().ratio.value_or(0), 0);
  EXPECT_GT(row.value().bare_p50_us.value_or(0), 0);
}

TEST(Verification, AnOpenLoopSendsWhatWasAskedForAndSaysHowLate) {
  const LyingNode node(Lie::kNone);
  const Result<Row> row = Measure(node, "open", {.rate = 20'000});
  ASSERT_TRUE(row.ok()) << row.error().message;
  EXPECT_TRUE(row.value().verified) << row.value().problem;
  EXPECT_NEAR(static_cast<double>(row.value().n), 20'000 * 0.2, 600);
  EXPECT_TRUE(row.value().late_p99_us.has_value());
}

TEST(Verification, AResultThatComesTwiceIsFound) {
  ExpectFound(Measure(LyingNode(Lie::kTwice)), "not under way");
}

TEST(Verification, AResultOfSomebodyElsesTaskIsFound) {
  // Then there is none of its own either, so the stream cannot end.
  const Result<Row> row = Measure(LyingNode(Lie::kOther), "submit-batch", {.answer_within = 1s});
  ASSERT_FALSE(row.ok());
  EXPECT_EQ(row.error().code, Code::kTimeout);
}

TEST(Verification, AResultThatNeverComesEndsTheMeasurement) {
  const Result<Row> row = Measure(LyingNode(Lie::kLost), "submit-batch", {.answer_within = 1s});
  ASSERT_FALSE(row.ok());
  EXPECT_EQ(row.error().code, Code::kTimeout);
  EXPECT_THAT(row.error().message, HasSubstr("1 tasks have no result"));
}

TEST(Verification, ANonceThatIsNotTheOneSentIsFound) {
  // Task 1 is in the first frame, which is one of echoes.
  ExpectFound(Measure(LyingNode(Lie::kWrongValue, 1)), "nonce");
}

TEST(Verification, AValueWhereThereShouldBeNoneIsFound) {
  ExpectFound(Measure(LyingNode(Lie::kWrongValue, 65)), "noop gave a value");
}

TEST(Verification, ATaskThatIsRefusedIsAnErrorWithItsReason) {
  const Result<Row> row = Measure(LyingNode(Lie::kRejects));
  ExpectFound(row, "rejected: in_flight");
  EXPECT_EQ(row.value().errors, 1U);
}

TEST(Verification, ATaskThatFailsIsAnErrorWithItsMessage) {
  ExpectFound(Measure(LyingNode(Lie::kFails)), "as it was told");
}

TEST(Verification, AVerdictThatIsMissingIsFound) {
  ExpectFound(Measure(LyingNode(Lie::kNoVerdict)), "verdicts on them");
}

TEST(Verification, AStageThatCountsOneTaskLessIsFound) {
  ExpectFound(Measure(LyingNode(Lie::kNone, 0, 1)), "stage publication counted");
}

TEST(Verification, ItStopsWhenItIsTold) {
  const LyingNode node(Lie::kNone);
  int looks = 0;
  Options options;
  options.time = std::chrono::hours(1);
  options.stop = [&looks] { return ++looks > 50; };
  const Result<Row> row = Measure(node, "submit-batch", options);
  ASSERT_FALSE(row.ok());
  EXPECT_EQ(row.error().code, Code::kCancelled);
}

TEST(Verification, NobodyThereIsSaid) {
  Target target;
  target.address = "unix:///nowhere/at/all.sock";
  const Status status = RunBench(The("submit-batch"), {}, target, [](const Row&) {});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr("/nowhere/at/all.sock"));
}

}  // namespace
}  // namespace spillgate::bench
