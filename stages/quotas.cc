#include "stages/quotas.h"

#include <algorithm>
#include <limits>

namespace spillgate {

std::uint32_t RoomOfClient(const Shared& shared, const Session& session) {
  const auto& quotas = shared.tenants.At(session.tenant).quotas;
  const std::uint32_t most = quotas.client_in_flight.load(std::memory_order_relaxed);
  if (most == 0) return std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(most - std::min<std::uint64_t>(most, session.unfinished));
}

RateRoom RoomByRate(Shared& shared, Session& session, Instant now) {
  const auto& quotas = shared.tenants.At(session.tenant).quotas;
  TokenBucket& of_tenant = shared.table.RateOf(session.tenant);
  return {.client = session.rate.Room(quotas.client_rate.load(std::memory_order_relaxed), now),
          .tenant = of_tenant.Room(quotas.rate.load(std::memory_order_relaxed), now)};
}

bool LeavesTooMuch(const Shared& shared, const Session& session) {
  const Limits& limits = shared.limits;
  if (session.unfetched >= limits.unfetched_per_session.load(std::memory_order_relaxed) ||
      session.unfetched_bytes >=
          limits.unfetched_bytes_per_session.load(std::memory_order_relaxed)) {
    return true;
  }
  const std::uint64_t all = shared.table.KeptBytes();
  const std::uint64_t most = limits.unfetched_bytes.load(std::memory_order_relaxed);
  if (all < most) return false;
  return TaskTable::KeptBytes(session) * shared.table.sessions().size() >= all ||
         all >= most + most / 4;
}

}  // namespace spillgate
