// Door, third part: what connections may send, and who has sent more.
#include <algorithm>

#include "server/net/door.h"
#include "stages/quotas.h"

namespace spillgate::net {

bool Door::ExceedsCredit(Visitor& visitor, const wire::SubmitPreamble& ask, std::size_t bytes,
                         Nanos transit, Instant now) {
  if (ask.root == 0) {
    visitor.credits.NoteSent(ask.cls, ask.count, now, transit);
    visitor.next_roots[Index(ask.cls)].NoteSent(ask, bytes);
    wants_credit_ = wants_credit_ || visitor.credits.WantsMore(ask.cls);
  }
  // Tasks that join a root need no credit, unless they turn out to be roots.
  const bool joins = (ask.flags & wire::kJoin) != 0;
  const bool exceeded = joins ? visitor.credits.Spent(ask.cls, now)
                              : ask.root == 0 && visitor.credits.Exceeded(ask.cls, now);
  if (!exceeded) return false;
  // What one connection sends beyond its window takes nothing from the others while there is
  // plenty.
  const bool crowds_out =
      visitor.credits.ignores(ask.cls, now) && credit_round_.HeldBack(visitor.tenant, ask.cls);
  return crowds_out || IsTight();
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
    const std::optional<wire::SubmitPreamble> next = visitor.next_roots[cls].Guess();
    const std::uint64_t bound = RoomOfTenant(shared_, visitor.tenant, static_cast<TaskClass>(cls));
    party.fits[cls] = std::min(bound, sender.tenant_room);
    if (!next.has_value()) continue;
    const Asking like{
        .ask = *next, .tenant = visitor.tenant, .bytes = visitor.next_roots[cls].bytes()};
    const std::int64_t by_load = asks_.Fits(like, visitor.credits.turnaround(), now);
    party.load_level = std::max(party.load_level, asks_.load_level());
    party.fits[cls] =
        std::min(party.fits[cls], static_cast<std::uint64_t>(std::max<std::int64_t>(0, by_load)));
  }
  return party;
}

void Door::SetRoom(std::vector<Sender>& senders, Instant now) {
  MutexLock lock(shared_.table.mutex());
  for (Sender& sender : senders) {
    Session* session = shared_.table.FindSession(sender.visitor->session);
    if (session == nullptr) continue;
    const RateRoom rate = RoomByRate(shared_, *session, now);
    sender.room = std::min(RoomOfClient(shared_, *session), rate.client);
    sender.tenant_room = rate.tenant;
    sender.awaits_time = std::min(rate.client, rate.tenant) == 0;
    // One at a time, whose refusal says why there are no more.
    if (LeavesTooMuch(shared_, *session)) sender.room = std::min<std::uint64_t>(1, sender.room);
  }
}

void Door::Tell(Visitor& visitor, const wire::Credits& credits) {
  wire::Encode(credits, 0, visitor.connection->out());
}

}  // namespace spillgate::net
