#include "core/model/cost_model.h"

#include <limits>

#include "core/base/check.h"

namespace spillgate {
namespace {

constexpr Nanos kMostHandover =
    std::chrono::milliseconds(1);            // what takes longer is another matter
constexpr std::uint64_t kMostSpawns = 4096;  // of a root, that are expected

}  // namespace

std::int64_t SlotUnits(const Resources& held) {
  std::int64_t most = 0;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    if (kind != kMemory) most = std::max(most, held.amount[kind]);
  }
  return most > 0 ? most : kOneSlot;
}

Nanos SlotTime(Nanos wall, std::int64_t units) {
  const std::int64_t ns = std::clamp<std::int64_t>(wall.count(), 0, kMostSlotTime.count());
  if (units == kOneSlot) return Nanos(ns);
  // As integers the product of a long run and many units does not fit.
  const double product = static_cast<double>(ns) * static_cast<double>(units) / kOneSlot;
  if (product >= static_cast<double>(kMostSlotTime.count())) return kMostSlotTime;
  return Nanos(static_cast<std::int64_t>(std::max(product, 0.0)));
}

Nanos WallTime(Nanos slot_time, std::int64_t units) {
  if (units == kOneSlot) return slot_time;
  return Nanos(static_cast<std::int64_t>(static_cast<double>(slot_time.count()) * kOneSlot /
                                         static_cast<double>(std::max<std::int64_t>(1, units))));
}

CostModel::Cost& CostModel::CostOf(FunctionId function) {
  SG_CHECK(function <= most_);
  Cost* cost = costs_[function].load(std::memory_order_relaxed);
  if (cost == nullptr) {
    cost = owned_.emplace_back(std::make_unique<Cost>()).get();
    costs_[function].store(cost, std::memory_order_release);
  }
  return *cost;
}

void CostModel::Runs::Learn(std::int64_t slot_time, std::uint64_t root) {
  mean.Add(static_cast<double>(slot_time), root);
  // NOLINTNEXTLINE(bugprone-incorrect-roundings): a mean of times is never negative
  mean_ns.Set(std::max<std::int64_t>(1, static_cast<std::int64_t>(mean.value() + 0.5)));
  spread.Add(Nanos(slot_time));
  if (spread.IsToBeRead()) p95_ns.Set(std::max(spread.P95().count(), mean_ns.get()));
  count.Set(std::min<std::int64_t>(count.get() + 1, kWindow));
}

void CostModel::Runs::LearnSpan(Nanos span) {
  spans.Add(span);
  if (spans.IsToBeRead()) median_span_ns.Set(spans.Median().count());
}

// Null for one whose runs all have been of one size, as those of most functions are: there is
// nothing to tell apart.
CostModel::Runs* CostModel::ToLearnOf(Cost& cost, std::uint8_t size) {
  if (size == CostKey::kAny) return nullptr;
  if (cost.first_size == CostKey::kAny) cost.first_size = size;
  if (cost.sizes.get() == 0 && cost.first_size == size) return nullptr;
  Runs* runs = cost.sized[size].load(std::memory_order_relaxed);
  if (runs == nullptr && sized_.size() < kMostSized) {
    runs = sized_.emplace_back(std::make_unique<Runs>()).get();
    cost.sized[size].store(runs, std::memory_order_release);
    cost.sizes.Add(1);
  }
  return runs;
}

void CostModel::Learn(CostKey key, Nanos wall, std::int64_t units, std::uint64_t root) {
  Cost& cost = CostOf(key.function);
  const std::int64_t seen = SlotTime(wall, units).count();
  cost.all.Learn(seen, root);
  if (Runs* sized = ToLearnOf(cost, key.size)) sized->Learn(seen, root);
}

void CostModel::LearnSpan(CostKey key, Nanos span) {
  Cost& cost = CostOf(key.function);
  cost.all.LearnSpan(span);
  if (Runs* sized = ToLearnOf(cost, key.size)) sized->LearnSpan(span);
}

void CostModel::LearnHandover(FunctionId function, Nanos slot_time) {
  Cost& cost = CostOf(function);
  const auto window = static_cast<std::int64_t>(kWindow);
  const std::int64_t seen = std::clamp(slot_time, -kMostHandover, kMostHandover).count();
  const std::int64_t runs = std::min(cost.handovers.get() + 1, window);
  cost.handover_ns.Add((seen - cost.handover_ns.get()) / runs);
  cost.handovers.Set(runs);
  handover_ns_.Add((seen - handover_ns_.get()) / window);
}

Nanos CostModel::MedianSpan(CostKey key) const {
  const Cost* cost = Find(key.function);
  if (cost == nullptr) return Nanos(0);
  if (cost->sizes.get() == 0) return Nanos(cost->all.median_span_ns.get());
  if (key.size != CostKey::kAny) {
    const Runs* runs = SizedOf(*cost, key.size);
    return runs == nullptr ? Nanos(0) : Nanos(runs->median_span_ns.get());
  }
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::uint8_t size = 0; size < CostKey::kSizes; ++size) {
    const Runs* runs = SizedOf(*cost, size);
    if (runs != nullptr) least = std::min(least, runs->median_span_ns.get());
  }
  return least == std::numeric_limits<std::int64_t>::max() ? Nanos(0) : Nanos(least);
}

void CostModel::LearnRoot(FunctionId function) {
  Cost& cost = CostOf(function);
  if (++cost.roots >= kWindow) {
    cost.roots /= 2;
    cost.spawns /= 2;
    cost.spawned /= 2;
    for (Cost::SpawnedOn& on : cost.spawned_on) {
      on.spawns /= 2;
      on.node_time /= 2;
    }
  }
  ShowSpawns(cost);
}

void CostModel::LearnSpawn(FunctionId root, Nanos slot_time, const NodeTimes& node_time) {
  Cost& cost = CostOf(root);
  ++cost.spawns;
  cost.spawned += static_cast<double>(slot_time.count());
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    if (node_time[kind] <= 0) continue;
    Cost::SpawnedOn& on = cost.spawned_on[kind];
    ++on.spawns;
    on.node_time += static_cast<double>(node_time[kind]);
  }
}

// Those that have not brought all of theirs are counted like the others, so it is a little low.
void CostModel::ShowSpawns(Cost& cost) {
  const std::uint64_t most = std::min<std::uint64_t>(cost.spawns / cost.roots, kMostSpawns);
  cost.spawned_tasks.Set(static_cast<std::int64_t>(most));
  if (cost.spawns == 0) return;
  const auto spawns = static_cast<double>(cost.spawns);
  cost.spawned_ns.Set(static_cast<std::int64_t>(cost.spawned / spawns));
  std::int64_t kinds = 0;
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    Cost::SpawnedOn& on = cost.spawned_on[kind];
    on.mean_ns.Set(static_cast<std::int64_t>(on.node_time / spawns));
    // What hardly any root needs is not what all of them wait for.
    if (2 * on.spawns >= cost.roots) kinds |= std::int64_t{1} << kind;
  }
  cost.spawned_kinds.Set(kinds);
}

CostModel::Spawns CostModel::ReadSpawns(const Cost& cost) {
  Spawns spawns{.tasks = static_cast<std::uint32_t>(cost.spawned_tasks.get()),
                .each = Nanos(cost.spawned_ns.get()),
                .kinds = static_cast<std::uint64_t>(cost.spawned_kinds.get())};
  for (std::size_t kind = 0; kind < kResourceKinds; ++kind) {
    spawns.node_time[kind] = cost.spawned_on[kind].mean_ns.get();
  }
  return spawns;
}

}  // namespace spillgate
