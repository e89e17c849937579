// The door and the ready set together: who has much time does not shut out who has little, and who
// was let in is in time, whatever comes after it. One slot, roots of a millisecond, one tenant.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/flow/admission.h"
#include "stages/work_at_door.h"
#include "tests/core/model/ready_bench.h"

namespace spillgate {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Resources kOne{.amount = {1000}};
constexpr Nanos kCost = milliseconds(1);
constexpr Nanos kTarget = milliseconds(20);  // of their class

// Roots of a function that come at random times.
struct Stream {
  Nanos may_wait{0};  // by 0.45 of their slack
  double load = 1;    // of the slot
  Nanos from{0};
  Nanos until = seconds(10);
};
struct Fared {
  int offered = 0;
  int good = 0;
  int late = 0;  // of those that were let in
  [[nodiscard]] double success() const { return static_cast<double>(good) / offered; }
};

class Node final : public testing::ReadyBench {
 public:
  explicit Node(const std::vector<Stream>& streams) : ReadyBench(kOne) {
    for (std::size_t i = 0; i < streams.size(); ++i) {
      functions_.push_back({.id = static_cast<FunctionId>(i + 1), .name = "f", .shape = kOne});
      comers_.push_back({.stream = streams[i], .next = began_ + streams[i].from});
      Plan(comers_.back());
    }
    fared_.resize(streams.size());
  }

  // Until all that was let in has run.
  std::vector<Fared> Run() {
    while (true) {
      const TaskPtr task = PopRoot(kOne);
      account_.EndPass();
      const Comer* next = Next();
      if (task == nullptr && next == nullptr) return fared_;
      const Instant end = task == nullptr ? next->next : now_ + kCost;
      ComeUntil(end);
      now_ = end;
      if (task == nullptr) continue;
      ready_.Ended(*task->function, kOne);
      ready_.Correct(*task->root, task->estimate, kCost);
      Fared& fared = fared_[task->function->id - 1];
      ++(now_ <= task->deadline ? fared.good : fared.late);
    }
  }

 private:
  struct Comer {
    Stream stream;
    Instant next;
  };
  void TestBody() override {}

  void Plan(Comer& comer) {
    std::exponential_distribution<double> gap(comer.stream.load);
    comer.next +=
        Nanos(static_cast<std::int64_t>(gap(random_) * static_cast<double>(kCost.count())));
    if (comer.next > began_ + comer.stream.until) comer.next = kNever;
  }
  Comer* Next() {
    Comer* first = nullptr;
    for (Comer& comer : comers_) {
      if (comer.next != kNever && (first == nullptr || comer.next < first->next)) first = &comer;
    }
    return first;
  }
  void ComeUntil(Instant until) {
    for (Comer* comer = Next(); comer != nullptr && comer->next <= until; comer = Next()) {
      now_ = comer->next;
      Come(static_cast<std::size_t>(comer - comers_.data()), comer->stream);
      Plan(*comer);
    }
  }
  void Come(std::size_t stream, const Stream& of) {
    ++fared_[stream].offered;
    const Function& function = functions_[stream];
    const Nanos remaining = kCost + Nanos(of.may_wait.count() * 100 / 45 + 10);
    const WorkAtDoor::Newcomer root{.cls = TaskClass::kNormal,
                                    .tenant = 1,
                                    .line = LineOf(of.may_wait, kTarget),
                                    .function = function.id,
                                    .slot_time = kCost};
    const WorkAccount::Needs needs(kOne, kOne);
    const WorkAtDoor::Ahead ahead = door_.Look(root, needs, now_);
    const flow::Ask ask{.cls = static_cast<std::uint8_t>(root.cls),
                        .count = 1,
                        .remaining = remaining,
                        .work = {.queues = std::span(ahead.queues).first(ahead.count),
                                 .cost = kCost,
                                 .p95 = kCost,
                                 .slots = 1,
                                 .waiting = ahead.tasks,
                                 .known = true,
                                 .line = root.line}};
    if (controller_->Admit(ask, {.capacity = 100'000, .capacity_bytes = 1}, now_) == 0) return;
    door_.Admitted(root, function.id, needs, 1);
    PushRoot({.line = root.line, .function = &function, .deadline = now_ + remaining});
    account_.EndPass();
  }

  const Instant began_ = now_;
  std::mt19937_64 random_{1};  // NOLINT(*-msc51-cpp): the same every time
  std::vector<Function> functions_;
  std::vector<Comer> comers_;
  std::vector<Fared> fared_;
  WorkAtDoor door_{account_};
  const std::unique_ptr<flow::Controller> controller_ = flow::MakeController("work_bound");
};

TEST(SlackAtDoor, WhoHasMuchTimeDoesNotShutOutWhoHasLittle) {
  for (const double x : {2.0, 10.0}) {
    const std::vector<Fared> fared =
        Node({{.may_wait = 2 * kTarget, .load = x / 2}, {.may_wait = 100 * kTarget, .load = x / 2}})
            .Run();
    const double mean = (fared[0].success() + fared[1].success()) / 2;
    EXPECT_GT(mean, 0.95 / x) << "the slot is busy with what is good";
    for (const Fared& each : fared) {
      EXPECT_GT(each.success(), 0.8 * mean) << x;
      EXPECT_EQ(each.late, 0) << x;
    }
  }
}

// Lines before them fill when they have been let in, as all of the slot was theirs.
TEST(SlackAtDoor, WhoWasLetInIsInTimeWhateverComesLater) {
  for (const int times : {2, 10, 70}) {
    std::vector<Stream> streams{{.may_wait = times * kTarget, .load = 10}};
    for (int before = 0; before < LineOf(times * kTarget, kTarget); ++before) {
      constexpr Nanos kMayWait[] = {kTarget / 2, 2 * kTarget, 10 * kTarget};
      streams.push_back({.may_wait = kMayWait[before], .load = 10, .from = seconds(2)});
    }
    const std::vector<Fared> fared = Node(streams).Run();
    for (const Fared& each : fared) {
      EXPECT_GT(each.good, 500) << times;
      EXPECT_LE(each.late, each.good / 1000) << times;
    }
  }
}

}  // namespace
}  // namespace spillgate
