// Quotas: how many more tasks a tenant or a client may bring, for whoever lets them in and for
// whoever tells clients what they may send.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/flow/admission/class_room.h"
#include "core/model/class.h"
#include "stages/shared.h"

namespace spillgate {

// A tenant's bound on what is unfinished, in the place of the node's.
[[nodiscard]] inline flow::Load LoadOf(const TaskTable& table, TenantId id, const Tenant& tenant) {
  return {.held = static_cast<std::int64_t>(table.unfinished(id)),
          .capacity = tenant.in_flight.load(std::memory_order_relaxed)};
}
// New roots of that class: as of the node's places a lower class may fill a part of it only, or a
// batch of theirs would shut out what matters more.
[[nodiscard]] inline std::uint32_t RoomIn(const flow::Load& load, TaskClass cls) {
  const std::int64_t room = flow::ClassRoom(static_cast<std::uint8_t>(cls), load);
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, room));
}
// Tasks of roots that are there: they may fill all of it.
[[nodiscard]] inline std::uint32_t RoomIn(const flow::Load& load) {
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, load.capacity - load.held));
}
// Any thread: without the table's lock it is as it was a moment ago.
[[nodiscard]] inline std::uint32_t RoomOfTenant(const Shared& shared, TenantId tenant,
                                                TaskClass cls) {
  return RoomIn(LoadOf(shared.table, tenant, shared.tenants.At(tenant)), cls);
}
// How much of what such roots may have of it is taken, 0 to 255, with `more` that were let in and
// are not counted yet. Likewise.
[[nodiscard]] inline std::uint8_t LevelOfTenant(const Shared& shared, TenantId tenant,
                                                TaskClass cls, std::uint32_t more) {
  flow::Load load = LoadOf(shared.table, tenant, shared.tenants.At(tenant));
  load.held += more;
  return flow::LevelOf(load.held, RoomIn(load, cls));
}

// Tasks, by what one client may have unfinished.
[[nodiscard]] inline std::uint32_t RoomOfClient(const Shared& shared, const Session& session)
    REQUIRES(shared.table.mutex()) {
  const auto& quotas = shared.tenants.At(session.tenant).quotas;
  const std::uint32_t most = quotas.client_in_flight.load(std::memory_order_relaxed);
  if (most == 0) return TokenBucket::kNoBound;
  return static_cast<std::uint32_t>(most - std::min<std::uint64_t>(most, session.unfinished));
}
// By how fast tasks of one client may come, and those of its tenant.
struct RateRoom {
  std::uint32_t client = 0;
  std::uint32_t tenant = 0;
};
[[nodiscard]] inline RateRoom RoomByRate(Shared& shared, Session& session, Instant now)
    REQUIRES(shared.table.mutex()) {
  const auto& quotas = shared.tenants.At(session.tenant).quotas;
  TokenBucket& of_tenant = shared.table.RateOf(session.tenant);
  return {.client = session.rate.Room(quotas.client_rate.load(std::memory_order_relaxed), now),
          .tenant = of_tenant.Room(quotas.rate.load(std::memory_order_relaxed), now)};
}

// And how long it is, from when it was last asked, until so many may come.
[[nodiscard]] Nanos UntilRate(Shared& shared, const Session& session, std::uint32_t tasks)
    REQUIRES(shared.table.mutex());

// Results that nobody fetches have a bound for each session and one for the node. Past the node's,
// those sessions are refused first that leave at least as much as sessions do on average, then all.
[[nodiscard]] bool LeavesTooMuch(const Shared& shared, const Session& session)
    REQUIRES(shared.table.mutex());

}  // namespace spillgate
