// Outbox: what is on its way to the node and must be answered. It puts tasks that follow each other
// into frames, gives out numbers, holds frames back while the node gives no credit for them, keeps
// them until their verdicts, and makes new frames of tasks that have to go again. Knows no socket
// and no thread; all under the driver's lock.
//
// Order: parcels of one lane (a class of root tasks; or all that needs no credit) leave in the
// order in which they began, or in a lasting overload the newest first (lane.h), and none before
// one that makes an argument of its own. Numbers: a node
// remembers the last 65,536 of a session, so none runs that far ahead of what is unanswered.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "client/lib/lane.h"
#include "client/lib/number_table.h"
#include "client/lib/parcel.h"

namespace spillgate::client {

inline std::uint64_t SeqOf(const TaskState& state) {
  return state.seq.load(std::memory_order_relaxed);
}
inline std::uint64_t CorrelationOf(const Parcel& parcel) {
  return parcel.correlation;
}

class Outbox {
 public:
  static constexpr std::uint8_t kFreeLane = kClasses;

  struct Bounds {
    std::uint32_t batch = 4096;  // tasks in a frame
    std::size_t payload = 1 << 20;
    bool waits = true;  // for credit; else verdicts tell, and none is sent that has no credit
  };

  Outbox();
  void SetBounds(const Bounds& bounds) { bounds_ = bounds; }

  // ---- filling
  // An open parcel with these terms and room for a task with so much; null if none could ever hold
  // it. `newest`: order of the newest unsent parcel that makes an argument of the task. The task is
  // then written with writer() and added.
  [[nodiscard]] Parcel* ParcelFor(const Terms& terms, std::size_t args, std::size_t bytes,
                                  std::uint64_t newest, Instant now);
  [[nodiscard]] wire::SubmitWriter& WriterOf(const Parcel& parcel);
  void Add(Parcel& parcel, TaskState& state, std::size_t charged);
  void AddPut(TaskState& state, Level level, std::uint16_t flags, ByteView value);
  void AddRoot(TaskState& state, const wire::OpenRoot& ask, Instant deadline, Instant now);
  // Argument `index` of the task that is being written is a result of `state`.
  static void Pin(Parcel& parcel, TaskState& state, std::uint32_t index);

  // ---- sending
  void Send(Instant now, wire::OutBuffer& out);
  [[nodiscard]] bool fresh() const { return fresh_; }  // something came since the last Send
  [[nodiscard]] std::uint64_t unsent_tasks() const { return unsent_tasks_; }
  [[nodiscard]] bool has_unanswered() const { return sent_first_ != nullptr; }
  [[nodiscard]] std::size_t charged() const { return charged_; }
  [[nodiscard]] std::uint64_t frames_sent() const { return frames_sent_; }
  [[nodiscard]] std::uint64_t tasks_resent() const { return tasks_resent_; }
  void OnCredits(const wire::Credits& credits, Instant now);
  [[nodiscard]] bool HasCredit(TaskClass cls, std::uint32_t tasks, Instant now) const;
  [[nodiscard]] bool gives_credit() const { return credit_.awaited; }  // the node, that is
  // Whether it goes only with credit: a root task, at a node that gives some.
  [[nodiscard]] bool NeedsCredit(const Parcel& parcel) const {
    return parcel.lane < kFreeLane && credit_.awaited;
  }
  [[nodiscard]] Instant NextDue(Instant now) const;  // when time alone lets something go, or expire
  [[nodiscard]] std::uint32_t NextCorrelation();

  // ---- verdicts
  [[nodiscard]] Parcel* Find(std::uint32_t correlation) const { return parcels_.Find(correlation); }
  [[nodiscard]] TaskState* FindTask(std::uint64_t seq) const { return tasks_.Find(seq); }
  void Forget(const TaskState& state) { tasks_.Erase(SeqOf(state)); }
  // One task of it has a verdict, or will have none.
  void Answer(Parcel& parcel);
  void Keep(Parcel& parcel);  // all have, but it must not be forgotten yet
  // It is done with. What it held and nothing holds any more is added to `let_go`.
  void Retire(Parcel& parcel, std::vector<TaskState*>& let_go);
  void Resend(Parcel& parcel, Instant due);  // the whole of it, under the same numbers
  // New numbers for these tasks of `from`, in a new parcel that goes at `due`. `waits_since`: for
  // room or credit; kNever: it waits for neither.
  void Reissue(Parcel& from, std::span<const std::uint32_t> positions, const Terms& terms,
               Instant due, Instant waits_since = kNever);

  // ---- waiting
  // Of tasks that have not been sent for want of credit, or of room in their root.
  struct Waits {
    std::uint64_t now = 0;
    Instant since = kNever;  // the one of those that has waited longest
    std::uint64_t sent = 0;  // after they had waited, so often
    Nanos time{0};           // that those waited together
  };
  [[nodiscard]] Waits waits() const;
  // Since when that one does; kNever: it does not.
  [[nodiscard]] Instant WaitsSince(const Parcel& parcel) const;

  // ---- the connection's life
  void Connected();  // again: what is unanswered goes once more, before all else
  void Begin(SessionId session, std::uint64_t next_seq);

  // Every parcel that is not done with, in no order.
  [[nodiscard]] std::vector<Parcel*> Everything() const;
  [[nodiscard]] const std::deque<Parcel*>& kept() const { return kept_; }
  [[nodiscard]] const NumberTable<TaskState, &SeqOf>& tasks() const { return tasks_; }

 private:
  struct Slot {  // an open parcel and what writes it
    Parcel* parcel = nullptr;
    wire::SubmitWriter writer;
  };
  static constexpr std::size_t kSlots = 4;

  struct Credit {
    std::uint64_t told = 0;  // times, on this connection; without any nothing is known
    bool awaited = false;    // the node has told some before, so it will again
    Instant expires{};
    std::array<std::uint64_t, kClasses> window{};
    std::array<std::uint64_t, kClasses> sent{};        // on this connection
    std::array<std::uint64_t, kClasses> unanswered{};  // of those
    std::array<std::uint64_t, kClasses> queued{};      // never sent
    std::array<Instant, kClasses> wanting{};           // when there was none for what was next
  };

  [[nodiscard]] Parcel& NewParcel(Parcel::Kind kind, const Terms& terms);
  void Free(Parcel& parcel);
  void Remove(Parcel& parcel);
  [[nodiscard]] Slot& FreeSlot();
  void Close(Parcel& parcel);
  void Enqueue(Parcel& parcel);
  void PushToLane(Parcel& parcel);
  void Encode(Parcel& parcel, wire::SubmitWriter& writer);
  void GiveNumber(TaskState& state, std::uint64_t seq);
  void Place(Parcel& parcel, TaskState& state);
  void CopyTasks(const Parcel& from, std::span<const std::uint32_t> positions, Parcel& to);
  void CopyArguments(const Parcel& from, std::uint32_t position, std::span<const ArgRef> args,
                     ByteView payload, Parcel& to);
  void CountUnsent(const Parcel& parcel, std::int64_t tasks);
  void CountUnanswered(const Parcel& parcel, std::int64_t tasks);

  // outbox_send.cc
  void TakeDue(Instant now);
  bool SendNext(std::uint8_t lane, Instant now, wire::OutBuffer& out);
  [[nodiscard]] std::uint64_t Room(const Parcel& parcel, Instant now) const;
  [[nodiscard]] bool MaySend(const Parcel& parcel) const;
  void Refresh(Parcel& parcel);
  void Renumber(Parcel& parcel, std::span<TaskState* const> tasks);
  Parcel* Split(Parcel& parcel, std::uint32_t first);
  void Write(Parcel& parcel, Instant now, wire::OutBuffer& out);
  void PushLater(Parcel& parcel, Instant due);

  Bounds bounds_;
  NumberTable<TaskState, &SeqOf> tasks_;
  NumberTable<Parcel, &CorrelationOf> parcels_;
  std::array<Slot, kSlots> slots_;
  std::array<Lane, kClasses + 1> lanes_;  // never sent
  std::deque<Parcel*> again_;             // to be sent once more
  std::vector<Parcel*> later_;            // a heap by `due`
  std::deque<Parcel*> kept_;
  Parcel* sent_first_ = nullptr;  // and not done
  Parcel* sent_last_ = nullptr;
  std::vector<std::unique_ptr<Parcel>> all_;
  std::vector<Parcel*> free_;
  wire::SubmitWriter writer_;  // for what is encoded at once

  SessionId session_ = 0;
  std::uint64_t next_seq_ = 1;
  std::uint64_t greatest_sent_ = 0;
  std::uint64_t next_order_ = 1;
  std::uint32_t next_correlation_ = 0;
  std::uint64_t renames_ = 0;
  std::uint64_t unsent_tasks_ = 0;
  std::size_t charged_ = 0;
  std::uint64_t frames_sent_ = 0;
  std::uint64_t tasks_resent_ = 0;
  bool fresh_ = false;
  Credit credit_;
  Waits waited_;  // of those that were sent
};

}  // namespace spillgate::client
