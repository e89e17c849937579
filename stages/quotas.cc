#include "stages/quotas.h"

#include <algorithm>

namespace spillgate {

std::uint32_t RoomOfClient(Shared& shared, Session& session, Instant now) {
  const auto& quotas = shared.tenants.At(session.tenant).quotas;
  std::uint32_t room = std::min(
      session.rate.Room(quotas.client_rate.load(std::memory_order_relaxed), now),
      shared.table.RateOf(session.tenant).Room(quotas.rate.load(std::memory_order_relaxed), now));
  const std::uint32_t most = quotas.client_in_flight.load(std::memory_order_relaxed);
  if (most != 0) {
    const std::uint64_t left = most - std::min<std::uint64_t>(most, session.unfinished);
    room = std::min(room, static_cast<std::uint32_t>(left));
  }
  return room;
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
