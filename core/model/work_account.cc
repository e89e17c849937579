#include "core/model/work_account.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/check.h"

namespace spillgate {
namespace {

// Far beyond what counts of any task, so that a small part of a resource is not cut short; and
// another slot time can be added to it.
constexpr double kLongest = 4e18;  // ns

// However much more important classes had: what is left is never nothing.
constexpr double kMostAbove = 0.95;

Nanos AsSlotTime(double ns) {
  return Nanos(static_cast<std::int64_t>(std::min(ns, kLongest)));
}

}  // namespace

WorkAccount::Needs::Needs(const Resources& shape, const Resources& total) {
  const auto units = static_cast<double>(SlotUnits(shape));
  slots_ = INT64_MAX;
  cpu_ = shape.amount[kCpu];
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    const std::int64_t amount = shape.amount[kind];
    if (amount == 0 || total.amount[kind] == 0) continue;
    const double part = static_cast<double>(amount) / static_cast<double>(total.amount[kind]);
    needs_[size_++] = {.kind = kind, .node_time = part * static_cast<double>(kOneSlot) / units};
    slots_ = std::min(slots_, std::max<std::int64_t>(1, total.amount[kind] / amount));
  }
  own_ = size_;
  own_slots_ = slots_;
}

// As many roots at a time as keep that busy with what they bring.
void WorkAccount::Needs::Bring(const CostModel::Spawns& spawns) {
  if (spawns.tasks == 0) return;
  const auto tasks = static_cast<double>(spawns.tasks);
  NodeTimes others = spawns.node_time;
  for (std::size_t i = 0; i < own_; ++i) {
    const std::int64_t node_time = std::exchange(others[needs_[i].kind], 0);
    brought_[i] = AsSlotTime(tasks * static_cast<double>(node_time) / needs_[i].node_time);
  }
  const auto each = static_cast<double>(std::max<Nanos::rep>(1, spawns.each.count()));
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    if (others[kind] <= 0 || !spawns.Need(kind)) continue;
    const double part = static_cast<double>(others[kind]) / each;
    brought_[size_] = AsSlotTime(tasks * each);
    needs_[size_++] = {.kind = kind, .node_time = part};
    slots_ = std::min(slots_, std::max<std::int64_t>(1, std::llround(1 / (part * tasks))));
  }
}

NodeTimes WorkAccount::Needs::ByKind(Nanos slot_time) const {
  NodeTimes times{};
  for (std::size_t i = 0; i < size_; ++i) times[needs_[i].kind] = NodeTime(i, slot_time);
  return times;
}

WorkAccount::WorkAccount(const Resources& total, std::uint32_t most_tenants)
    : total_(total),
      most_(most_tenants),
      tenants_(std::make_unique<Place[]>(most_tenants + 1)),
      waiting_(std::make_unique<Gauge[]>(kMostFunctions + 1)),
      held_back_(std::make_unique<Gauge[]>(kMostFunctions + 1)),
      functions_(std::make_unique<OfFunction[]>(kMostFunctions + 1)) {}

WorkAccount::Flow& WorkAccount::Of(TaskClass cls, TenantId tenant) {
  SG_CHECK(tenant <= most_);
  Tenant* flows = tenants_[tenant].load(std::memory_order_acquire);
  if (flows != nullptr) return (*flows)[Index(cls)];
  MutexLock lock(mutex_);
  flows = tenants_[tenant].load(std::memory_order_relaxed);
  if (flows == nullptr) {
    flows = owned_.emplace_back(std::make_unique<Tenant>()).get();
    tenants_[tenant].store(flows, std::memory_order_release);
  }
  return (*flows)[Index(cls)];
}

const WorkAccount::Flow& WorkAccount::At(TaskClass cls, TenantId tenant) const {
  const Tenant* flows = tenant > most_ ? nullptr : tenants_[tenant].load(std::memory_order_acquire);
  return (flows == nullptr ? nobody_ : *flows)[Index(cls)];
}

std::int64_t WorkAccount::TasksBefore(TaskClass cls) const {
  std::int64_t tasks = 0;
  for (std::size_t above = 0; above <= Index(cls); ++above) {
    tasks += classes_[above].tasks.get();
  }
  return tasks;
}

std::int64_t WorkAccount::HeldBackBefore(TaskClass cls) const {
  std::int64_t tasks = 0;
  for (std::size_t above = 0; above <= Index(cls); ++above) {
    tasks += classes_[above].held_back_tasks.get();
  }
  return tasks;
}

double WorkAccount::PartOf(FunctionId function, const Needs& needs, std::size_t which) const {
  if (function > kMostFunctions) return 0;
  std::int64_t all = 0;
  for (const Class& cls : classes_) all += cls.work[needs[which].kind].get();
  const auto own = static_cast<double>(functions_[function].work.get()) * needs[which].node_time;
  return all <= 0 ? 0 : std::min(1.0, own / static_cast<double>(all));
}

void WorkAccount::ShowTaken(const Resources& taken) {
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) taken_[kind].Set(taken.amount[kind]);
}

double WorkAccount::Left(std::size_t kind) const {
  const auto total = static_cast<double>(total_.amount[kind]);
  return total > 0 ? 1 - std::min(1.0, static_cast<double>(taken_[kind].get()) / total) : 0;
}

double WorkAccount::LeftBelow(TaskClass cls, std::size_t kind, Instant now) const {
  double above = 0;
  for (std::size_t i = 0; i < Index(cls); ++i) above += classes_[i].given[kind].Part(now);
  return 1 - std::min(above, kMostAbove);
}

std::int64_t WorkAccount::Promised() const {
  std::int64_t tasks = 0;
  for (const Class& cls : classes_) tasks += cls.promised_tasks.get();
  return tasks;
}

}  // namespace spillgate
