// RootSpans: how long whole roots take that begin with a task of a function and grow from it: from
// the beginning of that task to the end of the last, with all that they wait for meanwhile. What
// its function costs says little of that. Under load they take longer; whoever goes by it lets in
// less then. Of roots of one task nothing is kept: they take what their function does.
//
// One stage learns, on its thread; any thread may ask. Every call is O(1) but one learning in
// eight, which looks at 128 counts. Memory grows with the functions whose tasks spawn.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/clock.h"
#include "core/base/gauge.h"
#include "core/base/ids.h"
#include "core/model/function.h"
#include "core/model/spread.h"

namespace spillgate {

class RootSpans {
 public:
  // Function ids are at most `most`.
  explicit RootSpans(std::uint32_t most = kMostFunctions)
      : spans_(std::make_unique<Place[]>(most + 1)), most_(most) {}

  void Learn(FunctionId function, Nanos span) {
    if (function > most_) return;
    Span* of = spans_[function].load(std::memory_order_relaxed);
    if (of == nullptr) {
      of = owned_.emplace_back(std::make_unique<Span>()).get();
      spans_[function].store(of, std::memory_order_release);
    }
    of->spread.Add(span);
    if (of->spread.IsToBeRead()) of->p95_ns.Set(of->spread.P95().count());
  }

  // 95 of 100 take no longer; up to a quarter above the least such time. 0: nothing is known.
  [[nodiscard]] Nanos P95(FunctionId function) const {
    const Span* of = function > most_ ? nullptr : spans_[function].load(std::memory_order_acquire);
    return of == nullptr ? Nanos(0) : Nanos(of->p95_ns.get());
  }

 private:
  struct Span {
    Spread spread;
    Gauge p95_ns;
  };
  // tidy: atomics: written by publication, read by the door on any thread
  using Place = std::atomic<Span*>;

  std::unique_ptr<Place[]> spans_;
  const std::uint32_t most_;
  std::vector<std::unique_ptr<Span>> owned_;
};

}  // namespace spillgate
