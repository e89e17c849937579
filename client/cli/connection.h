// From the command's globals to a client of the node. One thread.
#pragma once

#include <cstdint>

#include "client/cli/verb.h"
#include "client/lib/client.h"

namespace spillgate::cli {

// `retries`: how often a refused submission is tried again before the user hears of it; what waits
// for credit or room meanwhile counts for none. 0: the user hears of each refusal.
[[nodiscard]] client::ClientOptions OptionsFor(const Globals& globals, std::uint32_t retries = 0);
[[nodiscard]] client::Result<client::Client> Connect(const Globals& globals,
                                                     std::uint32_t retries = 0);

// Until when all that this command waits for has to be there.
class Patience {
 public:
  Patience(const Clock& clock, Nanos timeout)
      : clock_(clock), until_(After(clock.Now(), timeout)) {}
  [[nodiscard]] Nanos left() const {
    const Instant now = clock_.Now();
    return now >= until_ ? Nanos(0) : until_ - now;
  }
  [[nodiscard]] bool over() const { return left() == Nanos(0); }

 private:
  const Clock& clock_;
  const Instant until_;
};

}  // namespace spillgate::cli
