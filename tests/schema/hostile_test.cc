// Bytes from strangers: cut anywhere, changed anywhere, as large as they may be. Always an answer,
// never a crash (run it with the sanitizers), and never more than a bounded time.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/base/clock.h"
#include "schema/messages.h"
#include "tests/fuzz/targets.h"
#include "tests/schema/frames.h"
#include "tests/schema/samples.h"

namespace spillgate::wire {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
constexpr int kSlower = 50;  // code that is not optimized, or watched
#else
constexpr int kSlower = 1;
#endif

TEST(Hostile, BodiesCutAtEveryWord) {
  for (const Sample& sample : Samples()) {
    const FrameView whole = TheFrame(sample.bytes);
    for (std::size_t size = 0; size < whole.body.size(); size += 8) {
      FuzzOneFrame(MadeFrame(whole.header.type, whole.body.first(size), whole.payload).bytes());
    }
    for (std::size_t size = 0; size < whole.payload.size(); ++size) {
      const MadeFrame cut(whole.header.type, whole.body, whole.payload.first(size));
      FuzzOneFrame(cut.bytes());
      const bool needs_all =
          whole.header.type != FrameType::kPut && whole.header.type != FrameType::kStatsReply;
      OutBuffer out;
      EXPECT_EQ(Recode(cut.view(), out), !needs_all) << sample.name << " " << size;
    }
  }
}

TEST(Hostile, StreamsCutAtEveryByte) {
  OutBuffer stream;
  for (const Sample& sample : Samples()) stream.Append(sample.bytes.view());
  for (std::size_t size = 0; size < stream.size(); ++size) {
    // Only the end matters: what comes before is whole.
    const std::size_t from = size < 400 ? 0 : (size - 400) / 8 * 8;
    FuzzStream(stream.view().subspan(from, size - from));
  }
  FuzzStream(stream.view());
}

// Words that offsets, counts and sizes are confused by.
std::uint32_t Nasty(std::mt19937_64& random, std::size_t size) {
  switch (random() % 8) {
    case 0: return 0;
    case 1: return static_cast<std::uint32_t>(random() % 64);
    case 2: return static_cast<std::uint32_t>(size + random() % 16 - 8);
    case 3: return 0x7fffffff - static_cast<std::uint32_t>(random() % 8);
    case 4: return 0x80000000 + static_cast<std::uint32_t>(random() % 8);
    case 5: return ~0U - static_cast<std::uint32_t>(random() % 64);
    case 6: return static_cast<std::uint32_t>(random() % size) & ~3U;
    default: return static_cast<std::uint32_t>(random());
  }
}

void Mutate(std::span<std::byte> bytes, std::mt19937_64& random) {
  const std::size_t at = random() % bytes.size();
  switch (random() % 4) {
    case 0: bytes[at] ^= std::byte{1} << (random() % 8); return;
    case 1: bytes[at] = static_cast<std::byte>(random()); return;
    case 2: {  // another part of it
      const std::size_t from = random() % bytes.size();
      const std::size_t size = std::min({std::size_t{16}, bytes.size() - at, bytes.size() - from});
      std::memmove(bytes.data() + at, bytes.data() + from, size);
      return;
    }
    default: {
      const std::size_t word = at & ~std::size_t{3};
      const std::uint32_t value = Nasty(random, bytes.size());
      std::memcpy(bytes.data() + word, &value, std::min(sizeof(value), bytes.size() - word));
    }
  }
}

TEST(Hostile, BodiesChangedAnywhere) {
  constexpr int kEach = 4000;
  std::mt19937_64 random(20241);
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const Sample& sample : Samples()) {
    const FrameView whole = TheFrame(sample.bytes);
    if (whole.body.empty()) continue;
    for (int i = 0; i < kEach; ++i) {
      MadeFrame frame(whole);
      for (std::size_t times = 1 + random() % 4; times > 0; --times) Mutate(frame.body(), random);
      FuzzOneFrame(frame.bytes());
      OutBuffer out;
      ++(Recode(frame.view(), out) ? accepted : refused);
    }
  }
  // Both happen often, or this test looks at nothing.
  EXPECT_GT(accepted, 10'000U);
  EXPECT_GT(refused, 10'000U);
}

TEST(Hostile, ABodyOfOneTypeReadAsEveryOther) {
  for (const Sample& sample : Samples()) {
    const FrameView from = TheFrame(sample.bytes);
    for (int number = 1; number < 80; ++number) {
      const auto type = static_cast<FrameType>(number);
      if (ToString(type) == "unknown") continue;
      const ByteView payload = MayHavePayload(type) ? from.payload : ByteView();
      FuzzOneFrame(MadeFrame(type, from.body, payload).bytes());
    }
  }
}

// The least of many runs, in microseconds: what it costs, whatever else the machine does.
template <class Run>
double Cost(Run run) {
  const SteadyClock clock;
  Nanos least = std::chrono::hours(1);
  for (int i = 0; i < 30; ++i) {
    const Instant begin = clock.Now();
    run();
    least = std::min(least, clock.Now() - begin);
  }
  return static_cast<double>(least.count()) / 1e3;
}

// Each decoder over a body of 64 KiB: zeros, words that all point ahead, and noise.
TEST(Hostile, NoBodyOf64KiBTakesLong) {
  constexpr double kMost = 50;
  std::mt19937_64 random(5);
  std::vector<std::vector<std::uint32_t>> bodies(4, std::vector<std::uint32_t>(kMaxBody / 4));
  std::fill(bodies[1].begin(), bodies[1].end(), 4);
  for (std::uint32_t& word : bodies[2]) word = static_cast<std::uint32_t>(random());
  // A vtable of 64 KiB whose fields all name one vector of nearly all the body.
  std::fill(bodies[3].begin(), bodies[3].end(), 0x00080008);
  bodies[3][0] = 0x8000;
  for (int number = 1; number < 80; ++number) {
    const auto type = static_cast<FrameType>(number);
    if (ToString(type) == "unknown") continue;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const MadeFrame frame(type, std::as_bytes(std::span(bodies[i])));
      OutBuffer out;
      const double cost = Cost([&] {
        out.Clear();
        if (type != FrameType::kStatsReply) static_cast<void>(Recode(frame.view(), out));
      });
      EXPECT_LT(cost, kMost * kSlower) << ToString(type) << " " << i;
    }
  }
}

double CostOfDecoding(const OutBuffer& out) {
  const FrameView frame = TheFrame(out);
  return Cost([&] {
    SubmitView view;
    const bool good =
        frame.header.type == FrameType::kSubmit
            ? ReadPreamble(frame).has_value() &&
                  DecodeSubmit(frame, {.deps_per_task = 65535}, view).reason == Reason::kNone
            : DecodeRelease(frame).has_value();
    EXPECT_TRUE(good);
  });
}

// And of good ones that are as full as they can be.
TEST(Hostile, NoGoodBodyOf64KiBTakesLong) {
  constexpr double kMost = 50;
  SubmitWriter writer;
  OutBuffer tasks;
  writer.Begin({.first_seq = 1});
  while (writer.Fits(0, 0, 0)) writer.BeginTask();
  writer.Finish(0, 0, tasks);
  EXPECT_LT(CostOfDecoding(tasks), kMost * kSlower);

  OutBuffer args;
  writer.Begin({.first_seq = 1});
  writer.BeginTask();
  while (writer.Fits(1, 0, 0)) writer.AddInline({});
  writer.Finish(0, 0, args);
  EXPECT_LT(CostOfDecoding(args), kMost * kSlower);

  OutBuffer ranges;
  const std::vector<Range> many(kMostObjects);
  Encode(Release{many}, 0, ranges);
  EXPECT_LT(CostOfDecoding(ranges), kMost * kSlower);
}

}  // namespace
}  // namespace spillgate::wire
