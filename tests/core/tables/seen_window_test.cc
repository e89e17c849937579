#include "core/tables/seen_window.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

namespace spillgate {
namespace {

using Answer = SeenWindow::Answer;

TEST(SeenWindow, RemembersWhatWasAcceptedAndForgetsWhatIsOld) {
  const auto window = std::make_unique<SeenWindow>();
  EXPECT_EQ(window->Look(0), Answer::kNew);
  window->Mark(5);
  EXPECT_EQ(window->Look(5), Answer::kSeen);
  EXPECT_EQ(window->Look(4), Answer::kNew);  // a gap is not a use
  window->Mark(5 + SeenWindow::kSize - 1);
  EXPECT_EQ(window->Look(5), Answer::kSeen);  // the last place in the window
  window->Mark(5 + SeenWindow::kSize);
  EXPECT_EQ(window->Look(5), Answer::kTooOld);
  window->Mark(10 * SeenWindow::kSize);
  EXPECT_EQ(window->Look(10 * SeenWindow::kSize - 1), Answer::kNew);
}

TEST(SeenWindow, AgreesWithASetOverRandomJumps) {
  const auto window = std::make_unique<SeenWindow>();
  std::map<std::uint64_t, bool> marked;
  std::uint64_t end = 0;
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t reach = random() % 50 == 0 ? 3 * SeenWindow::kSize : 300;
    const std::uint64_t seq = end + random() % reach;
    window->Mark(seq);
    marked[seq] = true;
    end = std::max(end, seq + 1);
    const std::uint64_t probe =
        end - std::min<std::uint64_t>(end, random() % (2 * SeenWindow::kSize));
    const Answer expected = probe >= end                      ? Answer::kNew
                            : end - probe > SeenWindow::kSize ? Answer::kTooOld
                            : marked.contains(probe)          ? Answer::kSeen
                                                              : Answer::kNew;
    ASSERT_EQ(window->Look(probe), expected) << i << " " << probe << " " << end;
  }
}

}  // namespace
}  // namespace spillgate
