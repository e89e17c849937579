#include "server/net/credits.h"

#include <algorithm>

namespace spillgate::net {
namespace {

// Told again after so long, if the client sends.
constexpr Nanos kRenewAfter = CreditWindow::kTtl / 2;

// News to a client that sends: kept its pace, it would otherwise come near its end; or it has lost
// a good part.
bool IsNews(std::uint64_t left, std::uint64_t share) {
  return left < share / 2 || left > share + share / 2 + 1;
}

}  // namespace

std::optional<wire::Credits> CreditWindow::Renew(const Room& room, Instant now) {
  bool news = told_ == Instant() || (sends() && now - told_ > kRenewAfter);
  std::array<std::uint64_t, kClasses> window{};
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    std::uint64_t share = room.tasks[cls] / std::max<std::size_t>(1, room.senders);
    // Where there are never as many places as senders, nobody would ever get one.
    const bool plenty = room.tasks[cls] > 0 && room.tasks[cls] >= room.most[cls] / 2;
    if (share == 0 && plenty) share = 1;
    window[cls] = sent_[cls] + share;
    const std::uint64_t left = window_[cls] - std::min(window_[cls], sent_[cls]);
    // One at zero cannot send, so that it would have to ask whether it may.
    news = news || (left == 0 && share > 0);
    news = news || (sent_[cls] != sent_when_told_[cls] && IsNews(left, share));
  }
  if (!news) return std::nullopt;
  window_ = window;
  sent_when_told_ = sent_;
  told_ = now;
  valid_until_ = now + kTtl;
  return wire::Credits{.window = window,
                       .ttl_ms = static_cast<std::uint32_t>(
                           std::chrono::duration_cast<std::chrono::milliseconds>(kTtl).count()),
                       .load_level = room.load_level};
}

}  // namespace spillgate::net
