// Door, third part: what connections may send, and who has sent more.
#include <algorithm>
#include <utility>

#include "server/net/door.h"
#include "stages/quotas.h"

namespace spillgate::net {

bool Door::ExceedsCredit(Visitor& visitor, const wire::SubmitPreamble& ask, std::size_t bytes,
                         Nanos transit, Instant now) {
  // Tasks that join a root need no credit, unless they turn out to be roots. Which do is known when
  // they are recorded, and counted with the next round (SetRoom).
  const bool joins = (ask.flags & wire::kJoin) != 0;
  NextRoots& next = visitor.next_roots[Index(ask.cls)];
  if (ask.root == 0) {
    visitor.credits.NoteSent(ask.cls, ask.count, now, transit);
    next.NoteSent(ask, bytes);
    wants_credit_ = wants_credit_ || visitor.credits.WantsMore(ask.cls);
  } else if (joins) {
    next.NoteJoining(ask, bytes);
    visitor.joined = now;
  }
  const bool past = joins && visitor.credits.PastShare(ask.cls, now, 1);
  const bool exceeded = joins ? past || visitor.credits.Spent(ask.cls, now)
                              : ask.root == 0 && visitor.credits.Exceeded(ask.cls, now);
  if (!exceeded) return false;
  // What one connection sends beyond its window takes nothing from the others while there is
  // plenty.
  const bool crowds_out = (past || visitor.credits.ignores(ask.cls, now)) &&
                          credit_round_.HeldBack(visitor.tenant, ask.cls, visitor.connection->id());
  return crowds_out || IsTight();
}

// To open a root needs no credit, and is not refused for want of it where room is short. But it is
// a root like others, and while some of the tenant hold back for room it waits for its turn as
// they do.
bool Door::CrowdsOut(Visitor& visitor, const wire::OpenRoot& asked, Nanos transit, Instant now) {
  CreditWindow& credits = visitor.credits;
  credits.NoteOpened(asked.cls, 1, now);
  visitor.next_roots[Index(asked.cls)].NoteOpened(asked);
  wants_credit_ = wants_credit_ || credits.WantsMore(asked.cls);
  const bool past = credits.PastShare(asked.cls, now) || credits.ignores(asked.cls, now);
  if (!past || !credit_round_.HeldBack(visitor.tenant, asked.cls, visitor.connection->id())) {
    return false;
  }
  credits.NoteTurnedAway(asked.cls, now, transit);
  return true;
}

bool Door::IsTight() const {
  return shared_.in_flight.count() * 2 > shared_.in_flight.count_limit() ||
         shared_.in_flight.bytes() * 2 > shared_.in_flight.bytes_limit();
}

// As submission shows it to its controller.
flow::Load Door::InFlight() const {
  const flow::Credits& places = shared_.in_flight;
  return {.held = places.count(),
          .bytes = places.bytes(),
          .capacity = places.count_limit(),
          .capacity_bytes = places.bytes_limit(),
          .promised = shared_.account.opened().get()};
}

Shares Door::Places() const {
  const flow::Load load = InFlight();
  Shares places{};
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    const std::int64_t room =
        submission_.front()->controller().Room(static_cast<std::uint8_t>(cls), load);
    places[cls] = static_cast<std::uint64_t>(std::max<std::int64_t>(0, room));
  }
  return places;
}

CreditRound::Party Door::PartyOf(const Sender& sender, Instant now) {
  Visitor& visitor = *sender.visitor;
  CreditRound::Party party{.window = &visitor.credits,
                           .id = visitor.connection->id(),
                           .tenant = visitor.tenant,
                           .own = sender.room,
                           .awaits_time = sender.awaits_time,
                           .load_level = asks_.PlacesTaken()};
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    const auto one = static_cast<TaskClass>(cls);
    const std::uint64_t bound = RoomOfTenant(shared_, visitor.tenant, one);
    party.fits[cls] = std::min(bound, sender.tenant_room);
    const std::optional<std::int64_t> by_load = FitsByLoad(visitor, one, now);
    if (!by_load.has_value()) continue;
    party.kept_out[cls] = asks_.kept_out();
    party.load_level = std::max(party.load_level, asks_.LoadLevel(visitor.tenant, one));
    party.fits[cls] =
        std::min(party.fits[cls], static_cast<std::uint64_t>(std::max<std::int64_t>(0, *by_load)));
  }
  return party;
}

// Of such roots as it sends; nothing if it has sent none.
std::optional<std::int64_t> Door::FitsByLoad(const Visitor& visitor, TaskClass cls, Instant now) {
  const NextRoots& next = visitor.next_roots[Index(cls)];
  const Nanos turnaround = visitor.credits.turnaround();
  if (const std::optional<wire::OpenRoot> opened = next.GuessOpened(); opened.has_value()) {
    return asks_.Fits(*opened, visitor.tenant, turnaround, now);
  }
  const std::optional<wire::SubmitPreamble> ask = next.Guess();
  if (!ask.has_value()) return std::nullopt;
  const Asking like{.ask = *ask, .tenant = visitor.tenant, .bytes = next.bytes()};
  return asks_.Fits(like, turnaround, now);
}

void Door::SetRoom(std::vector<Sender>& senders, Instant now) {
  MutexLock lock(shared_.table.mutex());
  for (Sender& sender : senders) {
    Session* session = shared_.table.FindSession(sender.visitor->session);
    if (session == nullptr) continue;
    NoteJoinedNone(*sender.visitor, *session, now);
    const RateRoom rate = RoomByRate(shared_, *session, now);
    sender.room = std::min(RoomOfClient(shared_, *session), rate.client);
    sender.tenant_room = rate.tenant;
    sender.awaits_time = std::min(rate.client, rate.tenant) == 0;
    // One at a time, whose refusal says why there are no more.
    if (LeavesTooMuch(shared_, *session)) sender.room = std::min<std::uint64_t>(1, sender.room);
  }
}

// Tasks that were to join a root, and are some.
void Door::NoteJoinedNone(Visitor& visitor, Session& session, Instant now) {
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    const std::uint32_t roots = std::exchange(session.joined_none[cls], 0);
    if (roots == 0) continue;
    visitor.credits.NoteOpened(static_cast<TaskClass>(cls), roots, now);
    visitor.next_roots[cls].NoteJoinedNone();
  }
}

void Door::Tell(Visitor& visitor, const wire::Credits& credits) {
  wire::Encode(credits, 0, visitor.connection->out());
}

}  // namespace spillgate::net
