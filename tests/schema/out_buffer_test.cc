#include "schema/out_buffer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace spillgate::wire {
namespace {

TEST(OutBuffer, BehavesLikeAStringThatLosesItsFront) {
  std::mt19937_64 random(7);
  OutBuffer buffer;
  std::string model;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t size = random() % 3000;
    switch (random() % 4) {
      case 0:
      case 1: {
        const std::string bytes(size, static_cast<char>('a' + step % 26));
        buffer.Append(AsBytes(bytes));
        model += bytes;
        break;
      }
      case 2: {
        const std::size_t taken = std::min(size * 2, buffer.size());
        buffer.Consume(taken);
        model.erase(0, taken);
        break;
      }
      default: {
        const std::size_t back = std::min(size / 4, buffer.size());
        buffer.Truncate(back);
        model.resize(model.size() - back);
      }
    }
    ASSERT_EQ(AsText(buffer.view()), model) << step;
  }
  buffer.Clear();
  EXPECT_TRUE(buffer.empty());
}

TEST(OutBuffer, MemoryStaysWithinAFewTimesWhatItHolds) {
  // A queue that never quite empties must not grow: it moves to the front instead.
  OutBuffer buffer;
  buffer.Append(AsBytes(std::string(100, 'x')));
  const std::byte* least = buffer.view().data();
  const std::byte* most = least;
  for (int step = 0; step < 10'000; ++step) {
    buffer.Append(AsBytes(std::string(1000, 'y')));
    buffer.Consume(1000);
    if (step == 100) least = most = buffer.view().data();
    if (step < 100) continue;
    least = std::min(least, buffer.view().data());
    most = std::max(most, buffer.view().data());
  }
  EXPECT_EQ(buffer.size(), 100U);
  EXPECT_LT(most - least, 16 << 10);
}

TEST(OutBuffer, BeginsAtAMultipleOfEight) {
  OutBuffer buffer;
  for (int frame = 0; frame < 100; ++frame) {
    buffer.Append(AsBytes(std::string(1000, 'z')));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.view().data()) % 8, 0U);
  }
}

}  // namespace
}  // namespace spillgate::wire
