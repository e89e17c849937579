// What goes to the disk, when, and comes back; and a disk that is full, slow or broken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/core/store/store_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr std::uint64_t kUnit = StoreBench::kUnit;

TEST(ObjectStoreSpillTest, AheadOfNeedTheLongestUntouchedIsCopied) {
  StoreBench bench(100);
  std::vector<ObjectRef> objects;
  for (int i = 0; i < 8; ++i) objects.push_back(bench.Put(10 * kUnit, static_cast<char>('a' + i)));
  EXPECT_EQ(bench.wakes, 0) << "four fifths may be in use";
  bench.Pin({objects[0]})->pins().clear();  // touched
  objects.push_back(bench.Put(10 * kUnit, 'i'));
  EXPECT_EQ(bench.wakes, 1);
  EXPECT_EQ(bench.Move(), 1);
  StoreFigures figures = bench.store.Figures();
  EXPECT_EQ(figures.copied, 10 * kUnit);
  EXPECT_EQ(figures.all.used, 90 * kUnit) << "it is still there";
  EXPECT_EQ(figures.all.away, 0U);

  objects.push_back(bench.Put(10 * kUnit, 'j'));
  EXPECT_EQ(bench.Move(), 1);
  const ObjectRef large = bench.Put(20 * kUnit, 'k');  // takes the room of two at once
  figures = bench.store.Figures();
  EXPECT_EQ(figures.evicted, 2U);
  EXPECT_EQ(figures.all.away, 20 * kUnit);
  EXPECT_TRUE(bench.Pin({objects[0]})->ok()) << "that was not the one";
  const StoreBench::AskedPtr read = bench.Pin({objects[1]});
  EXPECT_TRUE(read->waits());
  bench.Move();
  ASSERT_TRUE(read->ok());
  EXPECT_TRUE(bench.Has(read->pins()[0], 'b'));
  EXPECT_EQ(bench.store.Figures().read, 10 * kUnit);
}

// Each takes more than half of the room: the second came when the first had gone out.
class OneOfTwoIsAway : public ::testing::Test {
 protected:
  OneOfTwoIsAway() : first(bench.Put(40 * kUnit, 'a')) {
    const StoreBench::AskedPtr made = bench.Create(40 * kUnit);
    EXPECT_TRUE(made->waits());
    bench.Move();
    EXPECT_TRUE(made->ok());
    second = bench.Fill(*made, 'b');
  }

  StoreBench bench{64};
  ObjectRef first;
  ObjectRef second;
};

TEST_F(OneOfTwoIsAway, WhatCameBackNeedNotBeWrittenAgain) {
  for (int i = 0; i < 6; ++i) {
    const bool odd = i % 2 != 0;
    const StoreBench::AskedPtr read = bench.Pin({odd ? second : first});
    bench.Move();
    ASSERT_TRUE(read->ok());
    EXPECT_TRUE(bench.Has(read->pins()[0], odd ? 'b' : 'a'));
  }
  EXPECT_EQ(bench.store.Figures().written, 80 * kUnit) << "each once";
}

TEST(ObjectStoreSpillTest, WhatNobodyHasLeavesTheDiskToo) {
  StoreBench bench(64);
  std::vector<ObjectRef> objects;
  for (int i = 0; i < 4; ++i) {
    objects.push_back(bench.Put(30 * kUnit, 'a'));
    bench.Move();
  }
  EXPECT_GT(bench.store.Figures().all.away, 0U);
  objects.clear();
  bench.Move();
  const StoreFigures figures = bench.store.Figures();
  EXPECT_EQ(figures.disk_used, 0U);
  EXPECT_EQ(figures.all.used, 0U);
  EXPECT_EQ(figures.all.away, 0U);
  EXPECT_TRUE(figures.sessions.empty());
}

TEST(ObjectStoreSpillTest, WhatIsGoneBeforeItsTurnIsNotWritten) {
  StoreBench bench(64);
  ObjectRef object = bench.Put(60 * kUnit, 'a');
  EXPECT_EQ(bench.wakes, 1);
  object = ObjectRef();
  EXPECT_EQ(bench.Move(), 0);
  EXPECT_EQ(bench.store.Figures().all.objects, 0U);
  EXPECT_EQ(bench.store.Figures().disk_used, 0U);
  EXPECT_TRUE(bench.Create(64 * kUnit)->ok());
}

TEST(ObjectStoreSpillTest, AnObjectMayBePinnedAndForgottenOnItsWay) {
  StoreBench bench(64);
  ObjectRef object = bench.Put(60 * kUnit, 'a');
  std::optional<ObjectStore::Move> out = bench.store.NextMove();
  ASSERT_TRUE(out.has_value());
  StoreBench::AskedPtr read = bench.Pin({object});
  ASSERT_TRUE(read->ok()) << "it is there until its room goes to others";
  const StoreBench::AskedPtr waits = bench.Create(10 * kUnit);
  bench.store.Moved(std::move(*out), Status(), 1);
  EXPECT_TRUE(waits->waits()) << "pinned, it has a copy and stays";
  object = ObjectRef();
  read->pins().clear();
  EXPECT_TRUE(waits->ok());
  EXPECT_EQ(bench.store.Figures().all.objects, 1U);
}

// Each needs most of the room. If both took what they can get, neither would get the rest.
TEST(ObjectStoreSpillTest, TwoThatNeedMuchDoNotWaitForEachOther) {
  StoreBench bench(64);
  std::vector<ObjectRef> objects;
  for (int i = 0; i < 8; ++i) {
    objects.push_back(bench.Put(14 * kUnit, static_cast<char>('a' + i)));
    bench.Move();
  }
  const std::vector<ObjectRef> even = {objects[0], objects[2], objects[4], objects[6]};
  const std::vector<ObjectRef> odd = {objects[1], objects[3], objects[5], objects[7]};
  StoreBench::AskedPtr first = bench.Pin(even);
  const StoreBench::AskedPtr second = bench.Pin(odd);
  bench.Move();
  ASSERT_TRUE(first->ok());
  EXPECT_TRUE(second->waits());
  EXPECT_TRUE(bench.Has(first->pins()[3], 'g'));
  first->pins().clear();
  bench.Move();
  ASSERT_TRUE(second->ok());
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(bench.Has(second->pins()[i], static_cast<char>('b' + 2 * i)));
  }
}

TEST(ObjectStoreSpillTest, WhoGivesUpLeavesWhatItHadGathered) {
  StoreBench bench(64);
  std::vector<ObjectRef> objects;
  for (int i = 0; i < 4; ++i) {
    objects.push_back(bench.Put(20 * kUnit, 'a'));
    bench.Move();
  }
  StoreBench::AskedPtr other = bench.Pin({objects[3]});
  ASSERT_TRUE(other->ok());
  const StoreBench::AskedPtr all =
      bench.Pin({objects[0], objects[1], objects[2]}, milliseconds(100));
  bench.Move();
  EXPECT_TRUE(all->waits()) << "two of three";
  EXPECT_EQ(bench.store.Figures().all.pinned, FreeSpace::Rounded(20 * kUnit) * 3);
  bench.Pass(milliseconds(100));
  ASSERT_FALSE(all->waits());
  EXPECT_EQ(all->error().code, Code::kExhausted);
  EXPECT_EQ(bench.store.Figures().all.pinned, FreeSpace::Rounded(20 * kUnit));
}

TEST_F(OneOfTwoIsAway, WhoIsGoneWhileItReadsHearsNothing) {
  const StoreBench::AskedPtr gone = bench.Pin({first});
  EXPECT_EQ(bench.Move(1), 1) << "the second goes out";
  const StoreBench::AskedPtr late = bench.Pin({first}, milliseconds(10));
  const StoreBench::AskedPtr stays = bench.Pin({first});
  EXPECT_TRUE(bench.store.Cancel(gone->ticket));
  bench.Pass(milliseconds(10));
  ASSERT_FALSE(late->waits());
  EXPECT_EQ(late->error().code, Code::kTimeout);
  EXPECT_EQ(bench.Move(), 1) << "read once for all";
  EXPECT_TRUE(gone->waits());
  ASSERT_TRUE(stays->ok());
  EXPECT_TRUE(bench.Has(stays->pins()[0], 'a'));
}

TEST(ObjectStoreSpillTest, AFullDiskKeepsWhatIsInMemoryAndIsTriedAgain) {
  StoreBench bench(64);
  const ObjectRef object = bench.Put(60 * kUnit, 'a');
  bench.fails = true;
  EXPECT_EQ(bench.Move(), 1);
  const StoreBench::AskedPtr waits = bench.Create(30 * kUnit, seconds(3));
  EXPECT_EQ(bench.Move(), 0) << "not again and again";
  bench.Pass(milliseconds(999));
  EXPECT_EQ(bench.Move(), 0);
  bench.Pass(milliseconds(1));
  EXPECT_EQ(bench.Move(), 1);
  bench.Pass(milliseconds(1999));
  EXPECT_EQ(bench.Move(), 0) << "twice as long the second time";
  bench.Pass(milliseconds(1));
  ASSERT_FALSE(waits->waits());
  EXPECT_EQ(waits->error().code, Code::kExhausted);
  EXPECT_THAT(waits->error().message, HasSubstr("no space left on it"));
  EXPECT_EQ(bench.store.Figures().failures, 2U);
  EXPECT_EQ(bench.store.Figures().disk_used, FreeSpace::Rounded(60 * kUnit)) << "the third is due";

  bench.fails = false;
  EXPECT_EQ(bench.Move(), 1);
  EXPECT_TRUE(bench.store.Figures().last_failure.empty());
  StoreBench::AskedPtr made = bench.Create(30 * kUnit);
  ASSERT_TRUE(made->ok());
  made->pins().clear();
  const StoreBench::AskedPtr read = bench.Pin({object});
  bench.Move();
  ASSERT_TRUE(read->ok());
  EXPECT_TRUE(bench.Has(read->pins()[0], 'a')) << "nothing was lost";
}

TEST_F(OneOfTwoIsAway, WhatTheDiskDoesNotGiveBackIsLostForAll) {
  const StoreBench::AskedPtr one = bench.Pin({first});
  EXPECT_EQ(bench.Move(1), 1) << "the second goes out";
  const StoreBench::AskedPtr other = bench.Pin({first});
  bench.fails = true;
  bench.Move();
  for (const StoreBench::AskedPtr& each : {one, other, bench.Pin({first})}) {
    ASSERT_FALSE(each->waits());
    EXPECT_EQ(each->error().code, Code::kCorrupt);
  }
  EXPECT_EQ(bench.store.Figures().lost, 1U);
  EXPECT_EQ(bench.store.Figures().all.pinned, 0U);
  bench.fails = false;
  const StoreBench::AskedPtr read = bench.Pin({second});
  bench.Move();
  EXPECT_TRUE(read->ok()) << "others are not";
}

TEST(ObjectStoreSpillTest, CopiesOfWhatIsPinnedMakeRoomOnTheDisk) {
  StoreBench bench(64, 40);
  const ObjectRef first = bench.Put(40 * kUnit, 'a');
  StoreBench::AskedPtr made = bench.Create(30 * kUnit);
  bench.Move();
  const ObjectRef second = bench.Fill(*made, 'b');
  EXPECT_EQ(bench.store.Figures().disk_used, 40 * kUnit);
  StoreBench::AskedPtr read = bench.Pin({first}, milliseconds(5));
  EXPECT_TRUE(read->waits()) << "for the room of the second, which has none on the disk";
  bench.Pass(milliseconds(5));
  EXPECT_EQ(read->error().code, Code::kExhausted);
  const StoreFigures figures = bench.store.Figures();
  EXPECT_EQ(figures.all.away, 40 * kUnit);

  StoreBench other(64, 40);
  const ObjectRef a = other.Put(30 * kUnit, 'a');
  const ObjectRef b = other.Put(30 * kUnit, 'b');
  other.Move();
  EXPECT_EQ(other.store.Figures().copied, 30 * kUnit);
  const StoreBench::AskedPtr holds = other.Pin({a});  // of which there is a copy
  const StoreBench::AskedPtr wants = other.Create(30 * kUnit);
  EXPECT_TRUE(wants->waits());
  other.Move();
  ASSERT_TRUE(wants->ok()) << "the copy gave way to that of the other";
  EXPECT_TRUE(other.Has(holds->pins()[0], 'a'));
}

TEST(ObjectStoreSpillTest, WithoutADiskNothingLeaves) {
  StoreBench bench(64, 0);
  const ObjectRef object = bench.Put(60 * kUnit, 'a');
  const StoreBench::AskedPtr waits = bench.Create(10 * kUnit, milliseconds(50));
  EXPECT_EQ(bench.Move(), 0);
  bench.Pass(milliseconds(50));
  EXPECT_EQ(waits->error().code, Code::kExhausted);
}

// Room that is free in many pieces is none: what is between them goes, until there is one.
TEST(ObjectStoreSpillTest, RoomInPiecesIsMadeWhole) {
  StoreBench bench(64);
  std::vector<ObjectRef> objects;
  for (int i = 0; i < 64; ++i) {
    objects.push_back(bench.Put(kUnit, static_cast<char>(i)));
    bench.Move();
  }
  for (int i = 0; i < 64; i += 2) objects[i] = ObjectRef();
  EXPECT_EQ(bench.store.Figures().largest, kUnit);
  const StoreBench::AskedPtr made = bench.Create(40 * kUnit);
  bench.Move();
  EXPECT_TRUE(made->ok());
  for (int i = 1; i < 64; i += 2) {
    const StoreBench::AskedPtr read = bench.Pin({objects[i]});
    bench.Move();
    ASSERT_TRUE(read->ok());
    ASSERT_TRUE(bench.Has(read->pins()[0], static_cast<char>(i)));
  }
}

}  // namespace
}  // namespace spillgate
