// A Session stepped by hand: the test is the driver and the node. Time is what the test says.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "client/lib/session.h"
#include "schema/replies.h"
#include "schema/submit.h"

namespace spillgate::client {

using namespace std::chrono_literals;

inline constexpr SessionId kSession = 0x1122334455667788;
inline constexpr FunctionId kSum = 5;

// One frame, in memory of its own.
struct Sent {
  explicit Sent(ByteView frame) : bytes(std::make_shared<wire::OutBuffer>()) {
    bytes->Append(frame);
  }
  [[nodiscard]] wire::FrameView view() const { return wire::View(bytes->view()); }
  [[nodiscard]] wire::FrameType type() const { return view().header.type; }
  [[nodiscard]] std::uint32_t correlation() const { return view().header.correlation; }
  [[nodiscard]] wire::SubmitPreamble ask() const {
    const auto preamble = wire::ReadPreamble(view());
    EXPECT_TRUE(preamble.has_value());
    return preamble.value_or(wire::SubmitPreamble());
  }
  [[nodiscard]] wire::SubmitView tasks() const {
    wire::SubmitView tasks;
    EXPECT_EQ(wire::DecodeSubmit(view(), {}, tasks).reason, Reason::kNone);
    return tasks;
  }
  std::shared_ptr<wire::OutBuffer> bytes;
};

inline std::vector<Sent> CutFrames(ByteView bytes) {
  std::vector<Sent> frames;
  while (!bytes.empty()) {
    wire::FrameHeader header;
    EXPECT_EQ(wire::ParseHeader(bytes, 16 << 20, header), wire::HeaderError::kNone);
    frames.emplace_back(bytes.first(wire::WireSize(header)));
    bytes = bytes.subspan(wire::WireSize(header));
  }
  return frames;
}

class SessionFixture : public testing::Test {
 protected:
  SessionFixture() { Start({}); }

  void Start(const ClientOptions& options) {
    session = std::make_unique<Session>(options, 42);
    session->OnWelcome(WelcomeOf(kSession, false, 1), now);
    sum = {.id = kSum, .epoch = 1, .name = "sum"};
    session->KnowFunction("sum", kSum);
  }

  static wire::Welcome WelcomeOf(SessionId id, bool resumed, std::uint64_t epoch) {
    return {.resumed = resumed,
            .session = id,
            .node = "test",
            .epoch = epoch,
            .next_seq = 1,
            .max_payload = 1 << 20,
            .ids_per_get = 2048,
            .deps_per_task = 1000,
            .inline_value = 1000,
            .max_batch = 4096};
  }

  TaskState* Submit(Args args = {}, const SubmitOptions& options = {}) {
    return session->Submit(session->TermsOf(sum, options, now), args, options, now);
  }
  // An argument that names a future, as Client makes it.
  static Arg Of(TaskState* state) {
    Future future = Future::For(state);
    const Arg arg(future);
    (void)future.Take();
    return arg;
  }
  void Drop(TaskState* state) { session->Drop(state); }

  std::vector<Sent> Collect(bool idle = false) {
    wire::OutBuffer out;
    session->Collect(now, idle, out);
    return CutFrames(out.view());
  }
  // Those of one type among what is said now.
  std::vector<Sent> Collect(wire::FrameType type, bool idle = false) {
    std::vector<Sent> all = Collect(idle);
    std::erase_if(all, [&](const Sent& sent) { return sent.type() != type; });
    return all;
  }
  // What is submitted within the next second, a retry for instance.
  std::vector<Sent> Later() {
    now += 1s;
    return Collect(wire::FrameType::kSubmit);
  }
  // The one frame of that type.
  Sent CollectOne(wire::FrameType type, bool idle = false) {
    std::vector<Sent> frames = Collect(type, idle);
    EXPECT_EQ(frames.size(), 1U);
    return frames.empty() ? Sent(ByteView()) : frames.front();
  }

  bool Deliver(const wire::OutBuffer& frames) {
    bool good = true;
    for (const Sent& sent : CutFrames(frames.view())) {
      good = session->OnFrame(sent.view(), now) && good;
    }
    session->EndTurn(now);
    return good;
  }
  template <class M>
  bool Deliver(const M& message, std::uint32_t correlation) {
    wire::OutBuffer out;
    wire::Encode(message, correlation, out);
    return Deliver(out);
  }
  bool Verdict(const Sent& frame, wire::VerdictStatus status, Reason reason = Reason::kNone,
               std::uint32_t first = 0, std::uint32_t count = 0, Nanos retry_after = 0ns) {
    const wire::SubmitPreamble ask = frame.ask();
    const wire::Verdict verdict{.first_seq = ask.first_seq + first,
                                .count = count == 0 ? ask.count : count,
                                .correlation = frame.correlation(),
                                .retry_after_us = static_cast<std::uint32_t>(retry_after / 1us),
                                .reason = reason,
                                .status = status};
    return Verdict(verdict);
  }
  bool Verdict(const wire::Verdict& verdict) {
    wire::OutBuffer out;
    wire::WriteVerdicts({&verdict, 1}, 0, out);
    return Deliver(out);
  }
  // A node that refuses whatever comes, for so many milliseconds: the tasks that came.
  std::uint64_t RefuseAll(int milliseconds, Reason reason, Nanos retry_after = 0ns) {
    std::uint64_t came = 0;
    for (int i = 0; i < milliseconds; ++i, now += 1ms) {
      for (const Sent& frame : Collect(wire::FrameType::kSubmit)) {
        came += frame.ask().count;
        EXPECT_TRUE(Verdict(frame, wire::VerdictStatus::kRejected, reason, 0, 0, retry_after));
      }
    }
    return came;
  }
  bool Accept(const Sent& frame) { return Verdict(frame, wire::VerdictStatus::kAccepted); }
  bool Result(std::uint64_t seq, std::string_view value, std::uint32_t correlation = 0) {
    wire::OutBuffer out;
    wire::ResultsWriter writer;
    writer.Add({.task = {kSession, seq}, .correlation = correlation, .fate = Fate::kDone},
               AsBytes(value), out);
    writer.Finish(out);
    return Deliver(out);
  }
  bool Failed(std::uint64_t seq, Fate fate, Reason reason, TaskId cause, std::string_view why) {
    wire::OutBuffer out;
    wire::ResultsWriter writer;
    writer.AddFailure({.task = {kSession, seq}, .reason = reason, .fate = fate}, cause, why, out);
    writer.Finish(out);
    return Deliver(out);
  }
  bool NoResult(std::uint64_t seq, Reason reason, std::uint32_t correlation) {
    wire::OutBuffer out;
    wire::ResultsWriter writer;
    writer.Add({.task = {kSession, seq}, .correlation = correlation, .reason = reason}, {}, out);
    writer.Finish(out);
    return Deliver(out);
  }
  std::vector<wire::Range> Released() {
    std::vector<wire::Range> ranges;
    for (const Sent& sent : Collect(wire::FrameType::kRelease, true)) {
      const auto release = wire::DecodeRelease(sent.view());
      EXPECT_TRUE(release.has_value());
      ranges.insert(ranges.end(), release->ranges.begin(), release->ranges.end());
    }
    return ranges;
  }
  static std::uint64_t Seq(const TaskState* state) { return SeqOf(*state); }
  static FailureKind KindOfFailure(const TaskState* state) {
    EXPECT_EQ(state->Look(), Phase::kFailed);
    return state->failure == nullptr ? FailureKind::kProtocol : state->failure->kind;
  }

  Instant now{1s};
  std::unique_ptr<Session> session;
  Function sum;
};

}  // namespace spillgate::client
