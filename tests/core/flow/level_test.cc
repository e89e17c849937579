// How full a controller says that it is, which clients are told.
#include <gtest/gtest.h>

#include <string_view>
#include <utility>

#include "tests/core/flow/served_queue.h"

namespace spillgate::flow {
namespace {

using std::chrono::milliseconds;
using testing::ServedQueue;
using testing::Situation;

constexpr std::uint8_t kHalf = 128;
constexpr std::uint8_t kCritical = 0;
constexpr std::uint8_t kSheddable = 3;
const Instant kStart{std::chrono::seconds(1)};

Load Held(std::int64_t held) {
  return {.held = held, .capacity = 1000, .capacity_bytes = 1000};
}

TEST(Level, IsThePartThatIsTaken) {
  EXPECT_EQ(LevelOf(0, 10), 0);
  EXPECT_EQ(LevelOf(5, 5), 127);
  EXPECT_EQ(LevelOf(6, 5), 139);
  EXPECT_EQ(LevelOf(9, 0), 255);
  EXPECT_EQ(LevelOf(9, -3), 255) << "more than there may be";
  EXPECT_EQ(LevelOf(0, 0), 255) << "there is no room at all";
  EXPECT_EQ(LevelOf(-1, 10), 0);
}

TEST(Level, IsThatOfThePlacesWhereNothingElseRefuses) {
  for (const std::string_view name : {"none", "deadline", "codel"}) {
    const auto controller = MakeController(name);
    EXPECT_EQ(controller->Level(kSheddable, Held(500)), 127) << name;
  }
}

// Or the lowest would be refused by a node that says it is half full.
TEST(Level, IsThatOfThePlacesOfItsClass) {
  for (const std::string_view name : {"bound", "work_bound"}) {
    const auto controller = MakeController(name);
    EXPECT_EQ(controller->Level(kCritical, Held(250)), 63) << name;
    EXPECT_EQ(controller->Level(kSheddable, Held(250)), 127) << name;
    EXPECT_EQ(controller->Level(kSheddable, Held(500)), 255) << name;
  }
}

TEST(Level, CountsWhatIsPromisedWhereThatTakesPlaces) {
  const Load load{.held = 200, .capacity = 1000, .capacity_bytes = 1000, .promised = 600};
  EXPECT_EQ(MakeController("bound")->Level(kCritical, load), 204);
  EXPECT_EQ(MakeController("work_bound")->Level(kCritical, load), 51);
}

TEST(Level, IsThatOfABoundThatIsLearned) {
  for (const auto& [name, first] : {std::pair("adaptive_bound", 4), std::pair("gradient", 20)}) {
    const auto controller = MakeController(name);
    EXPECT_EQ(controller->Level(kCritical, Held(first / 2)), 127) << name;
    EXPECT_EQ(controller->Level(kCritical, Held(first)), 255) << name;
    EXPECT_EQ(controller->Level(kSheddable, Held(first / 2)), 255) << name;
    controller->Observe({.slots = 100}, kStart);  // at least two for each slot
    EXPECT_EQ(controller->Level(kCritical, Held(50)), 63) << name;
  }
}

TEST(Level, IsThatOfWhatMayWaitOnceItIsOverloaded) {
  const auto codel = MakeController("codel");
  Instant now = kStart;
  for (int i = 0; i < 40; ++i) {
    now += milliseconds(1);
    codel->Observe({.count = 2,
                    .samples = 2,
                    .least_wait = milliseconds(6),
                    .mean_wait = milliseconds(6),
                    .p90_response = milliseconds(6),
                    .mean_service = milliseconds(1),
                    .waiting = 10,
                    .slots = 2},
                   now);
  }
  EXPECT_LT(codel->Admit({.count = 100}, Held(11), now), 20U);
  EXPECT_NEAR(codel->Level(kCritical, Held(11)), 127, 8) << "of 22";
  EXPECT_EQ(codel->Level(kCritical, Held(24)), 255);
}

TEST(Level, IsThatOfTheTokens) {
  const auto seda = MakeController("seda_aimd");
  EXPECT_EQ(seda->Level(kCritical, Held(0)), 0);
  EXPECT_EQ(seda->Admit({.count = 1}, Held(0), kStart), 1U);
  EXPECT_NEAR(seda->Level(kCritical, Held(1)), 25, 1) << "nine of ten are left";
  EXPECT_EQ(seda->Admit({.count = 20}, Held(1), kStart), 9U);
  EXPECT_EQ(seda->Level(kCritical, Held(10)), 255);
  EXPECT_EQ(seda->Admit({.count = 1}, Held(10), kStart + milliseconds(1)), 1U);
  EXPECT_NEAR(seda->Level(kCritical, Held(11)), 25, 1);
  EXPECT_TRUE(seda->Opens({.count = 50}, Held(11), kStart + milliseconds(1)));
  EXPECT_EQ(seda->Level(kCritical, Held(12)), 255) << "they are to be paid for first";
}

// Looks at the level that a client would hear with each acceptance.
class Watched final : public Controller {
 public:
  explicit Watched(Controller& inner) : inner_(inner) {}

  [[nodiscard]] std::string_view name() const override { return inner_.name(); }
  std::uint32_t Admit(const Ask& ask, const Load& load, Instant now) override {
    const std::uint32_t admitted = inner_.Admit(ask, load, now);
    if (admitted == 0) return 0;
    Load after = load;
    after.held += admitted;
    ++accepted_;
    full_ += inner_.Level(ask.cls, after) >= kHalf ? 1 : 0;
    return admitted;
  }
  [[nodiscard]] bool NewestFirst() const override { return inner_.NewestFirst(); }
  void Observe(const Served& served, Instant now) override { inner_.Observe(served, now); }
  void Tick(Instant now) override { inner_.Tick(now); }
  void Snapshot(ControllerState& state) const override { inner_.Snapshot(state); }

  void Forget() { accepted_ = full_ = 0; }
  [[nodiscard]] double full() const { return full_ / accepted_; }

 private:
  Controller& inner_;
  double accepted_ = 0;
  double full_ = 0;
};

// A client that hears otherwise forgets that it is mostly refused (client/lib/throttle.h).
TEST(Level, OfWhatIsLetInByAnOverloadedNodeIsNotThatOfAnEmptyOne) {
  for (const std::string_view name : {"adaptive_bound", "codel", "gradient", "seda_aimd"}) {
    for (const Situation& c : testing::kOverloads) {
      const auto controller = MakeController(name);
      controller->set_target_delay(c.target);
      Watched watched(*controller);
      ServedQueue node(watched, c.node);
      const double rate = node.capacity() * c.times;
      node.For(milliseconds(1000), rate);
      watched.Forget();
      node.For(milliseconds(500), rate);
      EXPECT_GT(watched.full(), 0.9) << name << ", " << c.what;
    }
  }
}

}  // namespace
}  // namespace spillgate::flow
