// Families: builds metric families one after the other, so that those who list metrics write one
// line for each. Names get the common prefix.
#pragma once

#include <prometheus/metric_family.h>

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/admin/snapshot.h"

namespace spillgate::admin {

class Families {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::initializer_list<Label>;

  // Opens a family; what is added next is in it.
  void Gauge(std::string_view name, std::string_view help);
  void Counter(std::string_view name, std::string_view help);
  void Histogram(std::string_view name, std::string_view help);

  void Add(Labels labels, double value);
  void Add(Labels labels, std::uint64_t value) { Add(labels, static_cast<double>(value)); }
  void Add(Labels labels, std::int64_t value) { Add(labels, static_cast<double>(value)); }
  // Buckets end at 2^e nanoseconds, for each `e` of `exponents`, ascending: where the runtime's own
  // end, so that no count has to be guessed.
  void Add(Labels labels, const Durations& durations, std::span<const int> exponents);

  // A family of one series without labels.
  template <class Number>
  void Gauge(std::string_view name, std::string_view help, Number value) {
    Gauge(name, help);
    Add({}, value);
  }
  template <class Number>
  void Counter(std::string_view name, std::string_view help, Number value) {
    Counter(name, help);
    Add({}, value);
  }

  [[nodiscard]] std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  void Open(std::string_view name, std::string_view help, prometheus::MetricType type);
  prometheus::ClientMetric& Child(Labels labels);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace spillgate::admin
