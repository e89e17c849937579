// Submission: the quotas of clients and tenants. They hold for roots and for what running tasks
// spawn; a root past one is refused, a spawn waits.
#include <algorithm>

#include "stages/quotas.h"
#include "stages/submission.h"

namespace spillgate {
namespace {

constexpr Nanos kMostOwnRetry = std::chrono::seconds(1);

}  // namespace

void Submission::HoldToQuotas(Group& group, Session& session, Instant now) {
  const Tenant& tenant = shared_.tenants.At(session.tenant);
  // The door looks at that bound too, but some of what it lets in may not have been here yet.
  if (!group.children() && group.bytes_each > 0) {
    const flow::Load load = LoadOf(shared_.table, session.tenant, tenant);
    const std::uint32_t room = group.ask.root == 0 ? RoomIn(load, group.ask.cls) : RoomIn(load);
    if (room < group.admitted) {
      GivePlacesBack(group, room, Reason::kQuota);
      group.retry_after = admission_.UntilItsOwnEnd(group.asking(), group.left() - room);
    }
  }
  const std::uint32_t of_client = RoomOfClient(shared_, session);
  if (of_client < group.admitted && !group.from_reserve) {
    GivePlacesBack(group, of_client, Reason::kClientQuota);
    // One of its own has to end first: about when a run like these would.
    group.retry_after = std::clamp(shared_.costs.Estimate(group.ask.function),
                                   Admission::kLeastRetry, kMostOwnRetry);
  }
  // Roots of a tenant that has all of its own were refused before.
  if (group.children() && !group.from_reserve && TenantIsFull(session.tenant, 0) &&
      TenantIsFull(session.tenant, SpawnPlacesFrom(group))) {
    GivePlacesBack(group, 0, Reason::kQuota);
  }
  const RateRoom rate = RoomByRate(shared_, session, now);
  const std::uint32_t room = std::min(rate.client, rate.tenant);
  if (room >= group.admitted) return;
  const std::uint32_t wanted = group.left();
  GivePlacesBack(group, room, Reason::kRate);
  group.retry_after = UntilRate(shared_, session, wanted);
}

void Submission::PayForRate(Session& session, std::uint32_t tasks) {
  session.rate.Take(tasks);
  shared_.table.RateOf(session.tenant).Take(tasks);
}

bool Submission::ClientIsFull(SessionId id) {
  const Session* session = shared_.table.FindSession(id);
  return session != nullptr && RoomOfClient(shared_, *session) == 0;
}

// What its tasks spawn may take more than its part while there is plenty. Of the node's places,
// `held` are of spawns that are not in yet: were they counted, some that wait could find the node
// full because of themselves and each other, all give way, and try again for ever.
bool Submission::TenantIsFull(TenantId id, std::int64_t held) {
  const Tenant& tenant = shared_.tenants.At(id);
  const bool is_tight = (shared_.in_flight.count() - held) * 2 > shared_.in_flight.count_limit();
  return is_tight &&
         shared_.table.unfinished(id) >= tenant.in_flight.load(std::memory_order_relaxed);
}

std::int64_t Submission::SpawnPlacesFrom(const Group& first) const {
  std::int64_t places = 0;
  const auto at = groups_.begin() + (&first - groups_.data());
  for (const Group& group : std::span(at, groups_.end())) places += SpawnPlacesOf(group);
  return places;
}

// Of a session that is gone the quotas hold nobody.
Submission::QuotaRoom Submission::RoomByQuotas(const Group& group, Instant now) {
  MutexLock lock(shared_.table.mutex());
  QuotaRoom room{.tasks = group.left()};
  const auto hold = [&room](std::uint32_t to, Reason bound) {
    if (to < room.tasks) room = {.tasks = to, .bound = bound};
  };
  const Record* parent = shared_.table.Find(group.view.child.parent);
  if (parent != nullptr) {
    const Root& root = *parent->root;
    hold(root.window - std::min(root.window, root.unfinished), Reason::kQuota);
  }
  Session* session = shared_.table.FindSession(group.session);
  if (session == nullptr) return room;
  hold(RoomOfClient(shared_, *session), Reason::kClientQuota);
  if (TenantIsFull(session->tenant, 0)) hold(0, Reason::kQuota);
  const RateRoom rate = RoomByRate(shared_, *session, now);
  hold(std::min(rate.client, rate.tenant), Reason::kRate);
  return room;
}

}  // namespace spillgate
