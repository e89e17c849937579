// Tenants: whose work it is, by name. A tenant has a weight in the fair queue, a bound on its
// unfinished tasks, and quotas for each of its clients and for how fast tasks come. Any thread:
// their numbers are for the life of the node, their settings may change under load.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/tables/registry.h"

namespace spillgate {

// 0 is none. Tasks are roots and what running tasks spawn.
struct Quotas {
  std::uint32_t client_in_flight = 0;  // unfinished tasks of one client
  std::uint32_t rate = 0;              // tasks a second of all its clients
  std::uint32_t client_rate = 0;       // of one
};

struct Tenant {
  // The same, as they are now.
  struct QuotasNow {
    std::atomic<std::uint32_t> client_in_flight{0};
    std::atomic<std::uint32_t> rate{0};
    std::atomic<std::uint32_t> client_rate{0};
  };

  Tenant(std::string name_of, std::uint32_t weight_of, std::uint32_t most)
      : name(std::move(name_of)), weight(weight_of), in_flight(most) {}

  const std::string name;
  // Settings, not state: they are the one thing of a registered tenant that a reload changes.
  mutable std::atomic<std::uint32_t> weight;
  mutable std::atomic<std::uint32_t> in_flight;  // unfinished tasks that it may have
  mutable QuotasNow quotas;
};

class Tenants {
 public:
  static constexpr std::uint32_t kMost = 4096;

  // `in_flight` is the bound of those that are not configured, and of those beyond kMost together.
  explicit Tenants(std::uint32_t in_flight)
      : tenants_(kMost), others_("others", 1, in_flight), default_in_flight_(in_flight) {}

  // The number of a name; 0, "others", when there are too many.
  [[nodiscard]] TenantId Find(std::string_view name) {
    const TenantId known = tenants_.Find(name);
    return known != 0 ? known : Set(name, 1, default_in_flight_.load(std::memory_order_relaxed));
  }
  TenantId Set(std::string_view name, std::uint32_t weight, std::uint32_t in_flight,
               const Quotas& quotas = {}) {
    const TenantId id = tenants_.Add(name, [&](std::uint32_t) -> Tenant {
      return Tenant(std::string(name), weight, in_flight);
    });
    const Tenant& tenant = At(id);
    tenant.weight.store(weight, std::memory_order_relaxed);
    tenant.in_flight.store(in_flight, std::memory_order_relaxed);
    tenant.quotas.client_in_flight.store(quotas.client_in_flight, std::memory_order_relaxed);
    tenant.quotas.rate.store(quotas.rate, std::memory_order_relaxed);
    tenant.quotas.client_rate.store(quotas.client_rate, std::memory_order_relaxed);
    changes_.fetch_add(1, std::memory_order_release);
    return id;
  }
  [[nodiscard]] const Tenant& At(TenantId id) const {
    const Tenant* tenant = tenants_.At(id);
    return tenant == nullptr ? others_ : *tenant;
  }
  // Of those that are not Set.
  void SetDefault(std::uint32_t in_flight) {
    default_in_flight_.store(in_flight, std::memory_order_relaxed);
    others_.in_flight.store(in_flight, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint32_t size() const { return tenants_.size(); }
  // Counts up with every change: whoever keeps copies of weights looks at this first.
  [[nodiscard]] std::uint32_t changes() const { return changes_.load(std::memory_order_acquire); }

 private:
  Registry<Tenant> tenants_;
  Tenant others_;
  std::atomic<std::uint32_t> default_in_flight_;
  std::atomic<std::uint32_t> changes_{0};
};

}  // namespace spillgate
