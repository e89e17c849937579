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

struct Stored {
  ObjectRef object;
  char with;
};
struct Waiting {
  StoreBench::AskedPtr asked;
  std::vector<char> with;
  bool creates;
};

class RandomStore : public ::testing::TestWithParam<int> {
 protected:
  std::uint32_t Below(std::size_t most) { return static_cast<std::uint32_t>(random_() % most); }
  milliseconds Soon() { return milliseconds(Below(200)); }

  void Create() {
    const char with = static_cast<char>(random_());
    waiting_.push_back({bench_.Create(Below(20 * kUnit), Soon(), Below(5)), {with}, true});
  }
  void Pin() {
    Waiting one{nullptr, {}, false};
    std::vector<ObjectRef> wanted;
    for (std::uint32_t i = Below(4); i > 0 && !objects_.empty(); --i) {
      const Stored& each = objects_[Below(objects_.size())];
      wanted.push_back(each.object);
      one.with.push_back(each.with);
    }
    one.asked = bench_.Pin(std::move(wanted), Soon(), Below(5));
    waiting_.push_back(std::move(one));
  }
  void Forget() {
    if (objects_.size() > 6) objects_.erase(objects_.begin() + Below(objects_.size()));
    if (objects_.size() > 12) objects_.erase(objects_.begin(), objects_.end() - 12);
  }
  void Act() {
    bench_.fails = Below(50) == 0;
    switch (Below(8)) {
      case 0:
      case 1: return Create();
      case 2:
      case 3: return Pin();
      case 4: return Forget();
      case 5:
        if (!held_.empty()) held_.erase(held_.begin() + Below(held_.size()));
        return;
      case 6: bench_.Move(static_cast<int>(Below(3))); return;
      default: bench_.Pass(milliseconds(Below(20)));
    }
  }
  void Heard(Waiting& each) {
    if (!each.asked->ok()) {
      ++refused_;
    } else if (!each.creates) {
      for (std::size_t i = 0; i < each.with.size(); ++i, ++read_) {
        EXPECT_TRUE(bench_.Has(each.asked->pins()[i], each.with[i]));
      }
      held_.push_back(each.asked);
    } else if (Below(10) != 0) {  // or its producer dies
      objects_.push_back({bench_.Fill(*each.asked, each.with[0]), each.with[0]});
    }
  }
  void Listen() {
    std::erase_if(waiting_, [&](Waiting& each) {
      if (each.asked->waits()) return false;
      Heard(each);
      return true;
    });
    if (held_.size() > 3) held_.erase(held_.begin());
  }

  std::mt19937 random_{static_cast<std::uint32_t>(GetParam())};
  StoreBench bench_{ObjectStore::Options{.bytes = 64 * kUnit,
                                         .first_bytes = 64 * kUnit,
                                         .spill_bytes = (40 + 40 * (GetParam() % 5U)) * kUnit,
                                         .least_rest = milliseconds(20)}};
  std::vector<Stored> objects_;
  std::vector<Waiting> waiting_;
  std::vector<StoreBench::AskedPtr> held_;
  int read_ = 0;
  int refused_ = 0;
};

TEST_P(RandomStore, WhatIsReadIsWhatWasWritten) {
  for (int step = 0; step < 5'000; ++step) {
    Act();
    Listen();
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GT(read_, 100);
  EXPECT_GT(refused_, 0);
  bench_.fails = false;
  bench_.Pass(seconds(100));
  bench_.Move();
  for (Waiting& each : waiting_) EXPECT_FALSE(each.asked->waits()) << "past its deadline";
  waiting_.clear();
  held_.clear();
  objects_.clear();
  bench_.Move();
  const StoreFigures figures = bench_.store.Figures();
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
