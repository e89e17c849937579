// RootSpans: how long whole roots take that begin with a task of a function whose tasks spawn: from
// the beginning of that task to the end of the last, with all that they wait for meanwhile. What
// the function itself costs says little of that. By class, as the less important one has to wait
// for others between its tasks. Under load roots take longer; whoever goes by it lets in less then.
//
// From the first root that grew on, all of its function and class count, also those of one task.
// One stage learns, on its thread; any thread may ask. Every call is O(1) but one learning in
// eight, which looks at 128 counts. Memory grows with the functions whose tasks spawn: 1.1 KB each.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/clock.h"
#include "core/base/gauge.h"
#include "core/base/ids.h"
#include "core/model/class.h"
#include "core/model/function.h"
#include "core/model/spread.h"

namespace spillgate {

class RootSpans {
 public:
  // Function ids are at most `most`.
  explicit RootSpans(std::uint32_t most = kMostFunctions)
      : functions_(std::make_unique<Place[]>(most + 1)), most_(most) {}

  // `grew`: a task of it spawned others.
  void Learn(FunctionId function, TaskClass cls, Nanos span, bool grew) {
    if (function > most_) return;
    Spans* spans = functions_[function].load(std::memory_order_relaxed);
    if (spans == nullptr) {
      if (!grew) return;
      spans = owned_.emplace_back(std::make_unique<Spans>()).get();
      functions_[function].store(spans, std::memory_order_release);
    }
    Span& of = (*spans)[Index(cls)];
    of.spread.Add(span);
    if (of.spread.IsToBeRead()) of.p95_ns.Set(of.spread.P95().count());
  }

  // 95 of 100 take no longer; up to a quarter above the least such time. 0: nothing is known.
  [[nodiscard]] Nanos P95(FunctionId function, TaskClass cls) const {
    const Spans* spans =
        function > most_ ? nullptr : functions_[function].load(std::memory_order_acquire);
    return spans == nullptr ? Nanos(0) : Nanos((*spans)[Index(cls)].p95_ns.get());
  }

 private:
  struct Span {
    Spread spread;
    Gauge p95_ns;
  };
  using Spans = std::array<Span, kClasses>;
  // tidy: atomics: written by publication, read by the door on any thread
  using Place = std::atomic<Spans*>;

  std::unique_ptr<Place[]> functions_;
  const std::uint32_t most_;
  std::vector<std::unique_ptr<Spans>> owned_;
};

}  // namespace spillgate
