// SubmissionBench: the submission stage with what it needs, and frames as clients and running tasks
// send them.
#pragma once

#include <vector>

#include "schema/resubmit.h"
#include "schema/submit.h"
#include "stages/submission.h"
#include "tests/stages/bench.h"

namespace spillgate::testing {

class SubmissionBench : public ::testing::Test {
 protected:
  using In = Submission::In;
  static constexpr ConnectionId kTask = kTaskConnection | 9;

  static std::vector<flow::EmitBack<ConnectionGone>> ToOne(flow::EmitBack<ConnectionGone> edge) {
    std::vector<flow::EmitBack<ConnectionGone>> edges;
    edges.push_back(std::move(edge));
    return edges;
  }

  SubmissionBench()
      : inbox("submission", 0, {}, flow::MakeController("bound")),
        stage(bench.shared, inbox, bench.tally.submission[0],
              {.accepted = accepted.emit([this](Accepted&& e) { stage.Keep(std::move(e)); }),
               .ended = ended.emit([this](Finished&& e) { stage.KeepEnded(std::move(e)); }),
               .asked = asked.back(),
               .gone = ToOne(gone.back()),
               .done = flow::Departure(&inbox)}) {}

  struct Frame {
    wire::SubmitPreamble ask;
    std::uint32_t tasks = 1;
    std::uint32_t correlation = 1;
    std::vector<ObjectId> args;  // of each task
    std::string inline_arg;      // of each task, if it is not empty
  };

  [[nodiscard]] Buffer Write(const Frame& frame, const wire::ChildPreamble* child = nullptr) {
    wire::SubmitPreamble ask = frame.ask;
    if (ask.function == 0 && (ask.flags & wire::kMixed) == 0) ask.function = function;
    if (ask.first_seq == 0) ask.first_seq = 1;
    writer_.Begin(ask, child);
    for (std::uint32_t i = 0; i < frame.tasks; ++i) {
      writer_.BeginTask();
      if (!frame.inline_arg.empty()) writer_.AddInline(AsBytes(frame.inline_arg));
      for (const ObjectId& arg : frame.args) writer_.AddObject(arg);
    }
    wire::OutBuffer out;
    writer_.Finish(frame.correlation, 0, out);
    return Buffer::CopyOf(out.view());
  }
  [[nodiscard]] Received From(ConnectionId connection, Buffer frame,
                              SessionId session = Bench::kSession) {
    EXPECT_TRUE(inbox.Reserve(1, static_cast<std::int64_t>(frame.size())));
    return {.connection = connection,
            .session = session,
            .tenant = bench.session().tenant,
            .frame = std::move(frame),
            .transit = {},
            .arrived = bench.now()};
  }
  template <class... Events>
  void Handle(Events&&... events) {
    std::vector<In> batch = BatchOf<In>(std::forward<Events>(events)...);
    stage.Handle(batch, bench.now());
  }
  // A frame of the client; the answer is in words.
  std::string Submit(const Frame& frame) {
    bench.answered.Clear();
    Handle(From(Bench::kClient, Write(frame)));
    return bench.answered.Verdicts();
  }
  // A frame of a running task.
  std::string Spawn(const Task& parent, std::uint32_t tasks, std::uint64_t first_index = 0,
                    std::uint32_t attempt = 1) {
    bench.answered.Clear();
    const wire::ChildPreamble child{
        .parent = parent.id, .stream = 0, .attempt = attempt, .first_index = first_index};
    Handle(From(kTask, Write({.tasks = tasks}, &child)));
    return bench.answered.Verdicts();
  }
  template <class Message>
  [[nodiscard]] Received Other(const Message& message, std::uint32_t correlation = 1) {
    wire::OutBuffer out;
    wire::Encode(message, correlation, out);
    return From(Bench::kClient, Buffer::CopyOf(out.view()));
  }
  std::string Put(std::uint64_t seq, const std::string& value, Level level = Level::kNone) {
    bench.answered.Clear();
    wire::OutBuffer out;
    wire::Encode(wire::Put{.seq = seq, .level = level}, AsBytes(value), 1, out);
    Handle(From(Bench::kClient, Buffer::CopyOf(out.view())));
    return bench.answered.Verdicts();
  }
  std::string OpenRoot(std::uint64_t seq, std::uint64_t remaining_us = 0,
                       Level level = Level::kNone) {
    bench.answered.Clear();
    Handle(Other(wire::OpenRoot{.seq = seq, .level = level, .remaining_us = remaining_us}));
    return bench.answered.Verdicts();
  }
  void CloseRoot(std::uint64_t seq) { Handle(Other(wire::CloseRoot{.seq = seq})); }
  // What is accepted runs nowhere here: it ends when the test says so, and its places come home.
  void End(std::size_t i) {
    TaskPtr task = std::move(accepted.events[i].task);
    (task->from_reserve ? bench.spawn_reserve : bench.in_flight).Release(1, task->bytes);
    bench.Settle(std::move(task), Bench::Done("done"));
  }
  [[nodiscard]] Task& Got(std::size_t i) { return *accepted.events[i].task; }
  // It waits for others, as resolution and execution count it.
  void Stick(Task& task, int by = 1) {
    task.root->stuck += by;
    bench.signals.stuck += by;
  }
  void TickAfter(Nanos time) {
    bench.clock.Advance(time);
    stage.Tick(bench.now());
  }

  Bench bench;
  const FunctionId function = bench.AddFunction("f", 1000);
  flow::Inbox<In> inbox;
  Probe<Accepted> accepted;
  Probe<Finished> ended;
  Probe<Asked> asked;
  Probe<ConnectionGone> gone;
  Submission stage;

 private:
  wire::SubmitWriter writer_;
};

}  // namespace spillgate::testing
