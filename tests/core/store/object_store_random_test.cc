// Everything at random, by seed: whoever reads an object finds what was written into it, nobody
// waits for ever, and in the end there is nothing left; also on several threads at once.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <future>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "tests/core/store/store_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kUnit = StoreBench::kUnit;

class RandomStore : public ::testing::TestWithParam<int> {};

struct Stored {
  ObjectRef object;
  char with;
};
struct Waiting {
  StoreBench::AskedPtr asked;
  std::vector<char> with;
  bool creates;
};

TEST_P(RandomStore, WhatIsReadIsWhatWasWritten) {
  std::mt19937 random(GetParam());
  StoreBench bench(ObjectStore::Options{.bytes = 64 * kUnit,
                                        .first_bytes = 64 * kUnit,
                                        .spill_bytes = (40 + 40 * (GetParam() % 5)) * kUnit,
                                        .least_rest = milliseconds(20)});
  std::vector<Stored> objects;
  std::vector<Waiting> waiting;
  std::vector<StoreBench::AskedPtr> held;
  int read = 0;
  int refused = 0;
  for (int step = 0; step < 5'000; ++step) {
    bench.fails = random() % 50 == 0;
    switch (random() % 8) {
      case 0:
      case 1: {
        const char with = static_cast<char>(random());
        waiting.push_back({bench.Create(random() % (20 * kUnit), milliseconds(random() % 200),
                                        random() % 5),
                           {with}, true});
        break;
      }
      case 2:
      case 3: {
        Waiting one{nullptr, {}, false};
        std::vector<ObjectRef> wanted;
        for (std::size_t i = random() % 4; i > 0 && !objects.empty(); --i) {
          const Stored& each = objects[random() % objects.size()];
          wanted.push_back(each.object);
          one.with.push_back(each.with);
        }
        one.asked = bench.Pin(std::move(wanted), milliseconds(random() % 200), random() % 5);
        waiting.push_back(std::move(one));
        break;
      }
      case 4:
        if (objects.size() > 6) objects.erase(objects.begin() + random() % objects.size());
        if (objects.size() > 12) objects.erase(objects.begin(), objects.end() - 12);
        break;
      case 5:
        if (!held.empty()) held.erase(held.begin() + random() % held.size());
        break;
      case 6: bench.Move(random() % 3); break;
      case 7: bench.Pass(milliseconds(random() % 20)); break;
    }
    std::erase_if(waiting, [&](Waiting& each) {
      if (each.asked->waits()) return false;
      if (!each.asked->ok()) {
        ++refused;
      } else if (each.creates) {
        if (random() % 10 != 0) objects.push_back({bench.Fill(*each.asked, each.with[0]),
                                                   each.with[0]});
      } else {
        for (std::size_t i = 0; i < each.with.size(); ++i) {
          EXPECT_TRUE(bench.Has(each.asked->pins()[i], each.with[i]));
          ++read;
        }
        held.push_back(each.asked);
      }
      return true;
    });
    if (held.size() > 3) held.erase(held.begin());
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 0);
  bench.fails = false;
  bench.Pass(seconds(100));
  bench.Move();
  for (Waiting& each : waiting) EXPECT_FALSE(each.asked->waits()) << "none waits past its deadline";
  waiting.clear();
  held.clear();
  objects.clear();
  bench.Move();
  const StoreFigures figures = bench.store.Figures();
  EXPECT_EQ(figures.all.objects, 0U);
  EXPECT_EQ(figures.all.used, 0U);
  EXPECT_EQ(figures.disk_used, 0U);
  EXPECT_EQ(figures.largest, figures.bytes);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomStore, ::testing::Range(1, 11));

// Threads that make, read and drop, each its own and each other's, beside one that has the disk.
TEST(ObjectStoreThreadsTest, NothingIsLostBetweenThem) {
  StoreBench bench(64, 128);
  std::atomic<bool> done = false;
  std::thread disk([&] {
    while (!done.load()) {
      if (bench.Move() == 0) std::this_thread::yield();
    }
    bench.Move();
  });
  std::vector<std::thread> users;
  std::atomic<int> read = 0;
  for (int user = 0; user < 3; ++user) {
    users.emplace_back([&, user] {
      std::mt19937 random(user);
      std::vector<Stored> mine;
      const auto wait = [](const auto& ask) {
        const auto answer = std::make_shared<std::promise<StoreAnswer>>();
        ask([answer](StoreAnswer came) { answer->set_value(std::move(came)); });
        return answer->get_future().get();
      };
      for (int i = 0; i < 2'000; ++i) {
        const char with = static_cast<char>(random());
        StoreAnswer made = wait([&](StoreRequest::Done to) {
          bench.store.Create(user + 1, user, 1 + random() % (8 * kUnit), kNever, std::move(to));
        });
        ASSERT_TRUE(made.ok());
        {
          const std::vector<ObjectPin> pins = std::move(made).value();
          std::memset(&bench.arena[pins[0].offset()], with, pins[0].size());
          bench.store.Seal(pins[0]);
          mine.push_back({pins[0].object(), with});
        }
        if (mine.size() > 8) mine.erase(mine.begin() + random() % mine.size());
        const Stored& one = mine[random() % mine.size()];
        StoreAnswer got = wait([&](StoreRequest::Done to) {
          bench.store.Pin({one.object}, user, kNever, std::move(to));
        });
        ASSERT_TRUE(got.ok());
        ASSERT_TRUE(bench.Has(got.value()[0], one.with));
        ++read;
      }
    });
  }
  for (std::thread& each : users) each.join();
  done = true;
  disk.join();
  EXPECT_EQ(read.load(), 6'000);
  EXPECT_EQ(bench.store.Figures().all.objects, 0U);
  EXPECT_EQ(bench.store.Figures().disk_used, 0U);
}

}  // namespace
}  // namespace spillgate
