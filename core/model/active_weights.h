// ActiveWeights: the weights of the flows that were given something in this window of GivenLately
// or the one before it, each once: those that would wait if there were less to be given. One thread
// adds, any thread reads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/gauge.h"

namespace spillgate {

class ActiveWeights {
 public:
  // Of one flow: when it was counted last.
  class Mark {
   public:
    [[nodiscard]] bool IsActive(std::int64_t window) const { return window_.get() >= window - 1; }

   private:
    friend class ActiveWeights;
    Gauge window_{-1};
  };

  void Add(Mark& mark, std::int64_t weight, std::int64_t window) {
    if (mark.window_.get() == window) return;
    mark.window_.Set(window);
    if (window_.get() != window) {
      before_.Set(window_.get() == window - 1 ? weights_.get() : 0);
      weights_.Set(0);
      window_.Set(window);
    }
    weights_.Add(weight);
  }

  [[nodiscard]] std::int64_t At(std::int64_t window) const {
    const std::int64_t passed = window - window_.get();
    if (passed > 1) return 0;
    return passed == 1 ? weights_.get() : std::max(before_.get(), weights_.get());
  }

 private:
  Gauge window_{-1};
  Gauge before_;
  Gauge weights_;
};

}  // namespace spillgate
