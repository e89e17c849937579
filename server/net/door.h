// Door: what a connection says before and beside its tasks: Hello, functions, shapes, stats, drain,
// ping. It opens and resumes sessions, and passes every frame about tasks into the submission
// stage, in order, but for new roots that load has no room for: where that stage is on this thread
// its decision is asked for before the frame is copied. Loop's thread only.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/flow/inbox.h"
#include "schema/messages.h"
#include "server/net/connection.h"
#include "server/net/credits.h"
#include "server/net/next_roots.h"
#include "server/net/read_pauses.h"
#include "server/net/refusal_share.h"
#include "server/net/refused_roots.h"
#include "server/net/transit.h"
#include "stages/publication.h"
#include "stages/shared.h"
#include "stages/submission.h"

namespace spillgate::net {

struct DoorOptions {
  std::string node_name;
  std::uint64_t epoch = 0;
  std::uint32_t max_payload = 16 << 20;
  ConnectionLimits limits;  // of a connection that has said Hello
  bool tcp_needs_token = true;
  std::unordered_map<std::string, std::string> tokens;  // by name
  std::vector<std::uint32_t> allow_uids;                // besides our own
  bool tenants_by_name = false;
  std::unordered_map<std::string, std::vector<std::uint32_t>>
      tenant_uids;  // users who may name that tenant, besides
  Nanos handshake = std::chrono::seconds(2);
  std::size_t sessions = 4096;                              // with and without a connection
  std::function<std::string(std::string_view what)> stats;  // JSON
  std::function<TenantId(std::string_view name)> tenant;
  std::function<ShapeId(const std::string& text, std::string& problem)> add_shape;
  std::function<void(ConnectionId)> drain;
};

// A Drain that is not answered yet.
struct PendingDrain {
  std::uint32_t correlation = 0;
  Instant until{};
};

// What the door remembers of a connection.
struct Visitor {
  Connection* connection = nullptr;
  SessionId session = 0;
  TenantId tenant = 0;    // the session's
  std::size_t shard = 0;  // of submission, that has the session
  wire::Token nonce{};
  Instant hello_by = kNever;
  std::uint32_t uid = 0;
  bool welcome = false;
  bool reserved = false;  // in a place that is kept for the operator
  Transit transit;
  CreditWindow credits;
  std::array<NextRoots, kClasses> next_roots;
  Instant joined{};                     // when it last sent tasks that were to join a root
  std::uint32_t refused = 0;            // of its frames, by the door, since the listener looked
  std::uint32_t shed = 0;               // of those, for load alone
  std::vector<wire::Verdict> verdicts;  // on those, as far as they were submissions
  RefusedRoots refused_roots;
  std::uint64_t opened_until = 0;  // roots up to that number may have been let in already
  RefusalShare::Part refusals;
  std::uint32_t frames = 0;  // in the read under way
  Instant last_read;         // when something of a frame last came
  std::optional<PendingDrain> drain;
  ReadPauses pauses;
};

// One that is to be told what it may send.
struct Sender {
  Visitor* visitor = nullptr;
  std::uint64_t room = 0;         // tasks that its client may bring
  std::uint64_t tenant_room = 0;  // and those of its tenant together
  bool awaits_time = false;       // there is none for as long as a rate says
};

class Door {
 public:
  // `admission` is that of each shard of submission, or empty: then the door decides nothing.
  Door(Shared& shared, std::vector<flow::Inbox<Submission::In>*> submission,
       std::vector<Admission*> admission, std::vector<flow::Inbox<Publication::In>*> publication,
       DoorOptions options);

  // In the place of those it was made with; who is in stays in.
  void Apply(DoorOptions options) { options_ = std::move(options); }
  [[nodiscard]] const ConnectionLimits& connection_limits() const { return options_.limits; }

  void Greet(Visitor& visitor, Instant now);
  void OnFrame(Visitor& visitor, const wire::FrameView& frame, ByteView bytes, Instant now);
  // The frames of one read are through: answers those that were refused here.
  void AnswerRefused(Visitor& visitor);
  // Hands on what one read brought; true if submission is full and the connection should not be
  // read for now.
  [[nodiscard]] bool HandOn(Instant now);
  [[nodiscard]] bool HasRoom() const;
  // How many new roots the controller has room for, whoever sends them.
  [[nodiscard]] Shares Places() const;
  // How many tasks each may still bring, by its quotas; one pass under the table's lock.
  void SetRoom(std::vector<Sender>& senders, Instant now);
  // What its tenant's bound and the work that waits leave of such as it sends.
  [[nodiscard]] CreditRound::Party PartyOf(const Sender& sender, Instant now);
  // Somebody has used up so much of what it may send that it should be told again; said once.
  [[nodiscard]] bool TakeWantsCredit() { return std::exchange(wants_credit_, false); }
  [[nodiscard]] CreditRound& credit_round() { return credit_round_; }
  void Tell(Visitor& visitor, const wire::Credits& credits);
  // Answers the visitor's Drain, if there is one and nothing is in flight any more or its time is
  // over; true if there is something to send.
  [[nodiscard]] bool AnswerDrain(Visitor& visitor, Instant now);
  [[nodiscard]] bool awaits_drain() const { return drains_ > 0; }
  void OnGone(const Visitor& visitor, Instant now);
  void OnDrained(const Visitor& visitor);
  // Ends sessions that have been without a connection for too long.
  void ExpireSessions(Instant now, Nanos ttl, Nanos result_ttl);

 private:
  void OnSubmit(Visitor& visitor, const wire::FrameView& frame, ByteView bytes, Instant now);
  void OnOpenRoot(Visitor& visitor, const wire::FrameView& frame, ByteView bytes, Instant now);
  void OnCloseRoot(Visitor& visitor, const wire::FrameView& frame, ByteView bytes, Instant now);
  // That of the visitor's shard, if it may be asked here.
  [[nodiscard]] Admission* AdmissionFor(const Visitor& visitor);
  void Refuse(Visitor& visitor, const wire::Verdict& verdict);
  void PassOn(Visitor& visitor, ByteView bytes, Instant now, Nanos transit,
              bool exceeds_credit = false, const Ruling* ruling = nullptr);
  [[nodiscard]] bool ExceedsCredit(Visitor& visitor, const wire::SubmitPreamble& ask,
                                   std::size_t bytes, Nanos transit, Instant now);
  [[nodiscard]] bool CrowdsOut(Visitor& visitor, const wire::OpenRoot& asked, Nanos transit,
                               Instant now);
  [[nodiscard]] std::optional<std::int64_t> FitsByLoad(const Visitor& visitor, TaskClass cls,
                                                       Instant now);
  void NoteJoinedNone(Visitor& visitor, Session& session, Instant now)
      REQUIRES(shared_.table.mutex());
  [[nodiscard]] bool IsTight() const;
  void OnHello(Visitor& visitor, const wire::FrameView& frame, Instant now);
  [[nodiscard]] std::string_view WhyNot(const Visitor& visitor, const wire::Hello& hello,
                                        std::string& tenant) const;
  [[nodiscard]] bool MayName(std::uint32_t uid, const std::string& tenant) const;
  [[nodiscard]] bool Welcome(Visitor& visitor, const wire::Hello& hello, const std::string& tenant,
                             std::uint32_t correlation);
  [[nodiscard]] bool MakeRoomForSession() REQUIRES(shared_.table.mutex());
  void OnRegister(Visitor& visitor, const wire::FrameView& frame);
  void OnShape(Visitor& visitor, const wire::FrameView& frame);
  void OnStats(Visitor& visitor, const wire::FrameView& frame);
  void OnDrain(Visitor& visitor, const wire::FrameView& frame, Instant now);
  [[nodiscard]] flow::Load InFlight() const;
  void Refuse(Visitor& visitor, std::uint32_t correlation, Reason reason, std::string message);
  template <class E>
  void Tell(E event, std::uint64_t route);

  Shared& shared_;
  std::vector<flow::Inbox<Submission::In>*> submission_;
  std::vector<Admission*> admission_;
  std::vector<flow::Inbox<Publication::In>*> publication_;
  Admission asks_;  // for credits; lets nothing in
  DoorOptions options_;
  std::vector<std::vector<Submission::In>> received_;  // by shard
  std::vector<std::int64_t> received_bytes_;
  std::size_t drains_ = 0;  // not answered yet
  bool wants_credit_ = false;
  CreditRound credit_round_;
};

template <class E>
void Door::Tell(E event, std::uint64_t route) {
  Publication::In for_publication = event;
  publication_[Mix(route) % publication_.size()]->CommitBack({&for_publication, 1});
}

}  // namespace spillgate::net
