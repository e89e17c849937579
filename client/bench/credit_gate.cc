#include "client/bench/credit_gate.h"

#include <algorithm>

namespace spillgate::bench {

void CreditGate::OnCredits(const wire::Credits& credits, Instant now, Nanos turnaround) {
  coming_.push_back({.from = After(now, turnaround),
                     .expires = After(now, std::chrono::milliseconds(credits.ttl_ms)),
                     .window = credits.window});
}

bool CreditGate::MaySend(TaskClass cls, Instant now) {
  for (; !coming_.empty() && coming_.front().from <= now; coming_.pop_front()) {
    told_ = coming_.front();
    known_ = true;
  }
  if (!known_) return true;
  if (now >= told_.expires) return unanswered_[Index(cls)] == 0;
  return sent_[Index(cls)] < told_.window[Index(cls)];
}

Instant CreditGate::NextChange(Instant now) const {
  const Instant news = coming_.empty() ? kNever : coming_.front().from;
  return known_ && told_.expires > now ? std::min(news, told_.expires) : news;
}

}  // namespace spillgate::bench
