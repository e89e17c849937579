// Listener, last part: the end. The loop has stopped, the stages have answered what they could, and
// those answers still have to go out; but a peer that does not read them must not hold up the end.
#include <algorithm>

#include "server/net/listener.h"

namespace spillgate::net {
namespace {

constexpr Nanos kLastWrites = std::chrono::seconds(1);         // in all
constexpr Nanos kStandstill = std::chrono::milliseconds(250);  // nobody reads anything

}  // namespace

std::size_t Listener::Unsent() const {
  std::size_t bytes = 0;
  for (const auto& [id, visitor] : visitors_) bytes += visitor.connection->egress();
  return bytes;
}

void Listener::CloseAll(std::string_view why) {
  ending_ = true;
  DeliverPosted();
  std::vector<Connection*> all;
  for (auto& [id, visitor] : visitors_) {
    static_cast<void>(door_.AnswerDrain(visitor, kNever));
    all.push_back(visitor.connection);
  }
  for (Connection* connection : all) {  // closing one leaves the others where they are
    connection->PauseReading();
    connection->Flush();
  }
  Instant now = clock_.Now();
  const Instant until = now + kLastWrites;
  Instant moved = now;
  std::size_t left = Unsent();
  while (left > 0 && now < std::min(until, moved + kStandstill)) {
    loop_.RunOnce(std::min(until, moved + kStandstill) - now);
    now = clock_.Now();
    const std::size_t before = std::exchange(left, Unsent());
    if (left < before) moved = now;
  }
  all.clear();
  for (const auto& [id, visitor] : visitors_) all.push_back(visitor.connection);
  for (Connection* connection : all) connection->Close(why);
}

}  // namespace spillgate::net
