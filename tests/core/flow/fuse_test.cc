// What an edge does with an event for which the stage behind it has no place: the event stays with
// the stage that has it, and a blown fuse is counted, as interior bounds are not there to be met.
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "core/flow/pipeline.h"

namespace spillgate::flow {
namespace {

using std::chrono::milliseconds;

struct Piece {
  std::uint32_t bytes = 1;
  Instant deadline = kNever;
  Instant arrived{};
};

Meta MetaOf(const Piece& piece) {
  return {.arrived = piece.arrived, .deadline = piece.deadline, .bytes = piece.bytes};
}
void Arrive(Piece& piece, Instant now) {
  piece.arrived = now;
}

class Holding {
 public:
  using In = Piece;
  void Handle(std::span<In>, Instant) {}
  void Flush(Instant) {}
};

// A stage with places for two events of ten bytes in all, and an edge to it.
class FuseTest : public ::testing::TestWithParam<const char*> {
 protected:
  FuseTest()
      : pipeline_(clock_),
        pool_(pipeline_.AddPool("only", {.threads = 0})),
        inbox_(pipeline_.Open<Piece>("to", 0,
                                     {.capacity = 2, .capacity_bytes = 10, .back_capacity = 1},
                                     MakeController(GetParam()))),
        edge_(nullptr, inbox_,
              [this](Piece&&, Verdict verdict, Instant) { verdicts_.push_back(verdict); }) {
    pipeline_.Run(inbox_, pool_, 8, std::make_unique<Holding>());
    pipeline_.StepOnly();
  }
  void Pass(std::vector<Piece> pieces) { edge_(pieces, clock_.Now()); }
  [[nodiscard]] std::uint64_t fuses() const { return inbox_.stats().fuses.load(); }

  ManualClock clock_;
  Pipeline pipeline_;
  Pool& pool_;
  Inbox<Piece>& inbox_;
  std::vector<Verdict> verdicts_;  // on what came back
  Emit<Piece> edge_;
};

class DroppingTest : public FuseTest {};

TEST_P(FuseTest, WhatHasNoPlaceStaysAndIsCounted) {
  Pass({{}, {}, {}});
  EXPECT_EQ(inbox_.queued(), 2U);
  EXPECT_EQ(verdicts_, std::vector<Verdict>{Verdict::kKeep});
  EXPECT_EQ(fuses(), 1U);
  EXPECT_EQ(inbox_.stats().kept.load(), 1U);
  inbox_.runnable()->RunBatch(clock_.Now(), 0);
  Pass({{}});
  EXPECT_EQ(fuses(), 2U) << "what the stage holds has its places still";
  inbox_.Leave(1, 1);
  Pass({{}});
  EXPECT_EQ(inbox_.queued(), 1U);
  EXPECT_EQ(fuses(), 2U);
}

TEST_P(FuseTest, BytesAreABoundAsWell) {
  Pass({{.bytes = 6}, {.bytes = 5}, {.bytes = 4}});
  EXPECT_EQ(inbox_.queued(), 2U) << "the one between them did not fit";
  EXPECT_EQ(fuses(), 1U);
  EXPECT_EQ(inbox_.credits().bytes(), 10);
}

// It goes on to publication, and nobody was promised a place for it.
TEST_P(DroppingTest, WhatIsDoomedIsNoFuse) {
  clock_.Advance(milliseconds(2));
  Pass({{}, {}, {.deadline = clock_.Now() - milliseconds(1)}});
  EXPECT_EQ(verdicts_, std::vector<Verdict>{Verdict::kDrop});
  EXPECT_EQ(inbox_.stats().dropped.load(), 1U);
  EXPECT_EQ(fuses(), 0U);
  EXPECT_EQ(inbox_.stats().kept.load(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Fuses, FuseTest, ::testing::Values("none", "bound", "deadline"));
INSTANTIATE_TEST_SUITE_P(Dropping, DroppingTest, ::testing::Values("deadline"));

}  // namespace
}  // namespace spillgate::flow
