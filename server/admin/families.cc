#include "server/admin/families.h"

#include <cmath>

namespace spillgate::admin {

void Families::Open(std::string_view name, std::string_view help, prometheus::MetricType type) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = "spillgate_";
  family.name += name;
  family.help = help;
  family.type = type;
}

void Families::Gauge(std::string_view name, std::string_view help) {
  Open(name, help, prometheus::MetricType::Gauge);
}

void Families::Counter(std::string_view name, std::string_view help) {
  Open(name, help, prometheus::MetricType::Counter);
}

void Families::Histogram(std::string_view name, std::string_view help) {
  Open(name, help, prometheus::MetricType::Histogram);
}

prometheus::ClientMetric& Families::Child(Labels labels) {
  prometheus::ClientMetric& child = families_.back().metric.emplace_back();
  for (const auto& [name, value] : labels) {
    child.label.push_back({std::string(name), std::string(value)});
  }
  return child;
}

void Families::Add(Labels labels, double value) {
  prometheus::ClientMetric& child = Child(labels);
  if (families_.back().type == prometheus::MetricType::Counter) {
    child.counter.value = value;
  } else {
    child.gauge.value = value;
  }
}

void Families::Add(Labels labels, const Durations& durations, std::span<const int> exponents) {
  prometheus::ClientMetric::Histogram& histogram = Child(labels).histogram;
  std::uint64_t below = 0;
  std::size_t next = 0;
  for (const int exponent : exponents) {
    // Bucket e of the runtime ends just below 2^e ns, so all up to and with it are "at most 2^e".
    for (; next <= static_cast<std::size_t>(exponent); ++next) below += durations.buckets[next];
    histogram.bucket.push_back(
        {.cumulative_count = below, .upper_bound = std::ldexp(1e-9, exponent)});
  }
  for (; next < durations.buckets.size(); ++next) below += durations.buckets[next];
  histogram.sample_count = below;
  histogram.sample_sum = static_cast<double>(durations.sum_ns) / 1e9;
}

}  // namespace spillgate::admin
