#include "server/admin/snapshot.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

namespace spillgate::admin {
namespace {

// The ranges of core/model/reason.h.
constexpr std::size_t kFirstRefusal = 1;
constexpr std::size_t kFirstFailure = 32;
constexpr std::size_t kFirstOther = 64;

std::vector<Reason> ReasonsIn(std::size_t first, std::size_t end) {
  std::vector<Reason> reasons;
  for (std::size_t i = first; i < end; ++i) {
    const auto reason = static_cast<Reason>(i);
    if (ToString(reason) != "unknown") reasons.push_back(reason);
  }
  return reasons;
}

template <class Array>
void AddEach(Array& to, const Array& from) {
  std::transform(to.begin(), to.end(), from.begin(), to.begin(), std::plus<>());
}

template <class Array>
std::uint64_t Sum(const Array& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

}  // namespace

void DeferralFigures::Add(const DeferralTally& shard) {
  for (std::size_t i = 0; i < outcomes.size(); ++i) outcomes[i] += shard.outcomes[i].get();
  ages.Add(shard.ages);
}

void Durations::Add(const flow::Histogram& histogram) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += histogram.bucket(i);
  sum_ns += histogram.sum_ns();
}

void Durations::Add(const Durations& other) {
  AddEach(buckets, other.buckets);
  sum_ns += other.sum_ns;
}

std::uint64_t Durations::count() const {
  return Sum(buckets);
}

Nanos Durations::Quantile(double q) const {
  const auto total = static_cast<double>(count());
  if (total == 0) return Nanos(0);
  const double rank = std::clamp(q, 0.0, 1.0) * total;
  double below = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const auto here = static_cast<double>(buckets[i]);
    if (here > 0 && below + here >= rank) {
      if (i == 0) return Nanos(0);
      const double low = std::exp2(static_cast<double>(i) - 1);
      return Nanos(static_cast<std::int64_t>(low * (1 + (rank - below) / here)));
    }
    below += here;
  }
  return Nanos(std::int64_t{1} << (buckets.size() - 1));
}

void StageFigures::Add(const StageFigures& shard) {
  queued += shard.queued;
  held += shard.held;
  capacity += shard.capacity;
  bytes += shard.bytes;
  capacity_bytes += shard.capacity_bytes;
  oldest_age = std::max(oldest_age, shard.oldest_age);
  arrived += shard.arrived;
  left += shard.left;
  AddEach(handled, shard.handled);
  kept += shard.kept;
  dropped += shard.dropped;
  fuses += shard.fuses;
  AddEach(refused, shard.refused);
  batches += shard.batches;
  batch_most = std::max(batch_most, shard.batch_most);
  // The least of those that have learned one.
  if (batch_fits == 0) {
    batch_fits = shard.batch_fits;
  } else if (shard.batch_fits > 0) {
    batch_fits = std::min(batch_fits, shard.batch_fits);
  }
  busy_ns += shard.busy_ns;
  for (std::size_t c = 0; c < kClasses; ++c) {
    wait[c].Add(shard.wait[c]);
    service[c].Add(shard.service[c]);
  }
  AddEach(dry_run_refused, shard.dry_run_refused);
  admits_up_to += shard.admits_up_to;
  retry_after = std::max(retry_after, shard.retry_after);
  rates.in_per_s += shard.rates.in_per_s;
  rates.out_per_s += shard.rates.out_per_s;
  rates.shed_per_s += shard.rates.shed_per_s;
  rates.utilisation += shard.rates.utilisation;
  state = std::max(state, shard.state);
}

std::uint64_t StageFigures::handled_in_all() const {
  return Sum(handled);
}

std::uint64_t StageFigures::refused_in_all() const {
  return Sum(refused);
}

std::string Snapshot::why_not_ready() const {
  if (ready()) return "";
  if (!node.why_not.empty()) return node.why_not;
  return node.draining ? "the node is draining: it finishes what it accepted and takes no new work"
                       : "the node does not accept work yet";
}

std::string_view ToString(StageState state) {
  switch (state) {
    case StageState::kIdle: return "idle";
    case StageState::kOk: return "ok";
    case StageState::kShedding: return "shedding";
    case StageState::kSaturated: return "saturated";
    case StageState::kStalled: return "stalled";
  }
  return "unknown";
}

std::string_view ToString(Fate fate) {
  switch (fate) {
    case Fate::kOpen: return "open";
    case Fate::kDone: return "done";
    case Fate::kFailed: return "failed";
    case Fate::kCancelled: return "cancelled";
    case Fate::kExpired: return "expired";
    case Fate::kForwarded: return "forwarded";
  }
  return "unknown";
}

std::vector<Reason> RefusalReasons() {
  std::vector<Reason> reasons = ReasonsIn(kFirstRefusal, kFirstFailure);
  reasons.push_back(Reason::kQuotaExceeded);  // a spawn, when the reserve is spent
  return reasons;
}

std::vector<Reason> FailureReasons() {
  return ReasonsIn(kFirstFailure, kFirstOther);
}

}  // namespace spillgate::admin
