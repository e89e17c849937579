#include "stages/served_since.h"

namespace spillgate {
namespace {

using Counts = flow::Spread::Counts;

Counts Less(const Counts& now, const Counts& before) {
  Counts since;
  for (std::size_t i = 0; i < since.size(); ++i) since[i] = now[i] - before[i];
  return since;
}

std::uint64_t Sum(const Counts& counts) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  return sum;
}

Nanos LeastOf(const Counts& counts) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) return quarter_octaves::LowerEnd(i);
  }
  return Nanos(0);
}

// Nine of ten are no longer: the upper end of the bucket in which the tenth lies.
Nanos NinetiethOf(const Counts& counts) {
  const std::uint64_t above = Sum(counts) / 10;
  std::uint64_t seen = 0;
  for (std::size_t i = counts.size(); i-- > 0;) {
    seen += counts[i];
    if (seen > above) return quarter_octaves::UpperEnd(i);
  }
  return Nanos(0);
}

Nanos Mean(std::uint64_t sum_ns, std::uint64_t count) {
  return Nanos(count == 0 ? 0 : static_cast<std::int64_t>(sum_ns / count));
}

std::int64_t SlotsOf(const Resources& total) {
  const WorkAccount::Needs one({.amount = {kOneSlot}}, total);
  return one.size() == 0 ? 0 : one.slots();
}

}  // namespace

ServedSince::ServedSince(const Shared& shared)
    : shared_(shared), slots_(SlotsOf(shared.account.total())), seen_(Read()) {}

ServedSince::Sums ServedSince::Read() const {
  Sums sums;
  for (const PublicationTally& shard : shared_.tally.publication) {
    const ServedTally& served = shard.served;
    sums.ran += served.ran.get();
    sums.timed += served.timed.get();
    sums.service_ns += served.service_ns.get();
    sums.wait_ns += served.wait_ns.get();
    served.wait.AddTo(sums.waits);
    served.response.AddTo(sums.responses);
  }
  return sums;
}

flow::Served ServedSince::Take() {
  const Sums now = Read();
  const Counts waits = Less(now.waits, seen_.waits);
  const std::uint64_t samples = Sum(waits);
  const flow::Served served{
      .count = static_cast<std::uint32_t>(now.ran - seen_.ran),
      .samples = static_cast<std::uint32_t>(samples),
      .least_wait = LeastOf(waits),
      .mean_wait = Mean(now.wait_ns - seen_.wait_ns, samples),
      .p90_response = NinetiethOf(Less(now.responses, seen_.responses)),
      .mean_service = Mean(now.service_ns - seen_.service_ns, now.timed - seen_.timed),
      .waiting = shared_.account.TasksBefore(static_cast<TaskClass>(kClasses - 1)),
      .slots = slots_};
  seen_ = now;
  return served;
}

}  // namespace spillgate
