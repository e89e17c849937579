// Quotas of clients and tenants: unfinished tasks and tasks a second. Roots past one are refused,
// spawns wait.
#include "tests/stages/submission_bench.h"

namespace spillgate::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class QuotasTest : public SubmissionBench {
 protected:
  void Set(const Quotas& quotas) { bench.tenants.Set("tenant", 1, 1000, quotas); }
  std::string SubmitFrom(std::uint64_t first_seq, std::uint32_t tasks) {
    return Submit({.ask = {.cls = TaskClass::kCritical, .first_seq = first_seq}, .tasks = tasks});
  }
  // The same of another client of the tenant.
  std::string SubmitAsOther(std::uint64_t first_seq, std::uint32_t tasks) {
    bench.answered.Clear();
    {
      MutexLock lock(bench.table.mutex());
      if (bench.table.FindSession(kOther) == nullptr) {
        bench.table.NewSession(kOther).tenant = bench.tenants.Find("tenant");
      }
    }
    Handle(
        From(Bench::kClient,
             Write({.ask = {.cls = TaskClass::kCritical, .first_seq = first_seq}, .tasks = tasks}),
             kOther));
    return bench.answered.Verdicts();
  }
  static constexpr SessionId kOther = 6;
};

TEST_F(QuotasTest, AClientHasSoManyUnfinishedTasksWhateverOthersHave) {
  Set({.client_in_flight = 3});
  bench.costs.Learn(function, std::chrono::milliseconds(30));
  EXPECT_EQ(SubmitFrom(1, 5), "accepted 3, client_quota 2");
  EXPECT_EQ(bench.answered.verdicts.back().retry_after_us, 30'000U) << "when one has ended";
  EXPECT_GT(bench.answered.verdicts[1].retry_after_us, 0U);
  EXPECT_EQ(bench.in_flight.count(), 3) << "what is refused gives its place back";
  EXPECT_EQ(SubmitAsOther(1, 2), "accepted 2");
  End(0);
  EXPECT_EQ(SubmitFrom(10, 2), "accepted 1, client_quota 1");
  Set({.client_in_flight = 10});
  EXPECT_EQ(SubmitFrom(20, 2), "accepted 2") << "it may change under load";
  EXPECT_EQ(bench.tally.submission[0].refused[std::size_t(Reason::kClientQuota)].get(), 3U);
}

TEST_F(QuotasTest, TasksOfATenantComeNoFasterThanItsRateAndAreToldWhenTheyMay) {
  Set({.rate = 10});
  EXPECT_EQ(SubmitFrom(1, 4), "accepted 4");
  EXPECT_EQ(SubmitAsOther(1, 8), "accepted 6, rate 2");
  EXPECT_EQ(bench.answered.verdicts[1].retry_after_us, 200'000U);
  EXPECT_EQ(bench.in_flight.count(), 10);
  bench.clock.Advance(milliseconds(200));
  EXPECT_EQ(SubmitAsOther(20, 2), "accepted 2");
  EXPECT_EQ(SubmitFrom(20, 1), "rate 1");
}

TEST_F(QuotasTest, OfOneClientTheyComeNoFasterThanItsOwn) {
  Set({.rate = 10, .client_rate = 3});
  EXPECT_EQ(SubmitFrom(1, 4), "accepted 3, rate 1");
  EXPECT_EQ(SubmitAsOther(1, 3), "accepted 3");
  bench.clock.Advance(seconds(1));
  EXPECT_EQ(SubmitFrom(10, 4), "accepted 3, rate 1");
}

TEST_F(QuotasTest, OnlyWhatIsAcceptedPaysForTheRate) {
  Set({.client_in_flight = 2, .rate = 5});
  EXPECT_EQ(SubmitFrom(1, 4), "accepted 2, client_quota 2");
  EXPECT_EQ(SubmitFrom(10, 4), "client_quota 4");
  EXPECT_EQ(SubmitAsOther(1, 2), "accepted 2");
  Set({.rate = 5});
  EXPECT_EQ(SubmitFrom(20, 4), "accepted 1, rate 3");
}

TEST_F(QuotasTest, ASpawnPastTheRateWaitsForItsTime) {
  Set({.rate = 4});
  EXPECT_EQ(SubmitFrom(1, 1), "accepted 1");
  EXPECT_EQ(Spawn(Got(0), 5), "accepted 3");
  EXPECT_FALSE(stage.Idle());
  TickAfter(milliseconds(249));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 3");
  TickAfter(milliseconds(1));
  TickAfter(milliseconds(250));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 3, accepted 1, accepted 1");
  EXPECT_TRUE(stage.Idle());
  EXPECT_EQ(bench.in_flight.count(), 6);
}

TEST_F(QuotasTest, ASpawnPastItsClientsTasksWaitsUntilOneEnds) {
  Set({.client_in_flight = 2});
  EXPECT_EQ(SubmitFrom(1, 2), "accepted 2");
  EXPECT_EQ(Spawn(Got(0), 1), "");
  End(1);
  Handle(RoomFreed{});
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 1");
  EXPECT_TRUE(stage.Idle());
}

// Also those that are not the oldest, when there is room for more than that.
TEST_F(QuotasTest, SpawnsOfSeveralRootsGoOnTogether) {
  Set({.client_in_flight = 4});
  EXPECT_EQ(SubmitFrom(1, 4), "accepted 4");
  EXPECT_EQ(Spawn(Got(0), 1), "");
  EXPECT_EQ(Spawn(Got(1), 1), "");
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.in_flight.count(), 4) << "none of them holds a place";
  End(2);
  End(3);
  Handle(RoomFreed{});
  TickAfter(milliseconds(1));
  EXPECT_TRUE(stage.Idle());
  EXPECT_EQ(bench.in_flight.count(), 4);
}

TEST_F(QuotasTest, ASpawnPastItsTenantsTasksWaitsWhereTheNodeIsHalfFull) {
  bench.in_flight.Resize(10, 1 << 20);
  bench.tenants.Set("tenant", 1, 3, {});
  EXPECT_EQ(SubmitFrom(1, 2), "accepted 2");
  EXPECT_EQ(Spawn(Got(0), 2), "accepted 2") << "there is plenty";
  bench.in_flight.Force(3, 0);
  EXPECT_EQ(Spawn(Got(0), 1, 2), "");
  EXPECT_EQ(bench.in_flight.count(), 7) << "what waits holds no place";
  End(3);
  Handle(RoomFreed{});
  EXPECT_EQ(bench.answered.Verdicts(), "") << "three are left";
  End(2);
  Handle(RoomFreed{});
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 1");
}

// Else all that wait would give way to each other, and try again for ever.
TEST_F(QuotasTest, ASpawnIsNotHeldUpByThePlacesThatItWouldTake) {
  bench.in_flight.Resize(10, 1 << 20);
  bench.tenants.Set("tenant", 1, 2, {});
  EXPECT_EQ(SubmitFrom(1, 2), "accepted 2");
  bench.in_flight.Force(4, 0);
  EXPECT_EQ(Spawn(Got(0), 4), "");
  EXPECT_EQ(Spawn(Got(1), 4), "");
  Stick(Got(0));
  bench.in_flight.Release(4, 0);
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 4");
  EXPECT_EQ(Got(2).parent, Got(0).id) << "the older one";
  EXPECT_EQ(bench.in_flight.count(), 6);
  EXPECT_EQ(bench.spawn_reserve.count(), 0) << "there is room";
}

TEST_F(QuotasTest, TheReserveServesTheOldestRootOfATenantOfWhichNothingCanMove) {
  bench.in_flight.Resize(10, 1 << 20);
  bench.tenants.Set("tenant", 1, 1, {});
  EXPECT_EQ(SubmitFrom(1, 1), "accepted 1");
  bench.in_flight.Force(5, 0);
  EXPECT_EQ(Spawn(Got(0), 2), "");
  Stick(Got(0));
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 2");
  EXPECT_EQ(bench.spawn_reserve.count(), 2);
}

TEST_F(QuotasTest, TheReserveServesTheOldestRootOfAClientOfWhichNothingCanMove) {
  Set({.client_in_flight = 1});
  EXPECT_EQ(SubmitFrom(1, 1), "accepted 1");
  EXPECT_EQ(Spawn(Got(0), 2), "");
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "") << "its parent is not known to wait yet";
  Stick(Got(0));
  TickAfter(milliseconds(1));
  EXPECT_EQ(bench.answered.Verdicts(), "accepted 2");
  EXPECT_EQ(bench.spawn_reserve.count(), 2);
  EXPECT_TRUE(stage.Idle());
}

}  // namespace
}  // namespace spillgate::testing
