#include "core/base/wake.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace spillgate {
namespace {

bool IsReadable(int fd) {
  pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&watched, 1, 0) == 1;
}

TEST(Wake, IsRungOnceForEachSleep) {
  Wake wake;
  wake.Notify();
  EXPECT_FALSE(IsReadable(wake.fd())) << "nobody sleeps";
  wake.Prepare();
  wake.Notify();
  wake.Notify();
  wake.Wait(Nanos(-1));
  wake.Done();
  EXPECT_FALSE(IsReadable(wake.fd()));
  wake.Prepare();
  wake.Done();
  wake.Notify();
  EXPECT_FALSE(IsReadable(wake.fd()));
}

// Who rings may be held up between saying so and doing it, until the sleeper has long gone on.
TEST(Wake, ARingThatComesLateEndsOneSleepAndNoMore) {
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  Wake wake(fd);
  wake.Prepare();
  wake.Notify();
  std::uint64_t rings = 0;
  ASSERT_EQ(read(fd, &rings, sizeof(rings)), 8) << "as if it had not come yet";
  wake.Done();
  ASSERT_EQ(write(fd, &rings, sizeof(rings)), 8);
  wake.Prepare();
  wake.Wait(Nanos(-1));
  wake.Done();
  EXPECT_FALSE(IsReadable(fd));

  wake.Prepare();
  wake.Notify();
  ASSERT_EQ(read(fd, &rings, sizeof(rings)), 8);
  wake.Done();
  wake.Prepare();
  wake.Notify();
  ASSERT_EQ(write(fd, &rings, sizeof(rings)), 8) << "with the next one";
  wake.Done();
  EXPECT_FALSE(IsReadable(fd));
}

TEST(Wake, NoNewsIsMissed) {
  constexpr int kNews = 20'000;
  Wake wake;
  std::atomic<int> sent{0};
  std::thread sender([&] {
    for (int i = 0; i < kNews; ++i) {
      sent.fetch_add(1);
      wake.Notify();
    }
  });
  while (sent.load() < kNews) {
    wake.Prepare();
    if (sent.load() < kNews) wake.Wait(Nanos(-1));
    wake.Done();
  }
  sender.join();
  wake.Prepare();
  wake.Done();
  EXPECT_FALSE(IsReadable(wake.fd()));
}

}  // namespace
}  // namespace spillgate
