#include "core/store/object_store.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/check.h"
#include "core/base/format.h"

namespace spillgate {

namespace {

constexpr std::size_t kPinsNamed = 3;
constexpr std::size_t kHoldersNamed = 3;

std::string HoldersOf(const StoredObject& object) {
  std::string said;
  for (std::size_t i = 0; i < std::min(kHoldersNamed, object.holders.size()); ++i) {
    const ConnectionId who = object.holders[i].who;
    const char* kind = (who & kTaskConnection) != 0 ? "running task" : "connection";
    said += Format("{}{} {}", i == 0 ? "" : " and ", kind, who & ~kTaskConnection);
  }
  if (object.holders.size() > kHoldersNamed) {
    said += Format(" and {} others", object.holders.size() - kHoldersNamed);
  }
  return said;
}

}  // namespace

ObjectStore::ObjectStore(const Clock& clock, Options options, std::function<void()> wake)
    : clock_(clock),
      options_(options),
      wake_(std::move(wake)),
      memory_(std::min(options.first_bytes, options.bytes)),
      disk_(options.spill_bytes),
      most_(options.bytes) {}

ObjectStore::~ObjectStore() {
  MutexLock lock(mutex_);
  for (const std::list<StoredObject*>& place : places_) SG_CHECK(place.empty());
  SG_CHECK(waiting_.empty() && reading_.empty() && ended_.empty());
}

ObjectStore::Ticket ObjectStore::Create(SessionId owner, ConnectionId holder, std::uint64_t bytes,
                                        Instant deadline, Done done) {
  StoreRequest request{
      .creates = true, .holder = holder, .deadline = deadline, .done = std::move(done)};
  ObjectRef object(std::make_unique<StoredObject>(*this, owner, bytes).release());
  Ticket ticket = 0;
  {
    MutexLock lock(mutex_);
    Enlist(*object.object_);
    request.objects.push_back(std::move(object));
    ticket = Ask(std::move(request));
  }
  Call();
  return ticket;
}

ObjectStore::Ticket ObjectStore::Pin(std::vector<ObjectRef> objects, ConnectionId holder,
                                     Instant deadline, Done done) {
  StoreRequest request{.holder = holder,
                       .deadline = deadline,
                       .objects = std::move(objects),
                       .done = std::move(done)};
  Ticket ticket = 0;
  {
    MutexLock lock(mutex_);
    ticket = Ask(std::move(request));
  }
  Call();
  return ticket;
}

void ObjectStore::Seal(const ObjectPin& pin) {
  MutexLock lock(mutex_);
  pin.object_.object_->sealed = true;
}

bool ObjectStore::Cancel(Ticket ticket) {
  std::optional<StoreRequest> gone;  // ends behind the lock, and with it what it has
  {
    MutexLock lock(mutex_);
    for (Requests* of : {&waiting_, &reading_}) {
      const auto at = of->find(ticket);
      if (at == of->end()) continue;
      End(*of, at);
      gone = std::move(ended_.back());
      ended_.pop_back();
      break;
    }
  }
  return gone.has_value();
}

void ObjectStore::Tick() {
  const Instant now = clock_.Now();
  {
    MutexLock lock(mutex_);
    if (now >= first_deadline_) {
      first_deadline_ = kNever;
      EndExpired(waiting_, now);
      EndExpired(reading_, now);
    }
    Serve();
  }
  Call();
}

void ObjectStore::Grow(std::uint64_t bytes) {
  {
    MutexLock lock(mutex_);
    memory_.Grow(bytes);
    most_ = std::max(most_, memory_.bytes());
    Serve();
  }
  Call();
}

void ObjectStore::GrowNoMore() {
  {
    MutexLock lock(mutex_);
    most_ = memory_.bytes();
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      const auto each = at++;
      each->second.error = NeverFits(each->second);
      if (each->second.error.has_value()) End(waiting_, each);
    }
    Serve();
  }
  Call();
}

// ---- requests

ObjectStore::Ticket ObjectStore::Ask(StoreRequest request) {
  const Ticket ticket = ++last_ticket_;
  if ((request.error = Unusable(request)).has_value()) {
    ended_.push_back(std::move(request));
  } else if (AllReadable(request)) {
    // It takes no room, so it need not wait behind those that do.
    request.pins.resize(request.objects.size());
    for (std::size_t i = 0; i < request.objects.size(); ++i) AddPin(ticket, request, i);
    ended_.push_back(std::move(request));
  } else if ((request.error = NeverFits(request)).has_value()) {
    ended_.push_back(std::move(request));
  } else if (waiting_.size() >= options_.most_waiting) {
    request.error =
        OutOfStore(request, Format("{} requests wait for room already", waiting_.size()));
    ended_.push_back(std::move(request));
  } else {
    first_deadline_ = std::min(first_deadline_, request.deadline);
    waiting_.emplace(ticket, std::move(request));
    Serve();
  }
  return ticket;
}

bool ObjectStore::AllReadable(const StoreRequest& request) const {
  return std::ranges::all_of(request.objects,
                             [](const ObjectRef& each) { return each.object_->readable(); });
}

std::optional<Error> ObjectStore::Unusable(const StoreRequest& request) const {
  for (const ObjectRef& each : request.objects) {
    if (each.object_->lost) {
      return Error{Code::kCorrupt,
                   "the object is lost: who made it ended before it was finished, or the disk did "
                   "not give it back"};
    }
    if (!each.object_->sealed && !request.creates) {
      return Error{Code::kInvalid,
                   "the object is not sealed yet: who makes it has to be done first"};
    }
  }
  return std::nullopt;
}

std::optional<Error> ObjectStore::NeverFits(const StoreRequest& request) const {
  std::vector<const StoredObject*> objects;
  for (const ObjectRef& each : request.objects) objects.push_back(each.object_);
  std::ranges::sort(objects);
  const auto again = std::ranges::unique(objects);
  objects.erase(again.begin(), again.end());
  // One alone may be less than all and still not be given as one block.
  const std::uint64_t most = objects.size() == 1 ? FreeSpace::Whole(most_) : most_;
  std::uint64_t together = 0;
  for (const StoredObject* each : objects) {
    if (together <= most) together += FreeSpace::Rounded(each->size);
  }
  if (together <= most) return std::nullopt;
  return Error{Code::kInvalid,
               Format("{} object{} of {} bytes or more together never fit the store, which has {}: "
                      "make it larger (store.bytes), or ask for less at a time",
                      objects.size(), objects.size() == 1 ? "" : "s", together, most)};
}

void ObjectStore::Serve() {
  while (!waiting_.empty()) {
    const auto first = waiting_.begin();
    const Got got = Acquire(first->first, first->second);
    if (got == Got::kNotYet) break;
    if (got == Got::kNone || first->second.reading == 0) {
      End(waiting_, first);
    } else {
      reading_.insert(waiting_.extract(first));
    }
  }
  PlanCopies();
}

// Goes on where it had to stop. What is there is pinned before room is made for the others, which
// could push it out.
ObjectStore::Got ObjectStore::Acquire(Ticket ticket, StoreRequest& request) {
  if (!std::exchange(request.gathers, true)) {
    request.pins.resize(request.objects.size());
    for (std::size_t i = 0; i < request.objects.size(); ++i) {
      const StoredObject& object = *request.objects[i].object_;
      if (object.here && !object.lost) AddPin(ticket, request, i);
    }
  }
  for (; request.next < request.objects.size() && !request.error.has_value(); ++request.next) {
    if (!request.pins[request.next].empty()) continue;
    StoredObject& object = *request.objects[request.next].object_;
    if (object.lost) {
      request.error = Unusable(request);
      break;
    }
    if (!object.here) {
      const std::optional<FreeSpace::Block> block = MakeRoom(object.size);
      if (!block.has_value()) return Got::kNotYet;
      Alter(object, [&] {
        object.here = true;
        object.memory = *block;
      });
      if (object.copied) ReadIn(object);
      if (request.creates) ++figures_.created;
    }
    AddPin(ticket, request, request.next);
  }
  return request.error.has_value() ? Got::kNone : Got::kAll;
}

// It is called next, with its error or its pins.
void ObjectStore::End(Requests& of, Requests::iterator at) {
  StoreRequest& request = at->second;
  if (request.reading > 0) {
    for (const ObjectRef& each : request.objects) std::erase(each.object_->readers, at->first);
  }
  ended_.push_back(std::move(request));
  of.erase(at);
}

void ObjectStore::EndExpired(Requests& of, Instant now) {
  for (auto at = of.begin(); at != of.end();) {
    const auto each = at++;
    StoreRequest& request = each->second;
    if (now < request.deadline) {
      first_deadline_ = std::min(first_deadline_, request.deadline);
      continue;
    }
    if (&of == &reading_) {
      request.error = Error{Code::kTimeout,
                            "the disk has not given the object back by the deadline: try again"};
    } else {
      request.error = OutOfStore(request, "there was no room by the deadline");
    }
    End(of, each);
  }
}

Error ObjectStore::OutOfStore(const StoreRequest& request, std::string_view why) const {
  std::uint64_t wanted = 0;
  for (const ObjectRef& each : request.objects) wanted += each.size();
  const std::string disk = figures_.last_failure.empty()
                               ? Format("{} of {} on disk", disk_.used(), disk_.bytes())
                               : "the disk failed: " + figures_.last_failure;
  return {Code::kExhausted,
          Format("out of store: {}. {} bytes are wanted; of the store's {} {} are in use, {} of "
                 "them pinned{}; {}. Let go of what is not needed, or make the store larger "
                 "(store.bytes, store.spill_bytes)",
                 why, wanted, memory_.bytes(), memory_.used(), figures_.all.pinned, LargestPins(),
                 disk)};
}

std::string ObjectStore::LargestPins() const {
  const auto& held = places_[static_cast<std::size_t>(Place::kHeld)];
  std::vector<const StoredObject*> largest(kPinsNamed);
  const auto end = std::partial_sort_copy(
      held.begin(), held.end(), largest.begin(), largest.end(),
      [](const StoredObject* a, const StoredObject* b) { return a->size > b->size; });
  largest.erase(end, largest.end());
  std::string said;
  for (const StoredObject* each : largest) {
    said += Format("{}{} bytes by {}", said.empty() ? " (the most: " : ", ", each->size,
                   HoldersOf(*each));
  }
  return said.empty() ? said : said + ")";
}

// One thread at a time, so that answers come in order, and what they do here does not nest.
void ObjectStore::Call() {
  for (;;) {
    std::vector<StoreRequest> ended;
    bool wakes = false;
    {
      MutexLock lock(mutex_);
      if (calling_ || !HasCalls()) return;
      calling_ = true;
      ended.swap(ended_);
      wakes = std::exchange(wakes_, false);
      for (const StoreRequest& each : ended) {
        figures_.refused += each.error.has_value() && each.error->code == Code::kExhausted;
      }
    }
    if (wakes) wake_();
    for (StoreRequest& each : ended) {
      if (each.error.has_value()) {
        each.done(std::move(*each.error));
      } else {
        each.done(std::move(each.pins));
      }
    }
    ended.clear();
    MutexLock lock(mutex_);
    calling_ = false;
  }
}

}  // namespace spillgate
