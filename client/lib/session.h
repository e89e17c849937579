// Session: the client's half of the protocol: what was submitted, what came back, what has to be
// said next. It knows no socket and no thread, and the time only as it is told: the driver calls it
// under its lock, hands it the frames that came, and sends what it writes. docs/protocol.md,
// section 13, is what it does.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "client/lib/client.h"
#include "client/lib/outbox.h"
#include "client/lib/request.h"
#include "client/lib/retry_budget.h"
#include "client/lib/throttle.h"
#include "client/lib/unconfirmed.h"
#include "core/base/hash_map.h"

namespace spillgate::client {

class Session {
 public:
  // `driver` is who futures turn to; a session that is stepped by itself has none.
  Session(const ClientOptions& options, std::uint64_t seed, Driver* driver = nullptr);
  [[nodiscard]] Driver* driver() const { return driver_; }

  // ---- the connection's life
  void OnWelcome(const wire::Welcome& welcome, Instant now);
  void OnLost(Instant now);
  // Gives up: what was sent ends as unknown, what was not with `why`, and so do requests.
  void FailAll(const Failure& why);
  [[nodiscard]] bool has_session() const { return welcome_.session != 0; }
  [[nodiscard]] const wire::Welcome& welcome() const { return welcome_; }
  [[nodiscard]] std::uint64_t handles_epoch() const { return handles_epoch_; }

  // ---- what callers want
  [[nodiscard]] Terms TermsOf(const Function& function, const SubmitOptions& options,
                              Instant now) const;
  [[nodiscard]] TaskState* Submit(const Terms& terms, Args args, const SubmitOptions& options,
                                  Instant now);
  [[nodiscard]] TaskState* Refused(Failure failure);  // a future that has failed already
  [[nodiscard]] TaskState* Put(ByteView value, const PutOptions& options);
  [[nodiscard]] TaskState* OpenRoot(const RootOptions& options, Instant now);
  void CloseRoot(SessionId session, std::uint64_t number);
  // Room for so many more tasks, by the client's own bounds.
  [[nodiscard]] std::uint32_t Room() const;
  void AwaitRoom(Waiter& waiter) { room_waiters_.push_back(&waiter); }
  void StopAwaitingRoom(Waiter& waiter) { std::erase(room_waiters_, &waiter); }
  // `wants_value`: kAtNode is not enough. False: it is so already.
  bool Watch(TaskState& state, Waiter& waiter, bool wants_value);
  // Until it is accepted, or has failed.
  bool WatchVerdict(TaskState& state, Waiter& waiter);
  [[nodiscard]] static bool IsDecided(const TaskState& state) {
    return state.accepted || !state.pending();
  }
  // As far as is known here, of a task of this session.
  [[nodiscard]] bool HasEnded(TaskId task) const;
  static void Unwatch(TaskState& state) { state.waiter = nullptr; }
  void Fetch(TaskState& state, Instant until);
  void MarkAtNode(TaskState& state);
  void Then(TaskState& state, std::function<void()> done);
  // True: done, or noted for when it may be; else the node has to be asked.
  bool CancelHere(TaskState& state);
  void Ask(Request& request);  // `bytes` are encoded with the correlation of NextCorrelation
  void Forget(const Request& request) { requests_.erase(request.correlation); }
  [[nodiscard]] std::uint32_t NextCorrelation() { return outbox_.NextCorrelation(); }
  void Release(std::span<const TaskId> tasks);
  void KnowFunction(const std::string& name, FunctionId id) { functions_[name] = id; }
  void KnowShape(const std::string& text, ShapeId id) { shapes_[text] = id; }
  [[nodiscard]] FunctionId FindFunction(const std::string& name) const;
  [[nodiscard]] ShapeId FindShape(const std::string& text) const;
  void Drop(TaskState* state);  // any thread, without the lock
  void TakeDropped();

  // ---- the driver's turn
  // Appends what is to be said now. `idle`: nothing else will happen soon, so leave nothing over.
  void Collect(Instant now, bool idle, wire::OutBuffer& out);
  // False: no node says such a thing; problem() tells what it was.
  [[nodiscard]] bool OnFrame(const wire::FrameView& frame, Instant now);
  void EndTurn(Instant now);  // after the frames of one read
  void OnTime(Instant now);
  [[nodiscard]] Instant NextTime(Instant now) const;
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // The sleepers that EndTurn and the like have made ready: to be rung without the lock.
  [[nodiscard]] std::vector<const void*>& woken() { return woken_; }
  [[nodiscard]] std::vector<std::function<void()>>& callbacks() { return callbacks_; }

  [[nodiscard]] bool fresh() const;  // there is something to say that Collect has not seen
  [[nodiscard]] bool under_way() const { return outbox_.has_unanswered(); }
  [[nodiscard]] bool has_work() const;  // the node may have something to say, or we to it
  [[nodiscard]] bool has_callbacks() const { return waiting_callbacks_ > 0; }
  [[nodiscard]] std::uint64_t unsent() const { return outbox_.unsent_tasks(); }
  [[nodiscard]] bool HasCredit(TaskClass cls, std::uint32_t tasks, Instant now) const {
    return outbox_.HasCredit(cls, tasks, now);
  }
  [[nodiscard]] std::uint8_t load_level() const { return load_level_; }
  [[nodiscard]] ClientStats stats(Instant now) const;
  [[nodiscard]] std::size_t live_states() const { return pool_.live(); }

 private:
  struct FetchFrame {  // a Get for values of futures
    std::vector<std::uint64_t> seqs;
    std::size_t open = 0;
  };

  // session.cc
  struct Needs {  // what a task needs of its frame
    std::size_t bytes = 0;
    bool large = false;                 // an argument is over the limit
    std::uint64_t newest = 0;           // order of the newest unsent parcel that makes an argument
    const TaskState* latest = nullptr;  // unfinished argument
    const TaskState* failed = nullptr;  // argument that will never be
  };
  [[nodiscard]] Needs NeedsOf(Args args) const;
  [[nodiscard]] bool GoesInline(const Arg& arg) const;
  void WriteArguments(Args args, Parcel& parcel, wire::SubmitWriter& writer);
  void PutLarge(Args args, std::vector<Arg>& into, std::vector<TaskState*>& puts);
  [[nodiscard]] TaskState* FailNew(TaskState* state, Failure failure);
  // What a task fails with that has `argument`, which failed.
  [[nodiscard]] static Failure FailureFrom(const TaskState& argument);

  // session_end.cc: how things end
  void Succeed(TaskState& state, Phase phase);
  void Fail(TaskState& state, Failure failure);
  void End(TaskState& state, Phase phase);
  void Tell(Waiter& waiter);
  void ReleaseEarly(TaskState& state);
  void LetGo(TaskState& state);
  void LetGoAll();
  void SayRelease(TaskState& state);
  void AddRelease(SessionId session, std::uint64_t seq);
  [[nodiscard]] bool IsOutOfTime(const Parcel& parcel, Instant until, Instant now) const;
  void ExpireParcel(Parcel& parcel, Instant now);
  void FailOpen(Parcel& parcel, const Failure& failure);

  // session_verdicts.cc
  [[nodiscard]] bool OnVerdicts(const wire::FrameView& frame, Instant now);
  [[nodiscard]] bool OnVerdict(const wire::Verdict& verdict, Instant now);
  void OnAccepted(TaskState& state);
  void OnRejected(Parcel& parcel, const wire::Verdict& verdict,
                  const std::vector<std::uint32_t>& positions, Instant now);
  [[nodiscard]] static bool WaitsForRoom(const Parcel& parcel, Reason reason);
  [[nodiscard]] bool WaitsForCredit(const Parcel& parcel, Reason reason, Instant now) const;
  [[nodiscard]] Instant DueAgain(const Parcel& parcel, const wire::Verdict& verdict,
                                 const std::vector<std::uint32_t>& positions, bool waits,
                                 Instant now);
  [[nodiscard]] bool MayRetry(const Parcel& parcel, TaskState& state, Reason reason, bool waits,
                              Instant due);
  [[nodiscard]] const TaskState* FailedArgument(const Parcel& parcel, std::uint32_t position) const;
  void OnUnknown(Parcel& parcel, Instant now);
  void Settle(Parcel& parcel);
  [[nodiscard]] static bool IsSure(const Parcel& parcel);
  void RepairDependants(Instant now);
  [[nodiscard]] static bool CameTooEarly(const TaskState& state);
  void GoAgain(TaskState& state, Instant now);
  void Unaccept(TaskState& state);
  void DropUnsent(Instant now);
  [[nodiscard]] Nanos Jittered(Nanos base);
  // So many of them have that verdict, and do not wait for credit.
  void Note(const Parcel& parcel, const wire::Verdict& verdict, std::uint32_t count, Instant now);
  [[nodiscard]] bool ThrottlesNext(TaskClass cls, Instant now);
  [[nodiscard]] Failure Throttled() const;

  // session_replies.cc
  [[nodiscard]] bool OnResults(const wire::FrameView& frame, Instant now);
  void OnResult(TaskState& state, const wire::ResultHead& head, ByteView bytes, Instant now);
  void OnRequestResult(Request& request, const wire::ResultHead& head, ByteView bytes);
  [[nodiscard]] bool OnAnswer(Request& request, const wire::FrameView& frame);
  [[nodiscard]] bool OnError(const wire::FrameView& frame, Instant now);
  void Finish(Request& request);
  void Finish(Request& request, Failure failure);
  [[nodiscard]] Failure FailureOf(const wire::ResultHead& head, ByteView bytes) const;
  bool Wrong(std::string_view what);
  void OnFetchRefused(const FetchFrame& frame, const Failure& why, Instant now);

  // session_connection.cc
  void WriteFetches(Instant now);
  void WriteReleases(wire::OutBuffer& out);
  void WriteCloses();
  void StartRenaming();
  [[nodiscard]] bool OnRenamed(const wire::FrameView& frame);
  void OnRenamed(const wire::Registered& answer, std::uint32_t correlation);
  void OnRenamed(const wire::Shaped& answer, std::uint32_t correlation);
  void FinishRenaming();
  void Reconnect(Instant now);

  const ClientOptions options_;
  Driver* const driver_;
  wire::Welcome welcome_;
  StatePool pool_;
  Outbox outbox_;
  std::atomic<TaskState*> dropped_{nullptr};
  std::vector<TaskState*> let_go_;
  std::vector<Waiter*> room_waiters_;
  HashMap<std::uint32_t, Request*> requests_;
  wire::OutBuffer control_;  // encoded requests that wait to be sent

  struct FetchWish {
    std::uint64_t seq = 0;
    Instant until{};
  };
  std::vector<FetchWish> fetches_;  // to be asked for
  HashMap<std::uint32_t, FetchFrame> fetch_frames_;
  Instant fetch_not_before_{};
  std::vector<wire::Range> releases_;
  Unconfirmed unconfirmed_;
  HashSet<std::uint64_t> detached_;     // dropped; their results are not ours to release
  std::vector<std::uint64_t> closing_;  // roots to close once their tasks have verdicts

  std::map<std::string, FunctionId, std::less<>> functions_;
  std::map<std::string, ShapeId, std::less<>> shapes_;
  struct Renaming {  // after the node has started again: asks anew for all handles
    HashMap<std::uint32_t, std::string> functions;  // by correlation
    HashMap<std::uint32_t, std::string> shapes;
    HashMap<FunctionId, FunctionId> new_functions;  // by the old one
    HashMap<ShapeId, ShapeId> new_shapes;
    bool under_way = false;
  };
  Renaming renaming_;
  std::uint64_t handles_epoch_ = 0;  // of the node that the handles are good for

  std::mt19937_64 random_;
  std::array<Throttle, kClasses> throttles_;
  Failure shed_;  // as the node last refused one
  RetryBudget retry_budget_;
  Instant asked_until_{};  // tasks that wait for room in their root, or for credit, take that much
  std::uint64_t outstanding_ = 0;
  std::size_t held_bytes_ = 0;
  std::uint64_t waiting_callbacks_ = 0;
  std::uint8_t load_level_ = 0;
  bool repair_ = false;          // tasks that others name as arguments have new numbers
  bool unsent_dropped_ = false;  // what waits to be sent may have been cancelled, or cannot run
  bool connected_ = false;
  ClientStats stats_;
  std::string problem_;
  std::vector<const void*> woken_;
  std::vector<std::function<void()>> callbacks_;
};

}  // namespace spillgate::client
