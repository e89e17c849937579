// ServedSince: what publication's shards have counted of the tasks that ended since it was last
// asked, as submission's controller wants to know it. One for each shard of submission, on its
// thread; publication goes on counting meanwhile, so its parts may be some tasks apart.
#pragma once

#include <cstdint>

#include "core/flow/admission.h"
#include "core/flow/spread.h"
#include "stages/shared.h"

namespace spillgate {

class ServedSince {
 public:
  explicit ServedSince(const Shared& shared);

  [[nodiscard]] flow::Served Take();

 private:
  // Sums over the shards, since the node began.
  struct Sums {
    std::uint64_t ran = 0;
    std::uint64_t timed = 0;
    std::uint64_t service_ns = 0;
    std::uint64_t wait_ns = 0;
    flow::Spread::Counts waits{};
    flow::Spread::Counts responses{};
  };
  [[nodiscard]] Sums Read() const;

  const Shared& shared_;
  const std::int64_t slots_;
  Sums seen_;
};

}  // namespace spillgate
