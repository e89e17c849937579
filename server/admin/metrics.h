// Metrics: a snapshot as Prometheus text. Names start with spillgate_ and end in their base unit;
// labels (stage, class, reason, pool, state, ...) come from closed sets, never from clients; every
// series is there from the start, at zero. About 950 series with six stages: the histograms of each
// stage and class are most of them, so their buckets are chosen with care (metrics.cc).
#pragma once

#include <prometheus/collectable.h>

#include <functional>
#include <string>
#include <vector>

#include "server/admin/snapshot.h"

namespace spillgate::admin {

inline constexpr const char* kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

class Metrics final : public prometheus::Collectable {
 public:
  explicit Metrics(std::function<Snapshot()> take) : take_(std::move(take)) {}

  [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override;
  [[nodiscard]] std::string Text() const;

 private:
  const std::function<Snapshot()> take_;
};

}  // namespace spillgate::admin
