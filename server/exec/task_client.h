// TaskClient: what a running task asks of its node, as frames, and how it waits for the answers;
// the same for tasks on threads of the node and in worker processes. One for each thread that runs
// tasks, shared by all tasks that run on its stack, one in the place of the other. That thread's
// only.
//
// A wait ends when it is answered, when its time is over, or when the task should stop. Until
// `patience` has passed (ten times that for a spawn, unless the one before it had to wait for room)
// the task keeps its slot: most answers come at once. Then it is blocked, and its link told so.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "client/sdk/spillgate/function.h"
#include "core/base/buffer.h"
#include "core/base/clock.h"
#include "schema/replies.h"
#include "schema/submit.h"
#include "server/exec/task_link.h"

namespace spillgate {

struct Answer {
  Reason reason = Reason::kNone;
  std::string message;  // for people; empty if all is well
};

struct GetResult {
  Value bytes;  // the value, or a message
  bool answered = false;
  bool settled = false;  // the task has ended
  Reason reason = Reason::kNone;
};

// Why a task may not wait for what it is a part of, for people.
[[nodiscard]] std::string WhyOwnAncestor(TaskId task, TaskId ancestor);

class TaskClient {
 public:
  // `above` names the ancestors of a run that still run: a wait for one of them would never end.
  // Empty where the node knows them and the link does not.
  using Above = std::function<std::vector<TaskId>(const RunState&)>;

  TaskClient(TaskLink& link, const Clock& clock, Nanos patience, Above above)
      : link_(link), clock_(clock), patience_(patience), above_(std::move(above)) {}

  // As in sg_api, which says what they mean.
  [[nodiscard]] Answer Submit(RunState& run, const sg_submission& group, std::span<sg_future> out,
                              std::uint32_t& accepted);
  [[nodiscard]] Answer Get(RunState& run, std::span<const sg_future> futures,
                           std::int64_t timeout_ns, std::vector<GetResult>& results);
  [[nodiscard]] Answer Wait(RunState& run, std::span<const sg_future> futures, std::uint32_t needed,
                            std::int64_t timeout_ns, std::span<std::uint8_t> ready);
  [[nodiscard]] Answer Cancel(RunState& run, std::span<const sg_future> futures);
  [[nodiscard]] Answer Release(RunState& run, std::span<const sg_future> futures);
  [[nodiscard]] Answer Pause(RunState& run, std::int64_t ns);
  void Look() { link_.Look(); }

  // For the link: whole frames with answers. False: they are not what a node sends.
  [[nodiscard]] bool Deliver(ByteView frames);
  // For the link: ends what this task waits for.
  void FailWait(TaskId task, const Answer& why);

 private:
  enum class Kind : std::uint8_t { kVerdicts, kResults, kReady };
  // A question that is waited for, on the stack of who waits.
  struct Pending {
    Kind kind;
    TaskId task;              // that waits
    std::uint32_t first = 0;  // its frames have consecutive correlation numbers from this one on
    std::uint32_t frames = 1;
    std::uint32_t open = 0;  // answers that are still missing
    Answer failure;          // ends all of it
    bool exact = false;  // it goes on when all have ended and not before: one may run in its place
    std::span<const sg_future> futures;
    std::span<GetResult> results;  // kResults: one for each future
    std::vector<std::uint32_t>
        order;                      // kResults: positions of the futures, sorted by what they name
    std::span<std::uint8_t> ready;  // kReady
    std::uint32_t accepted = 0;     // kVerdicts
    std::size_t offered = 0;        // futures that were named to the link, from the last one on

    [[nodiscard]] bool done() const { return open == 0 || failure.reason != Reason::kNone; }
  };

  [[nodiscard]] Answer CheckAncestors(const RunState& run, std::span<const sg_future> futures);
  void AwaitAnswer(RunState& run, Pending& pending, Instant until);
  [[nodiscard]] Nanos PatienceForRoom(const RunState& run) const;
  [[nodiscard]] TaskId NextOffer(Pending& pending) const;
  [[nodiscard]] Answer SubmitSome(RunState& run, const sg_submission& group, FunctionId function,
                                  std::uint32_t& next, const sg_arg*& args, std::uint32_t& accepted,
                                  std::span<sg_future> out);
  void SendWriter(RunState& run, Pending& pending);
  void SendGets(RunState& run, Pending& pending, std::uint64_t timeout_us);
  [[nodiscard]] FunctionId FindFunction(RunState& run, std::string_view name);
  [[nodiscard]] std::uint32_t NextCorrelation(std::uint32_t count = 1);

  [[nodiscard]] Pending* Find(std::uint32_t correlation);
  [[nodiscard]] bool OnFrame(const wire::FrameView& frame);
  void OnVerdict(const wire::Verdict& verdict);
  void OnResult(const wire::ResultHead& head, ByteView bytes);
  void OnReady(Pending& pending, const std::vector<bool>& ready, bool timed_out, Reason reason);

  TaskLink& link_;
  const Clock& clock_;
  const Nanos patience_;
  const Above above_;
  std::uint32_t next_correlation_ = 1;
  std::vector<Pending*> pending_;
  std::map<std::string, FunctionId, std::less<>> functions_;  // found before
  wire::SubmitWriter writer_;
  wire::OutBuffer out_;
};

}  // namespace spillgate
