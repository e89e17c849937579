// Lane: parcels that wait to be sent, and which of them goes next. Those that have a deadline and
// need credit go in the order in which they came until that makes them late, and then the newest
// first (newest_first.h). All others keep their order, in a line of their own: they are never late.
// While the newest go first the two lines take turns, task by task, so that neither waits for ever
// behind the other. Of the outbox, under the driver's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "client/lib/parcel.h"

namespace spillgate::client {

class Lane {
 public:
  // `last`: behind all that are in the lane; else by when it came.
  void Push(Parcel& parcel, bool last);
  void Erase(const Parcel& parcel);
  // It goes now.
  void Take(const Parcel& parcel, Instant now);

  [[nodiscard]] bool empty() const { return timed_.empty() && ordered_.empty(); }
  // Of the parcel that goes next while nothing is late.
  [[nodiscard]] std::uint64_t order() const {
    return TimedIsFirst() ? timed_.front()->order : ordered_.front()->order;
  }

  // The next of those that `may` go. Null: what stands first waits for something else, and so does
  // what is behind it.
  template <class May>
  [[nodiscard]] Parcel* Next(Instant now, const May& may) {
    if (!IsLate(now)) return NextInOrder(TimedIsFirst() ? timed_ : ordered_, may);
    if (!ordered_.empty() && lead_ <= 0) {
      if (Parcel* parcel = NextInOrder(ordered_, may)) return parcel;
    }
    for (auto at = timed_.rbegin(); at != timed_.rend(); ++at) {
      if (may(**at)) return *at;
    }
    return ordered_.empty() ? nullptr : NextInOrder(ordered_, may);
  }

  // Of those without credit or deadline the newest that `may` go, of a few, for when the first one
  // waits for what makes an argument of it. Those that are sent newest first have theirs at the
  // end.
  template <class May>
  [[nodiscard]] Parcel* PastTheFirst(const May& may) const {
    std::size_t looks = kMostLooks;
    for (auto at = ordered_.rbegin(); at != ordered_.rend() && looks > 0; ++at, --looks) {
      if (may(**at)) return *at;
    }
    return nullptr;
  }

  template <class Visit>
  void ForEach(const Visit& visit) const {
    for (Parcel* parcel : timed_) visit(*parcel);
    for (Parcel* parcel : ordered_) visit(*parcel);
  }

 private:
  using Line = std::deque<Parcel*>;
  static constexpr std::size_t kMostLooks = 64;

  template <class May>
  [[nodiscard]] static Parcel* NextInOrder(Line& line, const May& may) {
    while (!may(*line.front())) {
      if (!PutMakerFirst(line)) return nullptr;
    }
    return line.front();
  }
  [[nodiscard]] static bool PutMakerFirst(Line& line);
  [[nodiscard]] bool IsLate(Instant now) const;
  [[nodiscard]] bool TimedIsFirst() const;

  Line timed_;
  Line ordered_;
  std::int64_t lead_ = 0;  // tasks that ordered_ has sent more than timed_, since both take turns
};

}  // namespace spillgate::client
