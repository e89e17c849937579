#include "server/net/loop.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <future>
#include <thread>

namespace spillgate::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The wait ends although nothing else happens, and although the turn before it took longer.
TEST(LoopTest, AWaitThatIsShorterThanTheTurnBeforeItEnds) {
  constexpr int kTimes = 10;
  const SteadyClock clock;
  flow::Pool pool("loop", clock, {.threads = 0});
  Loop loop(clock, pool, {});
  const int quiet = eventfd(0, EFD_CLOEXEC);  // as a node's socket, where nobody comes
  ASSERT_GE(quiet, 0);
  const Reactor::WatchId watch = loop.Watch(quiet, Reactor::kReadable, [](unsigned) {});
  int called = 0;
  std::promise<void> enough;
  loop.Every(milliseconds(20), [&](Instant now) {
    if (++called == kTimes) enough.set_value();
    while (clock.Now() - now < milliseconds(12)) {  // other work, longer than what is left
    }
  });
  std::thread thread([&] { loop.Run(); });
  EXPECT_EQ(enough.get_future().wait_for(seconds(30)), std::future_status::ready);
  loop.Stop();
  thread.join();
  loop.Unwatch(watch);
  close(quiet);
}

}  // namespace
}  // namespace spillgate::net
