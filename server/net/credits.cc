#include "server/net/credits.h"

#include <algorithm>

namespace spillgate::net {
namespace {

// Told again after so long, if the client sends.
constexpr Nanos kRenewAfter = CreditWindow::kTtl / 2;
constexpr std::int64_t kSmoothing = 8;
// That a sender's clock is believed.
constexpr Nanos kMostTransit = OpenedRoots::kMostTransit;
// Told of a class of which a connection has sent nothing yet: how much more fits depends on what it
// will send, which these show.
constexpr std::uint64_t kAtFirst = 64;

// News to a client that sends: kept its pace, it would otherwise come near its end; or it has lost
// a good part.
bool IsNews(std::uint64_t left, std::uint64_t share) {
  return left < share / 2 || left > share + share / 2 + 1;
}

}  // namespace

void CreditWindow::NoteSent(TaskClass cls, std::uint32_t count, Instant now, Nanos transit) {
  const std::size_t i = Index(cls);
  sent_[i] += count;
  opened_[i].Spend(count);
  lain_[i] = Nanos(0);
  lies_from_[i] = now;
  // What it sent before it can have heard, or when its credit had expired, is not held against it.
  // How long that is ago its sender says itself.
  const Nanos since = now - std::min(transit, kMostTransit) - told_;
  const bool knows = now < valid_until_ && since > kMostTurnaround;
  if (knows && sent_[i] > most_told_[i]) ignores_until_[i] = now + kTtl;
  if (!was_at_zero_) return;
  was_at_zero_ = false;
  const Nanos sample = now - told_;
  if (sample > kMostSample) return;
  // Often it had nothing to send, which looks slow: the least tells more.
  turnaround_ = turnaround_ == Nanos(0) || sample < turnaround_
                    ? sample
                    : turnaround_ + (sample - turnaround_) / kSmoothing;
}

void CreditWindow::NoteOpened(TaskClass cls, std::uint32_t roots, Instant now) {
  const std::size_t i = Index(cls);
  opened_[i].Note(roots);
  lain_[i] = Nanos(0);
  lies_from_[i] = now;
}

void CreditWindow::NoteTurnedAway(TaskClass cls, Instant now, Nanos transit) {
  const std::size_t i = Index(cls);
  if (opened_[i].TurnAway(now, transit)) ignores_until_[i] = now + kTtl;
}

std::optional<wire::Credits> CreditWindow::Renew(const Shares& shares, std::uint8_t load_level,
                                                 Instant now) {
  bool news = told_ == Instant() || (sends() && now - told_ > kRenewAfter);
  bool opens = false;
  Shares window{};
  Shares allowed{};
  Shares told{};
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    opened_[cls].Deal(shares[cls]);  // of this its client need not hear
    const std::uint64_t share = sent_[cls] > 0 ? shares[cls] : std::min(shares[cls], kAtFirst);
    told[cls] = share;
    allowed[cls] = sent_[cls] + std::min(shares[cls], kAnyNumber - sent_[cls]);
    window[cls] = sent_[cls] + std::min(share, kAnyNumber - sent_[cls]);
    const std::uint64_t left = Left(static_cast<TaskClass>(cls));
    // One at zero cannot send, so that it would have to ask whether it may.
    opens = opens || (sent_[cls] >= window_[cls] && share > 0 && sent_[cls] > 0);
    news = news || (left == 0 && share > 0);
    news = news || (SentSinceTold(cls) && IsNews(left, share));
  }
  if (!news) return std::nullopt;
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    const std::uint64_t left = Left(static_cast<TaskClass>(cls));
    if (left > 0) lain_[cls] += now - lies_from_[cls];
    lies_from_[cls] = now;
    if (left != told[cls] || told_ == Instant()) heard_[cls] = now;
    most_told_[cls] = std::max(most_told_[cls], window[cls]);
    opened_[cls].Tell();
  }
  window_ = window;
  allowed_ = allowed;
  told_shares_ = told;
  sent_when_told_ = sent_;
  told_ = now;
  was_at_zero_ = opens;
  valid_until_ = now + kTtl;
  return wire::Credits{.window = window,
                       .ttl_ms = static_cast<std::uint32_t>(
                           std::chrono::duration_cast<std::chrono::milliseconds>(kTtl).count()),
                       .load_level = load_level};
}

void CreditRound::Begin(const Shares& places, Instant now) {
  now_ = now;
  places_ = places;
  all_ = {};
  tenants_.clear();
  parties_.clear();
}

void CreditRound::Add(const Party& party) {
  parties_.push_back(party);
  const CreditWindow& window = *party.window;
  const bool hears = now_ - window.told() < CreditWindow::kMostTurnaround;
  if (!hears && !window.sends() && !window.waits()) return;
  Pots& tenant = tenants_[party.tenant];
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    const auto one = static_cast<TaskClass>(cls);
    // One that its own quota holds leaves what there is to the others.
    const bool sender = party.own > 0 && window.Sends(one, now_);
    // Credit that lies for longer is not about to be used.
    const bool may_send = sender || (hears && !window.LetsLie(one, now_));
    if (!may_send) continue;
    Pot& pot = tenant[cls];
    pot.senders += sender ? 1 : 0;
    pot.listeners += sender && !window.ignores(one, now_) ? 1 : 0;
    if (window.HasSent(one)) {
      pot.given += window.Left(one);
      all_[cls].given += window.Left(one);
    } else if (window.Left(one) > 0) {
      ++pot.newcomers;
      ++all_[cls].newcomers;
    }
  }
}

std::uint64_t CreditRound::ShareOf(const Party& party, std::size_t cls, const Pot& fellows) const {
  return std::min({places_[cls] / std::max<std::uint64_t>(1, all_[cls].sharers()),
                   party.fits[cls] / std::max<std::uint64_t>(1, fellows.sharers()), party.own});
}

std::vector<CreditRound::Party>& CreditRound::Deal() {
  hungry_.clear();
  // Of all, those share that share what their tenant has.
  for (const auto& [id, tenant] : tenants_) {
    for (std::size_t cls = 0; cls < kClasses; ++cls) all_[cls].senders += tenant[cls].sharers();
  }
  for (Party& party : parties_) {
    const Pots& fellows = tenants_[party.tenant];
    for (std::size_t cls = 0; cls < kClasses; ++cls) {
      party.shares[cls] = 0;
      const auto one = static_cast<TaskClass>(cls);
      // Where some of its tenant keep to their windows, it has what those leave.
      if (party.window->ignores(one, now_) && fellows[cls].listeners > 0) continue;
      party.shares[cls] = ShareOf(party, cls, fellows[cls]);
      const bool none = places_[cls] == 0 || party.fits[cls] == 0 || party.own == 0;
      if (party.shares[cls] > 0 || none) continue;
      if (party.window->Left(one) > 0) {
        party.shares[cls] = 1;  // it keeps what it has
      } else {
        hungry_.push_back({&party, one});
      }
    }
  }
  if (!hungry_.empty()) DealSingly();
  for (const Party& party : parties_) {
    for (std::size_t cls = 0; cls < kClasses; ++cls) {
      const auto one = static_cast<TaskClass>(cls);
      const bool waits = party.shares[cls] == 0 && party.own > 0 && party.window->Waits(one, now_);
      if (!waits || party.kept_out[cls] || party.window->ignores(one, now_)) continue;
      Pot& pot = tenants_[party.tenant][cls];
      ++pot.held_back;
      pot.one = party.id;
    }
  }
  return parties_;
}

bool CreditRound::HeldBack(TenantId tenant, TaskClass cls, ConnectionId but) const {
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return false;
  const Pot& pot = found->second[Index(cls)];
  return pot.held_back > 1 || (pot.held_back == 1 && pot.one != but);
}

// One of each tenant in turns, so that many connections bring no more than one; of each tenant that
// which has heard nothing of the class for longest.
void CreditRound::SetOrder() {
  std::sort(hungry_.begin(), hungry_.end(), [](const Hungry& a, const Hungry& b) {
    const Instant heard_a = a.party->window->heard(a.cls);
    const Instant heard_b = b.party->window->heard(b.cls);
    return heard_a != heard_b ? heard_a < heard_b : a.party->id < b.party->id;
  });
  for (Hungry& hungry : hungry_) {
    hungry.place = tenants_[hungry.party->tenant][Index(hungry.cls)].hungry++;
    const auto found = served_.find(hungry.party->tenant);
    hungry.served = found == served_.end() ? Instant() : found->second;
  }
  std::stable_sort(hungry_.begin(), hungry_.end(), [](const Hungry& a, const Hungry& b) {
    return a.place != b.place ? a.place < b.place : a.served < b.served;
  });
}

// What newcomers hold takes nothing from those that send, only from each other: whether they will
// use it nobody knows, and many that come at once must not all be told to try.
bool CreditRound::IsGivenOut(const Hungry& hungry) {
  const std::size_t cls = Index(hungry.cls);
  const Pot& all = all_[cls];
  const Pot& tenant = tenants_[hungry.party->tenant][cls];
  const bool newcomer = !hungry.party->window->HasSent(hungry.cls);
  return all.given + (newcomer ? all.newcomers : 0) >= places_[cls] ||
         tenant.given + (newcomer ? tenant.newcomers : 0) >= hungry.party->fits[cls];
}

// There is less than one for each.
void CreditRound::DealSingly() {
  SetOrder();
  for (const Hungry& hungry : hungry_) {
    if (IsGivenOut(hungry)) continue;
    const std::size_t cls = Index(hungry.cls);
    hungry.party->shares[cls] = 1;
    ++all_[cls].given;
    ++tenants_[hungry.party->tenant][cls].given;
    served_[hungry.party->tenant] = now_;
  }
}

}  // namespace spillgate::net
