// Bench: what one stage needs around it to be tested alone: real tables and bounds, functions, a
// session, a sink that decodes what is answered, and edges that record what is emitted. One thread.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/flow/emit.h"
#include "schema/messages.h"
#include "schema/replies.h"
#include "stages/events.h"
#include "stages/shared.h"
#include "tests/stages/memory_journal.h"

namespace spillgate::testing {

// Records what an edge carries. While `full`, events go where the wiring puts what may not pass.
template <class E>
class Probe {
 public:
  using Kept = std::function<void(E&&)>;

  [[nodiscard]] flow::Emit<E> emit(Kept kept = {}) {
    return flow::Emit<E>(std::make_unique<Into>(*this, std::move(kept)));
  }
  [[nodiscard]] flow::EmitBack<E> back() {
    return flow::EmitBack<E>(std::make_unique<Into>(*this, Kept()));
  }

  std::vector<E> events;
  bool full = false;

 private:
  class Into final : public flow::Sink<E> {
   public:
    Into(Probe& probe, Kept kept) : probe_(probe), kept_(std::move(kept)) {}
    void Pass(std::span<E> passed, Instant) override {
      for (E& event : passed) {
        if (probe_.full && kept_) {
          kept_(std::move(event));
        } else {
          probe_.events.push_back(std::move(event));
        }
      }
    }

   private:
    Probe& probe_;
    const Kept kept_;
  };
};

// What was answered, in order of arrival, whoever it was for.
class Answered final : public ReplySink {
 public:
  struct Result {
    ConnectionId to;
    wire::ResultHead head;
    std::string bytes;
  };
  struct Other {
    ConnectionId to;
    std::uint32_t correlation;
    Reason reason = Reason::kNone;  // of an Error
    std::string message;
    std::vector<bool> ready;  // of a WaitDone
    bool timed_out = false;
    std::uint32_t count = 0;  // of a Cancelled
    std::uint32_t already_done = 0;
  };

  void Send(ConnectionId to, ByteView frames, std::uint32_t) override;
  [[nodiscard]] bool TakesPushes(ConnectionId) const override { return takes_pushes; }

  // "accepted 3, in_flight 2": the verdicts so far, in words.
  [[nodiscard]] std::string Verdicts() const;
  void Clear();

  bool takes_pushes = true;
  std::vector<wire::Verdict> verdicts;
  std::vector<Result> results;
  std::vector<Other> errors;
  std::vector<Other> waits;
  std::vector<Other> cancels;
  std::vector<wire::TaskStatus> statuses;
  std::size_t sends = 0;
};

class Bench {
 public:
  static constexpr SessionId kSession = 5;
  static constexpr ConnectionId kClient = 77;

  Bench();

  // The id of a new function.
  FunctionId AddFunction(const std::string& name, std::int64_t cpu, std::uint32_t slots = 0,
                         Host host = Host::kThread);
  // A task that has been accepted, with these objects as its arguments.
  TaskPtr Accept(TaskId id, FunctionId function, const std::vector<ObjectId>& args = {},
                 Record* parent = nullptr);
  TaskPtr Accept(std::uint64_t seq, FunctionId function, const std::vector<ObjectId>& args = {}) {
    return Accept(TaskId{kSession, seq}, function, args);
  }
  // Writes its outcome into the table, as publication does.
  void Settle(TaskPtr task, Outcome outcome);
  [[nodiscard]] static Outcome Done(std::string_view value);
  [[nodiscard]] static Outcome Failed(Reason reason, TaskId cause = {});
  void MarkCancelled(TaskId id);

  // What a task of that shape takes of the node.
  [[nodiscard]] NodeTimes Takes(Nanos slot_time,
                                const Resources& shape = Resources{.amount = {kOneSlot}}) const {
    return WorkAccount::Needs(shape, account.total()).ByKind(slot_time);
  }

  [[nodiscard]] Instant now() const { return clock.Now(); }
  [[nodiscard]] Session& session();
  [[nodiscard]] Record* Find(TaskId id);

  ManualClock clock;
  Limits limits;
  CostModel costs;
  RootSpans root_spans;
  WorkAccount account{Resources{.amount = {2000, 1000}}, Tenants::kMost};
  TaskTable table{64};
  Slab<Task> tasks{64};
  Registry<Function> functions{100};
  Registry<Shape> shapes{100};
  Tenants tenants{1000};
  Tally tally{TallyShards{.submission = 2}};
  Gauges gauges;
  flow::Credits requests{100, 1 << 20};
  flow::Credits in_flight{100, 1 << 20};
  flow::Credits spawn_reserve{8, 1 << 20};
  Signals signals;
  Answered answered;
  MemoryJournal journal;
  Shared shared;

 private:
  std::deque<std::vector<ArgRef>> args_;
};

// A batch of one stage's events.
template <class In, class... Events>
[[nodiscard]] std::vector<In> BatchOf(Events&&... events) {
  std::vector<In> batch;
  (batch.emplace_back(std::forward<Events>(events)), ...);
  return batch;
}

}  // namespace spillgate::testing
