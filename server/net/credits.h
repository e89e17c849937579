// Credits: how many root tasks each connection may have sent, as absolute numbers by class, so that
// a client slows down before the node has to refuse. What there is room for, by the places in
// flight and by the work that waits, is shared by those that send: the places by all, the time by
// the connections of a tenant. Where there is less than one for each, tenants get one in turns, and
// of each those that have waited longest; what was given out and not used yet is not given twice. A
// window is told when it has moved by a part worth telling, and again before it expires; of a class
// of which nothing was sent yet, a few, as how many more fit depends on what they are. A connection
// counts in the classes that it sends: what it holds of others it is not about to use. Connections
// that go on past all that they were ever told are served last, of their tenant: what there is room
// for goes to those that hold back for it. Loop's thread.
//
// What was learned from Breakwater (Cho et al., OSDI 2020): the window covers the way to the client
// and back, or slots stand idle while credit travels; and more credit than there is room for, given
// to many that seldom send, comes back as a crowd.
//
// What a connection brings without credit has its part in what there is room for as well
// (opened_roots.h).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "core/base/clock.h"
#include "core/base/hash_map.h"
#include "core/base/ids.h"
#include "core/model/class.h"
#include "schema/messages.h"
#include "server/net/opened_roots.h"

namespace spillgate::net {

using Shares = std::array<std::uint64_t, kClasses>;  // in root tasks
inline constexpr std::uint64_t kAnyNumber = std::numeric_limits<std::uint64_t>::max();

// Of one connection.
class CreditWindow {
 public:
  static constexpr Nanos kTtl = std::chrono::seconds(2);
  static constexpr Nanos kMostTurnaround = OpenedRoots::kHeardWithin;
  // A client is far away, or slow, for so long at most: who lets credit lie for longer had nothing
  // to send. No window is for more than runs in that time beside what may wait.
  static constexpr Nanos kMostSample = std::chrono::milliseconds(100);

  // `transit`: how long before `now` it was sent.
  void NoteSent(TaskClass cls, std::uint32_t count, Instant now, Nanos transit = Nanos(0));
  // So many roots came without credit, as they may.
  void NoteOpened(TaskClass cls, std::uint32_t roots, Instant now);
  // One of them was let in, or was refused because it is more than its share and others hold back.
  void NoteLetIn(TaskClass cls, Instant now) { opened_[Index(cls)].LetIn(now); }
  void NoteTurnedAway(TaskClass cls, Instant now, Nanos transit);
  // It does not listen: of late it has sent more of this class than it could believe that it may,
  // whatever it had heard by then; or it opens roots however often they are refused.
  [[nodiscard]] bool ignores(TaskClass cls, Instant now) const {
    return now < ignores_until_[Index(cls)];
  }
  // Whether more was sent than there was room for when it was told what it may.
  [[nodiscard]] bool Exceeded(TaskClass cls, Instant now) const {
    return now < valid_until_ && sent_[Index(cls)] > allowed_[Index(cls)];
  }
  // Whether it may send no more for now.
  [[nodiscard]] bool Spent(TaskClass cls, Instant now) const {
    return now < valid_until_ && sent_[Index(cls)] >= allowed_[Index(cls)];
  }
  // Whether more came without credit than was left of its share, with so many more.
  [[nodiscard]] bool PastShare(TaskClass cls, Instant now, std::uint64_t more = 0) const {
    return now < valid_until_ && opened_[Index(cls)].Exceeds(more);
  }
  // It has sent something since it was last told.
  [[nodiscard]] bool sends() const {
    for (std::size_t cls = 0; cls < kClasses; ++cls) {
      if (SentSinceTold(cls)) return true;
    }
    return false;
  }
  // Of this class, or it would if it might. One that is told often, for what it sends of others,
  // sends this one until it lets it lie.
  [[nodiscard]] bool Sends(TaskClass cls, Instant now) const {
    if (SentSinceTold(Index(cls))) return true;
    return Waits(cls, now) || (sends() && HasSent(cls) && !LetsLie(cls, now));
  }
  [[nodiscard]] bool HasSent(TaskClass cls) const {
    return sent_[Index(cls)] > 0 || opened_[Index(cls)].any();
  }
  // What it may still send. Its client may believe it to be more, by what it has opened meanwhile.
  [[nodiscard]] std::uint64_t Left(TaskClass cls) const {
    const std::size_t i = Index(cls);
    const std::uint64_t used = sent_[i] + opened_[i].since_told();
    return window_[i] > used ? window_[i] - used : 0;
  }
  // Since it last sent any of this class it could have for a while, so it has none to send. All of
  // that time counts, however often it was told meanwhile that there is none.
  [[nodiscard]] bool LetsLie(TaskClass cls, Instant now) const {
    const std::size_t i = Index(cls);
    return lain_[i] + (Left(cls) > 0 ? now - lies_from_[i] : Nanos(0)) >= kMostTurnaround;
  }
  // It holds back more of this class, if it has any; but not what needs no credit.
  [[nodiscard]] bool Waits(TaskClass cls, Instant now) const {
    const std::size_t i = Index(cls);
    return sent_[i] > 0 && sent_[i] >= window_[i] && !LetsLie(cls, now);
  }
  // It may send less than half of what it was told.
  [[nodiscard]] bool WantsMore(TaskClass cls) const {
    return Left(cls) < told_shares_[Index(cls)] / 2 || Left(cls) == 0;
  }
  // It has sent all that it may of some class, and would perhaps send more.
  [[nodiscard]] bool waits() const {
    for (std::size_t cls = 0; cls < kClasses; ++cls) {
      if (sent_[cls] > 0 && sent_[cls] >= window_[cls]) return true;
    }
    return false;
  }
  // It may send no more of some class, as far as it knows.
  [[nodiscard]] bool at_zero() const {
    for (std::size_t cls = 0; cls < kClasses; ++cls) {
      if (sent_[cls] >= window_[cls]) return true;
    }
    return false;
  }
  [[nodiscard]] Instant told() const { return told_; }
  // When it was last told anything new of this class.
  [[nodiscard]] Instant heard(TaskClass cls) const { return heard_[Index(cls)]; }
  // From when it is told that it may send again until it does; kMostSample at most.
  [[nodiscard]] Nanos turnaround() const { return turnaround_; }

  // What to tell the client now; nothing when that would be no news.
  [[nodiscard]] std::optional<wire::Credits> Renew(const Shares& shares, std::uint8_t load_level,
                                                   Instant now);

 private:
  [[nodiscard]] bool SentSinceTold(std::size_t cls) const {
    return sent_[cls] != sent_when_told_[cls] || opened_[cls].since_told() > 0;
  }

  Shares sent_{};
  Shares sent_when_told_{};
  std::array<OpenedRoots, kClasses> opened_;
  Shares window_{};
  Shares allowed_{};  // more than that of what it has not sent yet
  Shares told_shares_{};
  Shares most_told_{};  // of all windows
  std::array<Instant, kClasses> ignores_until_{};
  std::array<Nanos, kClasses> lain_{};  // how long it had credit since it last sent, before:
  std::array<Instant, kClasses> lies_from_{};
  std::array<Instant, kClasses> heard_{};
  Instant valid_until_{};
  Instant told_{};
  bool was_at_zero_ = false;  // when it was told, and has not sent since
  Nanos turnaround_{0};
};

// What has been given out of the room that some share.
struct Pot {
  // If all of them ignore their windows they are dealt with like any others.
  [[nodiscard]] std::uint64_t sharers() const { return listeners > 0 ? listeners : senders; }

  std::uint64_t senders = 0;
  std::uint64_t listeners = 0;  // of those, that keep to their windows
  std::uint32_t held_back = 0;  // of those, that wait for room
  ConnectionId one = 0;         // of these
  std::uint64_t given = 0;      // to those that use it
  std::uint64_t newcomers = 0;  // that were given some and have sent nothing yet
  std::uint32_t hungry = 0;     // connections that get nothing unless it is their turn
};

// One round of sharing out. Kept from one to the next for its memory.
class CreditRound {
 public:
  // A connection and what there is room for of each class, with what else its tenant sends.
  struct Party {
    CreditWindow* window = nullptr;
    ConnectionId id = 0;
    TenantId tenant = 0;
    std::array<bool, kClasses> kept_out{};  // by what runs, whatever others send
    Shares fits{};
    std::uint64_t own = kAnyNumber;  // that its client may bring, whatever others do
    bool awaits_time = false;        // it may bring more in a while, though nothing ends
    std::uint8_t load_level = 0;     // for such as it sends, 0 to 255
    Shares shares{};
  };

  // `places`: for the roots of all together.
  void Begin(const Shares& places, Instant now);
  void Add(const Party& party);
  // What each may send more.
  [[nodiscard]] std::vector<Party>& Deal();
  // Whether others of the tenant than `but` that keep to their windows still wait for room, after
  // the deal.
  [[nodiscard]] bool HeldBack(TenantId tenant, TaskClass cls, ConnectionId but = 0) const;

 private:
  using Pots = std::array<Pot, kClasses>;
  struct Hungry {
    Party* party = nullptr;
    TaskClass cls{};
    std::uint32_t place = 0;  // among those of its tenant
    Instant served{};         // when its tenant last had its turn
  };

  [[nodiscard]] std::uint64_t ShareOf(const Party& party, std::size_t cls,
                                      const Pot& fellows) const;
  [[nodiscard]] bool IsGivenOut(const Hungry& hungry);
  void DealSingly();
  void SetOrder();

  Shares places_{};
  Instant now_{};
  Pots all_{};
  HashMap<TenantId, Pots> tenants_;
  HashMap<TenantId, Instant> served_;  // singly, at last
  std::vector<Party> parties_;
  std::vector<Hungry> hungry_;
};

}  // namespace spillgate::net
