#include "client/lib/lane.h"

#include <algorithm>

#include "client/lib/newest_first.h"

namespace spillgate::client {
namespace {

bool CameBefore(const Parcel* a, const Parcel* b) {
  return a->came != b->came ? a->came < b->came : a->order < b->order;
}

}  // namespace

// What was refused and comes back counts from when it first came.
void Lane::Push(Parcel& parcel, bool last) {
  if (last) return ordered_.push_back(&parcel);
  Line& line = parcel.terms.deadline == kNever ? ordered_ : timed_;
  line.insert(std::upper_bound(line.begin(), line.end(), &parcel, CameBefore), &parcel);
}

void Lane::Erase(const Parcel& parcel) {
  for (Line* line : {&timed_, &ordered_}) {
    if (!line->empty() && line->front() == &parcel) return line->pop_front();
    // What does not go first is mostly the newest.
    const auto found = std::find(line->rbegin(), line->rend(), &parcel);
    if (found != line->rend()) line->erase(std::next(found).base());
  }
}

void Lane::Take(const Parcel& parcel, Instant now) {
  const auto tasks = static_cast<std::int64_t>(parcel.count);
  const bool ordered = !ordered_.empty() && ordered_.front() == &parcel;
  lead_ += ordered ? tasks : -tasks;
  if (ordered_.empty() || !IsLate(now)) lead_ = 0;
  Erase(parcel);
}

bool Lane::IsLate(Instant now) const {
  if (timed_.empty()) return false;
  const Parcel& first = *timed_.front();
  return NewestFirst(first.came, first.terms.deadline, now);
}

bool Lane::TimedIsFirst() const {
  if (timed_.empty() || ordered_.empty()) return ordered_.empty();
  return CameBefore(timed_.front(), ordered_.front());
}

// What was refused comes back behind what needs it, and would never get past it. False: the first
// of the line waits for something else.
bool Lane::PutMakerFirst(Line& line) {
  const Parcel& first = *line.front();
  for (const Argument& argument : first.arguments) {
    Parcel* maker = argument.state->parcel;
    if (maker == nullptr || maker == &first || maker->place != Parcel::Place::kLane) continue;
    const auto found = std::find(line.begin(), line.end(), maker);
    if (found == line.end()) continue;
    line.erase(found);
    line.push_front(maker);
    maker->order = first.order;
    return true;
  }
  return false;
}

}  // namespace spillgate::client
