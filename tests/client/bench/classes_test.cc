// What is offered in which class, what the classes got, and by when a root has to be back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "client/bench/overload.h"
#include "client/bench/overload_rows.h"

namespace spillgate::bench {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::DoubleNear;
using testing::ElementsAre;

struct Offer {
  std::vector<TaskClass> classes;
  std::vector<double> parts;
};

Offer OfferAt(const Options& options, double x) {
  Offer offer;
  for (const ClassPart& each : PartsOf(options, x)) {
    offer.classes.push_back(each.cls);
    offer.parts.push_back(each.part);
  }
  return offer;
}

RootReport Report(std::uint64_t good, std::uint64_t late, Nanos time) {
  RootReport report{.offered = good + late};
  report.fates[static_cast<std::size_t>(RootFate::kGood)] = good;
  report.fates[static_cast<std::size_t>(RootFate::kLate)] = late;
  report.times.Add(time, good + late);
  report.modes[0].times.Add(time, good + late);
  return report;
}

TEST(Classes, NormalHasWhatTheOthersLeaveOfX) {
  const Options options{.classes = {{.cls = TaskClass::kSheddable, .part = 1},
                                    {.cls = TaskClass::kCritical, .part = 0.3}}};
  const Offer much = OfferAt(options, 5);
  EXPECT_THAT(much.classes,
              ElementsAre(TaskClass::kNormal, TaskClass::kSheddable, TaskClass::kCritical));
  EXPECT_THAT(much.parts, ElementsAre(DoubleNear(3.7, 1e-9), 1, 0.3));
  EXPECT_THAT(OfferAt(options, 1).parts, ElementsAre(0.001, 1, 0.3)) << "they leave nothing";
}

TEST(Classes, AloneNormalHasAllHoweverLittle) {
  const Offer offer = OfferAt({}, 0.0005);
  EXPECT_THAT(offer.classes, ElementsAre(TaskClass::kNormal));
  EXPECT_THAT(offer.parts, ElementsAre(0.0005));
}

TEST(Classes, EachIsToldOfByItsOwnRootsTheMostImportantFirst) {
  const ClassPart parts[] = {{.cls = TaskClass::kNormal, .part = 2},
                             {.cls = TaskClass::kSheddable, .part = 1},
                             {.cls = TaskClass::kCritical, .part = 0.3}};
  std::vector<RootReport> reports{Report(1, 3, milliseconds(3)), Report(0, 0, {}),
                                  Report(9, 1, milliseconds(1))};
  reports[1].offered = 6;
  std::uint64_t number = 0;
  for (const RootFate fate : {RootFate::kExpired, RootFate::kSilent, RootFate::kRefused}) {
    reports[1].fates[static_cast<std::size_t>(fate)] = ++number;
  }
  OverloadFigures figures;
  OverloadRows::SetClasses(parts, reports, figures);
  ASSERT_EQ(figures.classes.size(), 3U);
  const ClassFigures& critical = figures.classes[0];
  EXPECT_EQ(critical.cls, TaskClass::kCritical);
  EXPECT_EQ(critical.offered, 10U);
  EXPECT_EQ(critical.good, 9U);
  EXPECT_EQ(critical.late, 1U);
  EXPECT_EQ(critical.ok_ratio, 0.9);
  EXPECT_NEAR(critical.p99_us.value_or(0), 1000, 20);
  const ClassFigures& normal = figures.classes[1];
  EXPECT_EQ(normal.cls, TaskClass::kNormal);
  EXPECT_EQ(normal.good, 1U);
  EXPECT_EQ(normal.ok_ratio, 0.25);
  EXPECT_NEAR(normal.p50_us.value_or(0), 3000, 60);
  const ClassFigures& sheddable = figures.classes[2];
  EXPECT_EQ(sheddable.cls, TaskClass::kSheddable);
  EXPECT_EQ(sheddable.expired, 1U);
  EXPECT_EQ(sheddable.silent, 2U);
  EXPECT_EQ(sheddable.refused, 3U);
  EXPECT_EQ(sheddable.ok_ratio, 0);
  EXPECT_FALSE(sheddable.p99_us.has_value()) << "none was accepted";
  EXPECT_EQ(figures.critical_n, 10U);
  EXPECT_EQ(figures.critical_ok_ratio, 0.9);
  EXPECT_EQ(figures.critical_p99_us, critical.p99_us);
}

TEST(Classes, OneAloneIsNotTold) {
  const ClassPart parts[] = {{.cls = TaskClass::kNormal, .part = 2}};
  const RootReport reports[] = {Report(1, 0, milliseconds(1))};
  OverloadFigures figures;
  OverloadRows::SetClasses(parts, reports, figures);
  EXPECT_TRUE(figures.classes.empty());
  EXPECT_FALSE(figures.critical_n.has_value());
}

using OfferedAndGood = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

RootReport OfFunctions(const OfferedAndGood& functions) {
  RootReport report;
  constexpr auto kGood = static_cast<std::size_t>(RootFate::kGood);
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const auto& [offered, good] = functions[i];
    report.modes[i].offered = offered;
    report.modes[i].fates[kGood] = good;
    report.offered += offered;
    report.fates[kGood] += good;
  }
  return report;
}

TEST(Functions, TheWorstIsComparedWithAll) {
  EXPECT_DOUBLE_EQ(OverloadRows::LeastSuccess(OfFunctions({{90, 90}, {10, 2}}), 2), 0.2 / 0.92);
  EXPECT_DOUBLE_EQ(OverloadRows::LeastSuccess(OfFunctions({{90, 45}, {0, 0}}), 2), 1)
      << "of what nobody asked for nothing failed";
  EXPECT_EQ(OverloadRows::LeastSuccess(OfFunctions({{90, 0}, {10, 0}}), 2), 0);
}

TEST(Functions, OneAloneFaresAsAllUnlessNothingWasGood) {
  EXPECT_EQ(OverloadRows::LeastSuccess(OfFunctions({{10, 3}}), 1), 1);
  EXPECT_EQ(OverloadRows::LeastSuccess(OfFunctions({{10, 0}}), 1), 0);
  EXPECT_EQ(OverloadRows::LeastSuccess(OfFunctions({{0, 0}}), 1), 1) << "nobody asked";
}

TEST(Deadlines, AreThatManyMediansOfEachFunction) {
  RootRuns::Unloaded unloaded{.medians = {microseconds(100), milliseconds(10)}};
  EXPECT_EQ(unloaded.Deadline(), milliseconds(1));
  unloaded.deadline_ratio = 2.5;
  EXPECT_THAT(unloaded.Deadlines(), ElementsAre(microseconds(250), milliseconds(25), Nanos(0)));
  EXPECT_EQ(unloaded.Deadline(), microseconds(250));
  EXPECT_EQ(unloaded.Deadline(microseconds(300)), milliseconds(1)) << "of roots of 400 us";
}

}  // namespace
}  // namespace spillgate::bench
