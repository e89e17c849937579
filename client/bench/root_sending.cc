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

// A Poisson process has no memory: at the end of a phase it begins anew with the next rate.
Instant RootStream::NextDue() {
  if (in_burst_ > 0 && --in_burst_ > 0) return next_due_;
  in_burst_ = load_.burst;
  while (true) {
    if (rate_ > 0) {
      std::exponential_distribution<double> gap(rate_ / load_.burst);
      const auto ns = static_cast<std::int64_t>(std::ceil(gap(random_) * 1e9));
      const Instant due = After(next_due_, Nanos(ns));
      if (due < phase_ends_ || IsLastPhase()) return due;
    } else if (IsLastPhase()) {
      return kNever;
    }
    next_due_ = phase_ends_;
    const Phase& next = load_.phases[++phase_];
    rate_ = next.rate;
    phase_ends_ = After(phase_ends_, next.time);
  }
}

Instant RootStream::SendWhatIsDue(Instant now) {
  if (!open_loop_) {
    while (now < until_ && under_way_ < load_.window) Send(Offer(now), 0, now, now);
    return now < until_ ? until_ : kNever;
  }
  while (next_due_ <= now && next_due_ < until_ && wire_.out().size() < kMostUnsent) {
    const std::uint32_t root = Offer(next_due_);
    PartOf(roots_[root]).late_by.Add(now - next_due_);
    if (load_.cooperative) {
      held_.Add(Hold(root, 0));
    } else {
      Send(root, 0, next_due_, now);
    }
    next_due_ = NextDue();
  }
  // The end matters too: whoever waits for longer ends the run later.
  return next_due_ < until_ ? next_due_ : now < until_ ? until_ : kNever;
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
  std::optional<Cost> given;
  if (phase_ < load_.phases.size()) given = load_.phases[phase_].cost;
  const Cost cost = given.has_value() ? *given : NextCost();
  roots_.push_back({.due = due,
                    .cost_us = cost.us,
                    .mode = cost.mode,
                    .phase = static_cast<std::uint8_t>(phase_)});
  return static_cast<std::uint32_t>(roots_.size() - 1);
}

Cost RootStream::NextCost() {
  if (opposite_.has_value()) return *std::exchange(opposite_, std::nullopt);
  const Cost cost = DrawCost(load_.service, load_.mode, random_);
  if (load_.paired) opposite_ = Opposite(load_.service, cost);
  return cost;
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
