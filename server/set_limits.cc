#include "server/set_limits.h"

namespace spillgate {
namespace {

void SetRetries(Limits& limits, const config::WorkersConfig& from) {
  limits.max_retries = static_cast<std::uint8_t>(from.max_retries);
  limits.poison_deaths = static_cast<std::uint8_t>(from.poison_deaths);
  limits.retry_backoff = from.retry_backoff;
  limits.retry_backoff_max = from.retry_backoff_max;
  limits.retry_budget = from.retry_budget;
}

}  // namespace

Limits& SetLimits(Limits& limits, const config::Config& config) {
  const config::LimitsConfig& from = config.limits;
  limits.deps_per_task = from.deps_per_task;
  limits.ids_per_get = from.ids_per_get;
  limits.nesting_depth = from.nesting_depth;
  limits.root_window = from.root_window;
  limits.inline_value = static_cast<std::uint32_t>(from.inline_value.count);
  limits.unfetched_bytes = from.unfetched_bytes.count;
  limits.unfetched_per_session = from.unfetched_per_session;
  limits.unfetched_bytes_per_session = from.unfetched_bytes_per_session.count;
  limits.value_heap = from.value_heap.count;
  limits.level_max = static_cast<std::uint8_t>(config.journal.level_max);
  limits.park = from.park;
  limits.park_bytes = from.park_bytes.count;
  limits.park_ttl = from.park_ttl;
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    limits.default_deadline_ns[cls] = config.classes[cls].default_deadline.count();
    limits.target_delay_ns[cls] = config.classes[cls].target_delay.count();
    limits.shares[cls] = config.classes[cls].share;
  }
  limits.reserve_after = config.scheduling.reserve_after;
  SetRetries(limits, config.workers);
  limits.changes.fetch_add(1, std::memory_order_release);
  return limits;
}

}  // namespace spillgate
