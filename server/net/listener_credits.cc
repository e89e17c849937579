// Listener, third part: how much each connection may send.
#include <algorithm>

#include "server/net/listener.h"

namespace spillgate::net {
namespace {

// Between two rounds; longer where many connections make a round dear.
constexpr Nanos kLeastPeriod = std::chrono::microseconds(250);
constexpr Nanos kPeriodEach = std::chrono::microseconds(5);
// Room comes with an event, which wakes the loop; but for bounds that change with time alone.
constexpr Nanos kLookAgain = std::chrono::milliseconds(5);

}  // namespace

// Those to whom it matters what they may send.
void Listener::ListSenders(Instant now) {
  senders_.clear();
  for (auto& [id, visitor] : visitors_) {
    const CreditWindow& window = visitor.credits;
    const bool matters = window.sends() || window.at_zero() ||
                         now - window.told() < CreditWindow::kMostTurnaround ||
                         now - visitor.joined < CreditWindow::kMostTurnaround;
    if (!visitor.welcome || visitor.connection->closing() || !matters) continue;
    senders_.push_back({.visitor = &visitor});
  }
  if (!senders_.empty()) door_.SetRoom(senders_, now);
}

void Listener::RenewCredits(Instant now) {
  credit_wanted_ = door_.TakeWantsCredit() || credit_wanted_;
  const Nanos dear = kPeriodEach * static_cast<std::int64_t>(visitors_.size());
  const Instant due = rounded_ + (credit_wanted_ ? dear : std::max(kLeastPeriod, dear));
  if (now < due) {
    if (credit_wanted_) loop_.WakeBy(due);
    return;
  }
  rounded_ = now;
  credit_wanted_ = false;
  CreditRound& round = door_.credit_round();
  round.Begin(door_.Places(), now);
  ListSenders(now);
  for (const Sender& sender : senders_) round.Add(door_.PartyOf(sender, now));
  bool one_waits = false;
  for (const CreditRound::Party& party : round.Deal()) {
    const auto credits = party.window->Renew(party.shares, party.load_level, now);
    // What its own quota holds goes on with the end of a task, which is an event.
    const bool by_event = party.own == 0 && !party.awaits_time;
    one_waits = one_waits || (party.window->waits() && !by_event);
    if (!credits.has_value()) continue;
    door_.Tell(visitors_.at(party.id), *credits);
    dirty_.push_back(party.id);
  }
  if (one_waits) loop_.WakeBy(now + kLookAgain);
}

}  // namespace spillgate::net
