// The life of an object in memory: room for it, who has it pinned, and who waits.
#include "core/store/object_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/core/store/store_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr std::uint64_t kUnit = StoreBench::kUnit;

TEST(ObjectStoreTest, AnObjectIsMadeSealedReadAndGone) {
  StoreBench bench;
  ObjectRef object = bench.Put(3 * kUnit, 'a');
  EXPECT_EQ(object.size(), 3 * kUnit);
  EXPECT_EQ(bench.store.Figures().all.pinned, 0U);
  {
    const StoreBench::AskedPtr read = bench.Pin({object, object});
    ASSERT_TRUE(read->ok());
    ASSERT_EQ(read->pins().size(), 2U);
    EXPECT_TRUE(bench.Has(read->pins()[0], 'a'));
    EXPECT_EQ(read->pins()[0].offset(), read->pins()[1].offset()) << "nothing is copied";
    object = ObjectRef();
    EXPECT_EQ(bench.store.Figures().all.pinned, 3 * kUnit) << "a pin keeps it existing";
    EXPECT_EQ(bench.store.Figures().all.objects, 1U);
  }
  EXPECT_EQ(bench.store.Figures().all.used, 0U);
  EXPECT_EQ(bench.store.Figures().all.objects, 0U);
  EXPECT_EQ(bench.store.Figures().created, 1U);
}

TEST(ObjectStoreTest, WhatWasNeverSealedIsLostWithItsLastPin) {
  StoreBench bench;
  StoreBench::AskedPtr made = bench.Create(kUnit);
  ASSERT_TRUE(made->ok());
  const ObjectRef object = made->pins()[0].object();
  const StoreBench::AskedPtr early = bench.Pin({object});
  ASSERT_FALSE(early->waits());
  EXPECT_EQ(early->error().code, Code::kInvalid);
  EXPECT_THAT(early->error().message, HasSubstr("not sealed"));
  made->pins().clear();
  EXPECT_EQ(bench.store.Figures().all.used, 0U) << "its producer is gone, and its room free";
  const StoreBench::AskedPtr late = bench.Pin({object});
  ASSERT_FALSE(late->waits());
  EXPECT_EQ(late->error().code, Code::kCorrupt);
  EXPECT_EQ(bench.store.Figures().lost, 1U);
}

TEST(ObjectStoreTest, ThoseThatFindNoRoomWaitTheFirstFirst) {
  StoreBench bench(64, 0);
  StoreBench::AskedPtr all = bench.Create(64 * kUnit);
  ASSERT_TRUE(all->ok());
  const StoreBench::AskedPtr large = bench.Create(40 * kUnit);
  const StoreBench::AskedPtr small = bench.Create(kUnit);
  const StoreBench::AskedPtr second = bench.Create(40 * kUnit);
  EXPECT_EQ(bench.store.Figures().waiting, 3U);
  all->pins().clear();
  EXPECT_TRUE(large->ok());
  EXPECT_TRUE(small->ok());
  EXPECT_TRUE(second->waits());
  const StoreBench::AskedPtr little = bench.Create(kUnit);
  EXPECT_TRUE(little->waits()) << "or small ones would keep a large one waiting for ever";
  large->pins().clear();
  EXPECT_TRUE(second->ok());
  EXPECT_TRUE(little->ok());
}

TEST(ObjectStoreTest, WhatIsThereIsReadWhileOthersWaitForRoom) {
  StoreBench bench(64, 0);
  const ObjectRef object = bench.Put(10 * kUnit, 'a');
  StoreBench::AskedPtr rest = bench.Create(54 * kUnit);
  const StoreBench::AskedPtr waits = bench.Create(kUnit);
  EXPECT_TRUE(waits->waits());
  const StoreBench::AskedPtr read = bench.Pin({object});
  ASSERT_TRUE(read->ok());
  EXPECT_TRUE(bench.Has(read->pins()[0], 'a'));
  rest->pins().clear();
  EXPECT_TRUE(waits->ok());
}

TEST(ObjectStoreTest, NoRoomByTheDeadlineIsAnErrorThatNamesWhoHasTheMost) {
  StoreBench bench(64, 0);
  const StoreBench::AskedPtr small = bench.Create(2 * kUnit, seconds(10), 11);
  const StoreBench::AskedPtr large = bench.Create(50 * kUnit, seconds(10), 12);
  StoreBench::AskedPtr task = bench.Create(4 * kUnit, seconds(10), kTaskConnection | 5);
  ASSERT_TRUE(small->ok() && large->ok() && task->ok());
  const StoreBench::AskedPtr waits = bench.Create(10 * kUnit, milliseconds(500));
  bench.Pass(milliseconds(499));
  EXPECT_TRUE(waits->waits());
  bench.Pass(milliseconds(1));
  ASSERT_FALSE(waits->waits());
  EXPECT_EQ(waits->error().code, Code::kExhausted);
  EXPECT_THAT(waits->error().message, HasSubstr("51200 bytes by connection 12, 4096 bytes by "
                                                "running task 5, 2048 bytes by connection 11"));
  EXPECT_THAT(waits->error().message, HasSubstr("10240 bytes"));
  EXPECT_EQ(bench.store.Figures().refused, 1U);
  EXPECT_EQ(bench.store.Figures().waiting, 0U);
}

TEST(ObjectStoreTest, WhatNeverFitsIsRefusedAtOnce) {
  StoreBench bench(64, 1024);
  for (const std::uint64_t bytes : {64 * kUnit + 1, FreeSpace::kMost, ~std::uint64_t{0}}) {
    const StoreBench::AskedPtr asked = bench.Create(bytes);
    ASSERT_FALSE(asked->waits());
    EXPECT_EQ(asked->error().code, Code::kInvalid);
    EXPECT_THAT(asked->error().message, HasSubstr("65536"));
  }
  std::vector<ObjectRef> objects;
  for (int i = 0; i < 3; ++i) {
    objects.push_back(bench.Put(30 * kUnit, 'a'));
    bench.Move();
  }
  const StoreBench::AskedPtr all = bench.Pin(objects);
  ASSERT_FALSE(all->waits()) << "one after the other they fit, but not all three";
  EXPECT_EQ(all->error().code, Code::kInvalid);
  const StoreBench::AskedPtr twice = bench.Pin({objects[0], objects[2], objects[0], objects[2]});
  bench.Move();
  EXPECT_TRUE(twice->ok()) << "one that is named twice takes its room once";
}

TEST(ObjectStoreTest, AnArenaThatIsNotAllThereYetGrows) {
  StoreBench bench(ObjectStore::Options{.bytes = 64 * kUnit, .first_bytes = 8 * kUnit});
  const StoreBench::AskedPtr first = bench.Create(8 * kUnit);
  EXPECT_TRUE(first->ok());
  const StoreBench::AskedPtr large = bench.Create(40 * kUnit);
  EXPECT_TRUE(large->waits()) << "there will be room";
  bench.store.Grow(20 * kUnit);
  EXPECT_TRUE(large->waits());
  bench.store.Grow(20 * kUnit);
  EXPECT_TRUE(large->ok());
  const StoreBench::AskedPtr never = bench.Create(56 * kUnit);
  const StoreBench::AskedPtr later = bench.Create(10 * kUnit);
  EXPECT_TRUE(never->waits());
  bench.store.GrowNoMore();
  ASSERT_FALSE(never->waits()) << "the system has no more memory";
  EXPECT_EQ(never->error().code, Code::kInvalid);
  EXPECT_TRUE(later->waits());
  EXPECT_EQ(bench.store.Figures().most_bytes, 48 * kUnit);
  large->pins().clear();
  EXPECT_TRUE(later->ok());
}

TEST(ObjectStoreTest, SoManyWaitAndNoMore) {
  StoreBench bench(
      ObjectStore::Options{.bytes = 64 * kUnit, .first_bytes = 64 * kUnit, .most_waiting = 2});
  StoreBench::AskedPtr all = bench.Create(64 * kUnit);
  const StoreBench::AskedPtr first = bench.Create(kUnit);
  const StoreBench::AskedPtr second = bench.Create(kUnit);
  const StoreBench::AskedPtr third = bench.Create(kUnit);
  ASSERT_FALSE(third->waits());
  EXPECT_EQ(third->error().code, Code::kExhausted);
  EXPECT_THAT(third->error().message, HasSubstr("2 requests wait"));
  all->pins().clear();
  EXPECT_TRUE(first->ok() && second->ok());
}

TEST(ObjectStoreTest, WhoIsGoneLeavesTheQueueAndWhatItHad) {
  StoreBench bench(64, 0);
  StoreBench::AskedPtr all = bench.Create(64 * kUnit);
  const StoreBench::AskedPtr gone = bench.Create(64 * kUnit);
  const StoreBench::AskedPtr next = bench.Create(kUnit);
  EXPECT_TRUE(bench.store.Cancel(gone->ticket));
  EXPECT_FALSE(bench.store.Cancel(gone->ticket));
  EXPECT_FALSE(bench.store.Cancel(all->ticket)) << "it has been answered";
  EXPECT_TRUE(next->waits());
  all->pins().clear();
  EXPECT_TRUE(gone->waits()) << "it hears nothing";
  EXPECT_TRUE(next->ok());
}

TEST(ObjectStoreTest, EachSessionsBytesAreCounted) {
  StoreBench bench;
  ObjectRef first = bench.Put(kUnit, 'a', 1);
  const ObjectRef second = bench.Put(2 * kUnit, 'b', 2);
  const StoreBench::AskedPtr read = bench.Pin({second});
  StoreFigures figures = bench.store.Figures();
  EXPECT_EQ(figures.sessions.at(1).used, kUnit);
  EXPECT_EQ(figures.sessions.at(1).pinned, 0U);
  EXPECT_EQ(figures.sessions.at(2).pinned, 2 * kUnit);
  EXPECT_EQ(figures.all.used, 3 * kUnit);
  first = ObjectRef();
  figures = bench.store.Figures();
  EXPECT_EQ(figures.sessions.count(1), 0U) << "sessions come and go, and leave nothing";
  EXPECT_EQ(figures.all.used, 2 * kUnit);
}

// What is called may ask for more and let go: that does not nest, whatever its depth.
TEST(ObjectStoreTest, AnAnswerMayAskAgain) {
  StoreBench bench(64, 0);
  int depth = 0;
  int deepest = 0;
  int left = 10'000;
  std::function<void()> ask = [&] {
    bench.store.Create(1, 1, 40 * kUnit, kNever, [&](StoreAnswer answer) {
      deepest = std::max(deepest, ++depth);
      ASSERT_TRUE(answer.ok());
      answer.value().clear();
      if (--left > 0) ask();
      --depth;
    });
  };
  ask();
  EXPECT_EQ(left, 0);
  EXPECT_EQ(deepest, 1);
}

}  // namespace
}  // namespace spillgate
