// RootStream: what goes out, and when.
#include <algorithm>
#include <cmath>
#include <optional>

#include "client/bench/root_stream.h"

namespace spillgate::bench {
namespace {

constexpr std::size_t kMostUnsent = 16 << 20;  // bytes that the node does not take off us
constexpr Nanos kLeastPause = std::chrono::milliseconds(1);

}  // namespace

Instant RootStream::SendWhatIsDue(Instant now) {
  if (!open_loop_) {
    while (now < until_ && under_way_ < load_.window) Send(Offer(now), 0, now, now);
    return now < until_ ? until_ : kNever;
  }
  Instant due = NextDue();
  for (; due <= now && due < until_ && wire_.out().size() < kMostUnsent; due = NextDue()) {
    const std::uint32_t root = Offer(due);
    PartOf(roots_[root]).late_by.Add(now - due);
    if (load_.cooperative) {
      held_.Add(Hold(root, 0));
    } else {
      Send(root, 0, due, now);
    }
  }
  // The end matters too: whoever waits for longer ends the run later.
  return due < until_ ? due : now < until_ ? until_ : kNever;
}

HeldRoot RootStream::Hold(std::uint32_t root, std::uint8_t tries) const {
  const Nanos deadline = load_.deadlines[roots_[root].mode];
  const Instant due = roots_[root].due;
  return {.root = root,
          .tries = tries,
          .came = due,
          .deadline = deadline > Nanos(0) ? due + deadline : kNever};
}

// Of a client that cooperates.
Instant RootStream::SendWhatIsHeld(Instant now) {
  const auto sooner = [](const Later& a, const Later& b) { return a.from > b.from; };
  while (!later_.empty() && later_.front().from <= now) {
    std::pop_heap(later_.begin(), later_.end(), sooner);
    held_.Add(later_.back().root);
    later_.pop_back();
  }
  Instant next = later_.empty() ? kNever : later_.front().from;
  while (!held_.empty()) {
    const HeldRoot& first = held_.Next(now);
    Root& root = roots_[first.root];
    if (DeadlineOf(root) <= now) {
      if (first.tries == 0) root.fate = RootFate::kHeld;
    } else if (gate_.MaySend(load_.cls, now) && wire_.out().size() < kMostUnsent) {
      Send(first.root, first.tries, root.due, now);
    } else {
      const Instant deadline = DeadlineOf(roots_[held_.Oldest().root]);
      return std::min({next, deadline, gate_.NextChange(now)});
    }
    held_.TakeNext(now);
  }
  return next;
}

// Of a client that does not listen: what is not answered by its deadline goes again, by the clock
// of the client, which does not know whether the node has as much as read it.
Instant RootStream::SendWhatTimedOut(Instant now) {
  if (now >= until_) timeouts_.Clear();  // nothing more is sent
  while (wire_.out().size() < kMostUnsent) {
    const std::optional<std::uint32_t> over = timeouts_.Take(now);
    if (!over.has_value()) break;
    const Sending sending = sendings_[*over];  // which may move when another is sent
    const RootFate fate = roots_[sending.root].fate;
    if (!sending.open || fate == RootFate::kGood || fate == RootFate::kWrong) continue;
    sendings_[*over].given_up = true;
    SendAgain(sending, now, Nanos(0));
  }
  return timeouts_.Next();
}

// What has no deadline is not waited for when nothing more is sent.
Instant RootStream::DeadlineOf(const Root& root) const {
  const Nanos deadline = load_.deadlines[root.mode];
  return deadline > Nanos(0) ? root.due + deadline : until_;
}

std::uint32_t RootStream::Offer(Instant due) {
  const auto phase = static_cast<std::uint8_t>(schedule_.phase());
  const Cost cost = schedule_.Take();
  roots_.push_back({.due = due, .cost_us = cost.us, .mode = cost.mode, .phase = phase});
  return static_cast<std::uint32_t>(roots_.size() - 1);
}

void RootStream::Send(std::uint32_t at, std::uint8_t tries, Instant due, Instant now) {
  const Root& root = roots_[at];
  RootToSend what{.first_seq = next_seq_,
                  .function = functions_[root.mode],
                  .cost_us = root.cost_us,
                  .cls = load_.cls,
                  .retry = tries,
                  .now = now};
  const Nanos deadline = load_.deadlines[root.mode];
  if (deadline > Nanos(0)) {
    const auto left = (due + deadline - now) / std::chrono::microseconds(1);
    what.remaining_us = static_cast<std::uint64_t>(std::max<std::int64_t>(1, left));
  }
  writer_.Write(what, MeanCost(load_.service), wire_);
  if (!writer_.opens()) gate_.NoteSent(load_.cls);
  next_seq_ += writer_.numbers();
  ++under_way_;
  sendings_.push_back(
      {.root = at, .due = due, .sent = now, .results = writer_.results(), .tries = tries});
  // Only of what would be sent again.
  const bool insists = !load_.cooperative && tries < load_.retries && deadline > Nanos(0);
  if (insists && due + deadline < until_) {
    timeouts_.Add(due + deadline, static_cast<std::uint32_t>(sendings_.size() - 1));
  }
}

// Who does not listen: as if it had just thought of it. What was given up has been sent again, if
// it could be.
void RootStream::SendAgain(const Sending& sending, Instant now, Nanos retry_after) {
  if (sending.given_up || sending.tries >= load_.retries || now >= until_) return;
  const auto tries = static_cast<std::uint8_t>(sending.tries + 1);
  Instant from = now;
  if (load_.cooperative) {
    // As the client library does it: as long as the node said, and up to half as long again.
    std::uniform_real_distribution<double> more(1.0, 1.5);
    const Nanos least =
        std::max({retry_after, kLeastPause * (1 << sending.tries), load_.turnaround});
    from += std::chrono::duration_cast<Nanos>(least * more(random_));
    if (from >= DeadlineOf(roots_[sending.root])) return;
  }
  if (load_.retry_budget > 0 && !retry_budget_.Take()) return;
  ++PartOf(roots_[sending.root]).again;
  if (load_.cooperative) {
    later_.push_back({.root = Hold(sending.root, tries), .from = from});
    std::push_heap(later_.begin(), later_.end(),
                   [](const Later& a, const Later& b) { return a.from > b.from; });
  } else {
    Send(sending.root, tries, now, now);
  }
}

}  // namespace spillgate::bench
