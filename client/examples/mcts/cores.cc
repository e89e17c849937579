#include "client/examples/mcts/cores.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "client/examples/mcts/rollout.h"

namespace spillgate::mcts {
namespace {

constexpr Nanos kAWhile = std::chrono::milliseconds(100);
constexpr std::uint32_t kMovesAtOnce = 4000;

std::uint64_t PlayUntil(const Clock& clock, Instant end, std::uint64_t seed) {
  std::uint64_t games = 0;
  while (clock.Now() < end) {
    games += GamesOf(Evaluate(Board(), kMovesAtOnce, ++seed, [] { return false; }));
  }
  return games;
}

}  // namespace

void Cores::Measure() {
  const std::uint64_t seed = alone_ + 1;
  alone_ += PlayUntil(clock_, clock_.Now() + kAWhile, seed);
  const unsigned count = std::max(1U, std::thread::hardware_concurrency());
  std::atomic<std::uint64_t> games{0};
  const Instant end = clock_.Now() + kAWhile;
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    threads.emplace_back([&, i] { games += PlayUntil(clock_, end, seed * (i + 2)); });
  }
  for (std::thread& thread : threads) thread.join();
  together_ += games;
}

}  // namespace spillgate::mcts
