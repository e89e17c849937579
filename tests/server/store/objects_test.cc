// The store with real memory and a real disk, beside others that map the same memory.
#include "server/store/objects.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace spillgate {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kMiB = 1 << 20;

// A disk in memory, which can be told to fail.
class FakeDisk final : public SpillDisk {
 public:
  explicit FakeDisk(std::vector<char>& bytes) : bytes_(bytes) {}
  Status Write(std::uint64_t offset, ByteView bytes) override {
    std::memcpy(&bytes_[offset], bytes.data(), bytes.size());
    return {};
  }
  Status Read(std::uint64_t offset, std::span<std::byte> into) override {
    std::memcpy(into.data(), &bytes_[offset], into.size());
    return {};
  }
  Status Free(std::uint64_t, std::uint64_t) override { return {}; }

 private:
  std::vector<char>& bytes_;
};

StoreAnswer Ask(const std::function<void(StoreRequest::Done)>& ask) {
  const auto answer = std::make_shared<std::promise<StoreAnswer>>();
  ask([answer](StoreAnswer came) { answer->set_value(std::move(came)); });
  return answer->get_future().get();
}

class ObjectsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Objects> Make(ObjectStore::Options options, std::unique_ptr<SpillDisk> disk) {
    auto made = Objects::Make(clock, options, std::move(disk));
    EXPECT_TRUE(made.ok()) << made.error().message;
    return std::move(made).value();
  }
  // There has to be room, or a thread that makes some.
  ObjectRef Put(Objects& objects, std::uint64_t bytes, int with) {
    StoreAnswer made = Ask([&](StoreRequest::Done done) {
      objects.store().Create(1, 1, bytes, kNever, std::move(done));
    });
    if (!made.ok()) return {};
    const ObjectPin& pin = made.value()[0];
    std::memset(objects.BytesOf(pin).data(), with, bytes);
    objects.store().Seal(pin);
    return pin.object();
  }
  StoreAnswer Pin(Objects& objects, const ObjectRef& object) {
    return Ask([&](StoreRequest::Done done) {
      objects.store().Pin({object}, 1, kNever, std::move(done));
    });
  }
  static bool AllAre(std::span<const std::byte> bytes, int with) {
    return std::ranges::all_of(bytes, [&](std::byte each) { return each == std::byte(with); });
  }

  SteadyClock clock;
};

TEST_F(ObjectsTest, OthersMapWhatIsMadeAndMayNotWriteWhereTheyShouldNot) {
  const auto objects = Make({.bytes = 4 * kMiB, .first_bytes = 4 * kMiB}, nullptr);
  const ObjectRef object = Put(*objects, kMiB, 'a');
  StoreAnswer pinned = Pin(*objects, object);
  ASSERT_TRUE(pinned.ok());
  const std::uint64_t offset = pinned.value()[0].offset();

  const int fd = objects->arena().read_only_fd();
  EXPECT_EQ(mmap(nullptr, 4 * kMiB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
  void* seen = mmap(nullptr, 4 * kMiB, PROT_READ, MAP_SHARED, fd, 0);
  ASSERT_NE(seen, MAP_FAILED);
  EXPECT_TRUE(AllAre({static_cast<std::byte*>(seen) + offset, kMiB}, 'a')) << "nothing was copied";
  munmap(seen, 4 * kMiB);
  EXPECT_NE(ftruncate(objects->arena().fd(), 0), 0) << "nobody takes pages from under another";
  EXPECT_NE(ftruncate(objects->arena().fd(), 8 * kMiB), 0);
}

TEST_F(ObjectsTest, TheArenaComesStepByStep) {
  const auto objects = Make({.bytes = 64 * kMiB, .first_bytes = 8 * kMiB}, nullptr);
  struct stat file = {};
  ASSERT_EQ(fstat(objects->arena().fd(), &file), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(file.st_blocks) * 512, 8 * kMiB);
  EXPECT_EQ(objects->store().Figures().bytes, 8 * kMiB);
  int steps = 0;
  while (objects->Step()) ++steps;
  EXPECT_EQ(steps, 4) << "of 16 MiB";
  EXPECT_EQ(objects->store().Figures().bytes, 64 * kMiB);
  ASSERT_EQ(fstat(objects->arena().fd(), &file), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(file.st_blocks) * 512, 64 * kMiB);
}

TEST_F(ObjectsTest, ThreeTimesTheArenaComesBackFromAFile) {
  char name[] = "/tmp/sg-objects.XXXXXX";
  const std::string dir = mkdtemp(name);
  auto file = SpillFile::Make(dir, {.bytes = 0, .part = 0});
  if (!file.ok() && file.error().code == Code::kInvalid) {
    rmdir(name);
    GTEST_SKIP() << "no disk under /tmp: " << file.error().message;
  }
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_NE(rmdir(name), -1) << "the file has no name";
  {
    const auto objects =
        Make({.bytes = 16 * kMiB, .first_bytes = 4 * kMiB, .spill_bytes = 64 * kMiB},
             std::move(file).value());
    objects->Start();
    std::vector<ObjectRef> all;
    for (int i = 0; i < 48; ++i) all.push_back(Put(*objects, kMiB, i));
    std::mt19937 random(3);
    for (int i = 0; i < 300; ++i) {
      const auto which = static_cast<int>(random() % all.size());
      StoreAnswer pinned = Pin(*objects, all[which]);
      ASSERT_TRUE(pinned.ok()) << pinned.error().message;
      ASSERT_TRUE(AllAre(objects->BytesOf(pinned.value()[0]), which)) << which;
    }
    const StoreFigures figures = objects->store().Figures();
    EXPECT_GT(figures.read, 100 * kMiB);
    EXPECT_EQ(figures.lost, 0U);
  }
}

TEST_F(ObjectsTest, WhatTheDiskSpoiledIsAnErrorAndNoValue) {
  std::vector<char> bytes(8 * kMiB);
  const auto objects = Make({.bytes = 4 * kMiB, .first_bytes = 4 * kMiB, .spill_bytes = 8 * kMiB},
                            std::make_unique<FakeDisk>(bytes));
  objects->Start();
  const ObjectRef first = Put(*objects, 3 * kMiB, 'a');
  const ObjectRef second = Put(*objects, 3 * kMiB, 'b');
  ASSERT_EQ(objects->store().Figures().all.away, 3 * kMiB);
  bytes[1000] ^= 1;
  const StoreAnswer pinned = Pin(*objects, first);
  ASSERT_FALSE(pinned.ok());
  EXPECT_EQ(pinned.error().code, Code::kCorrupt);
  EXPECT_THAT(pinned.error().message, HasSubstr("are not those that came back"));
  EXPECT_TRUE(Pin(*objects, second).ok());
}

TEST_F(ObjectsTest, AFullDiskIsSaidAndLeavesRoomToOthers) {
  char name[] = "/tmp/sg-objects.XXXXXX";
  const std::string dir = mkdtemp(name);
  auto file = SpillFile::Make(dir, {.bytes = ~std::uint64_t{0} / 2, .part = 0});
  rmdir(name);
  if (!file.ok()) GTEST_SKIP() << "no disk under /tmp: " << file.error().message;
  std::vector<std::byte> bytes(4096);
  const Status status = file.value()->Write(0, bytes);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::kExhausted);
  EXPECT_THAT(status.error().message, HasSubstr("store.spill_dir"));
  EXPECT_EQ(file.value()->Read(0, bytes).error().code, Code::kCorrupt) << "nothing is there";
  EXPECT_TRUE(file.value()->Free(0, 4096).ok());
}

TEST_F(ObjectsTest, AFolderThatIsNotThereIsAnError) {
  const auto file = SpillFile::Make("/no/such/folder", {});
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.error().message, HasSubstr("/no/such/folder"));
}

}  // namespace
}  // namespace spillgate
