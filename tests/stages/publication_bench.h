// Publication with an inbox of its own and probes on its edges.
#pragma once

#include <utility>
#include <vector>

#include "stages/publication.h"
#include "tests/stages/bench.h"

namespace spillgate::testing {

class PublicationBench : public ::testing::Test {
 protected:
  using In = Publication::In;

  PublicationBench()
      : inbox("publication", 0, {}, flow::MakeController("none")),
        stage(bench.shared, bench.tally.publication[0], MakeOut()) {}

  template <class... Events>
  void Handle(Events&&... events) {
    std::vector<In> batch = BatchOf<In>(std::forward<Events>(events)...);
    stage.Handle(batch, bench.now());
  }
  // A finished task, with its place in flight and in the stage.
  [[nodiscard]] Finished End(TaskPtr task, Outcome outcome) {
    task->outcome = std::move(outcome);
    task->bytes = 10;
    EXPECT_TRUE((task->from_reserve ? bench.spawn_reserve : bench.in_flight).Reserve(1, 10));
    EXPECT_TRUE(inbox.Reserve(1, 10));
    return {std::move(task)};
  }
  void Publish(TaskPtr task, Outcome outcome) { Handle(End(std::move(task), std::move(outcome))); }
  // A request, with its place among them.
  template <class Message>
  [[nodiscard]] Asked Request(const Message& message, std::uint32_t correlation,
                              SessionId session = Bench::kSession,
                              ConnectionId from = Bench::kClient) {
    wire::OutBuffer out;
    wire::Encode(message, correlation, out);
    Buffer frame = Buffer::CopyOf(out.view());
    EXPECT_TRUE(bench.requests.Reserve(1, static_cast<std::int64_t>(frame.size())));
    return {from, session, std::move(frame)};
  }
  template <class Message>
  void Ask(const Message& message, std::uint32_t correlation, SessionId session = Bench::kSession,
           ConnectionId from = Bench::kClient) {
    Handle(Request(message, correlation, session, from));
  }
  void TickAfter(std::chrono::milliseconds time) {
    bench.clock.Advance(time);
    stage.Tick(bench.now());
  }
  [[nodiscard]] static TaskId Id(std::uint64_t seq) { return {Bench::kSession, seq}; }

  Bench bench;
  const FunctionId function = bench.AddFunction("f", 1000);
  flow::Inbox<In> inbox;
  Probe<ObjectReady> ready;
  Probe<CancelAsked> cancelled;
  Probe<RoomFreed> room;
  Publication stage;

 private:
  Publication::Out MakeOut() {
    Publication::Out out{.object_ready = ready.back(),
                         .cancel = {},
                         .room_freed = {},
                         .done = flow::Departure(&inbox)};
    out.cancel.push_back(cancelled.back());
    out.room_freed.push_back(room.back());
    return out;
  }
};

}  // namespace spillgate::testing
