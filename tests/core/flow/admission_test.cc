#include "core/flow/admission.h"

#include <gtest/gtest.h>

#include <array>

namespace spillgate::flow {
namespace {

using std::chrono::milliseconds;

TEST(Controllers, AreFoundByNameOnly) {
  for (const char* name : {"none", "bound", "deadline"}) {
    const auto controller = MakeController(name);
    ASSERT_NE(controller, nullptr) << name;
    EXPECT_EQ(controller->name(), name);
  }
  EXPECT_EQ(MakeController("nonsense"), nullptr);
}

struct BoundCase {
  std::uint8_t cls;
  std::uint32_t count;
  std::uint32_t bytes;
  Load load;
  std::uint32_t admitted;
};

TEST(Bound, AdmitsUpToTheShareOfTheClass) {
  const Load empty{.capacity = 100, .capacity_bytes = 1000};
  const Load half{.queued = 30, .held = 20, .bytes = 500, .capacity = 100, .capacity_bytes = 1000};
  const Load tiny{.capacity = 1, .capacity_bytes = 1000};
  const Load full{.held = 1, .bytes = 1, .capacity = 1, .capacity_bytes = 1000};
  const BoundCase cases[] = {
      {0, 64, 64, empty, 64},
      {0, 200, 64, empty, 100},
      {1, 200, 64, empty, 90},
      {2, 200, 64, empty, 80},
      {3, 200, 64, empty, 50},
      {0, 64, 64, half, 50},
      {2, 64, 64, half, 30},
      {3, 64, 64, half, 0},
      {0, 1, 501, half, 0},
      {0, 1, 500, half, 1},
      {3, 1, 1, tiny, 1},
      {0, 1, 1, full, 0},
      // Of bytes that are short as many as fit: half, and what a class may have of them.
      {0, 10, 1000, half, 5},
      {0, 3, 1000, half, 1},
      {2, 10, 1000, half, 3},
      {3, 10, 1000, half, 0},
      {3, 10, 1000, empty, 5},
  };
  const auto bound = MakeController("bound");
  for (const BoundCase& c : cases) {
    const Ask ask{.cls = c.cls, .count = c.count, .bytes = c.bytes};
    EXPECT_EQ(bound->Admit(ask, c.load, Instant()), c.admitted)
        << int{c.cls} << " " << c.count << " " << c.bytes;
  }
}

// Clients are told what they would be let in with, whichever controller that is.
TEST(Controllers, HaveRoomForWhatTheyWouldAdmit) {
  const Load load{.held = 20, .bytes = 100, .capacity = 100, .capacity_bytes = 1000};
  for (const std::string_view name : {"none", "bound", "deadline"}) {
    const auto controller = MakeController(name);
    for (std::uint8_t cls = 0; cls < kMaxClasses; ++cls) {
      const std::uint32_t bound = std::array{80U, 70U, 60U, 30U}[cls];
      EXPECT_EQ(controller->Room(cls, load), name == "bound" ? bound : 80U) << name;
      const std::uint32_t bytes = std::array{900U, 800U, 700U, 400U}[cls];
      EXPECT_EQ(controller->BytesRoom(cls, load), name == "bound" ? bytes : 900U) << name;
    }
  }
}

TEST(Bound, WhatOpenRootsAreToBringIsNoRoom) {
  const auto bound = MakeController("bound");
  const Load load{.held = 20, .capacity = 100, .capacity_bytes = 1000, .promised = 60};
  for (std::uint8_t cls = 0; cls < kMaxClasses; ++cls) {
    const Ask ask{.cls = cls, .count = 100};
    EXPECT_EQ(std::max<std::int64_t>(0, bound->Room(cls, load)),
              bound->Admit(ask, load, Instant()));
  }
  EXPECT_EQ(bound->Room(0, load), 20);
}

TEST(Bound, KeepsWhatDoesNotFit) {
  const auto bound = MakeController("bound");
  const Load full{.held = 10, .capacity = 10, .capacity_bytes = 1000};
  EXPECT_EQ(bound->Look({}, full, Instant()), Verdict::kKeep);
}

// Of when a place comes free the node knows more than they do.
TEST(Controllers, ShowWhatThoseWereToldThatFoundNoPlace) {
  for (const char* name : {"none", "bound", "deadline", "work_bound"}) {
    const auto controller = MakeController(name);
    controller->NoteRetry(milliseconds(40));
    ControllerState state;
    controller->Snapshot(state);
    EXPECT_EQ(state.retry_after, milliseconds(40)) << name;
  }
}

TEST(Deadline, DropsTheDoomedAndNothingElse) {
  const auto deadline = MakeController("deadline");
  const Instant now = Instant(milliseconds(100));
  const Load full{.held = 10, .capacity = 10, .capacity_bytes = 10};
  EXPECT_EQ(deadline->Look({.deadline = now}, full, now), Verdict::kAdmit);
  EXPECT_EQ(deadline->Look({.deadline = now - Nanos(1)}, full, now), Verdict::kDrop);
  EXPECT_EQ(deadline->Look({.cancelled = true}, full, now), Verdict::kDrop);
  EXPECT_EQ(deadline->Admit({.count = 3, .remaining = Nanos(-1)}, full, now), 0U);
  EXPECT_EQ(deadline->Admit({.count = 3}, full, now), 3U);
}

}  // namespace
}  // namespace spillgate::flow
