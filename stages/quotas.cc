#include "stages/quotas.h"

#include <algorithm>

namespace spillgate {

Nanos UntilRate(Shared& shared, const Session& session, std::uint32_t tasks) {
  const auto& quotas = shared.tenants.At(session.tenant).quotas;
  const std::uint32_t client = quotas.client_rate.load(std::memory_order_relaxed);
  const std::uint32_t tenant = quotas.rate.load(std::memory_order_relaxed);
  return std::max(session.rate.Until(tasks, client),
                  shared.table.RateOf(session.tenant).Until(tasks, tenant));
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
