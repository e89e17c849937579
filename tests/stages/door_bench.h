// DoorBench: the door and the ready set together, under roots of a millisecond that come at random
// times, on one slot. One thread, on a clock of its own.
#pragma once

#include <memory>
#include <random>
#include <vector>

#include "core/flow/admission.h"
#include "stages/work_at_door.h"
#include "tests/core/model/ready_bench.h"

namespace spillgate::testing {

inline constexpr Resources kOne{.amount = {1000}};
inline constexpr Nanos kCost = std::chrono::milliseconds(1);
inline constexpr Nanos kTarget = std::chrono::milliseconds(20);  // of their class

// Roots of a function that come at random times.
struct Stream {
  Nanos may_wait{0};  // by 0.45 of their slack
  double load = 1;    // of the slot
  Nanos from{0};
  Nanos until = std::chrono::seconds(10);
  TaskClass cls = TaskClass::kNormal;
  TenantId tenant = 1;
};
struct Fared {
  int offered = 0;
  int good = 0;
  int late = 0;  // of those that were let in
  [[nodiscard]] int let_in() const { return good + late; }
  [[nodiscard]] double success() const { return static_cast<double>(good) / offered; }
};

class DoorBench final : public ReadyBench {
 public:
  explicit DoorBench(const std::vector<Stream>& streams) : ReadyBench(kOne) {
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
    const WorkAtDoor::Newcomer root{.cls = of.cls,
                                    .tenant = of.tenant,
                                    .line = LineOf(of.may_wait, kTarget),
                                    .function = function.id,
                                    .share = ReadySet::Options{}.shares[Index(of.cls)],
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
                                 .taken = ahead.taken,
                                 .line = root.line,
                                 .lines_before = door_.LinesBefore(root, remaining, now_)}};
    if (controller_->Admit(ask, {.capacity = 100'000, .capacity_bytes = 1}, now_) == 0) {
      return NoteTurnedAway(of, remaining);
    }
    door_.Admitted(root, function.id, needs, 1);
    PushRoot({.tenant = of.tenant,
              .cls = of.cls,
              .line = root.line,
              .function = &function,
              .deadline = now_ + remaining});
    account_.EndPass();
  }
  // As submission does.
  void NoteTurnedAway(const Stream& of, Nanos remaining) {
    WorkAccount::TurnedAway& last = account_.Of(of.cls).turned_away;
    last.p95.Set(kCost.count());
    last.slack.Set(remaining.count());
    last.shape.store(&kOne, std::memory_order_release);
    last.at.Set(now_.time_since_epoch().count());
  }

  const Instant began_ = now_;
  std::mt19937_64 random_{1};  // NOLINT(*-msc51-cpp): the same every time
  std::vector<Function> functions_;
  std::vector<Comer> comers_;
  std::vector<Fared> fared_;
  WorkAtDoor door_{account_};
  const std::unique_ptr<flow::Controller> controller_ = flow::MakeController("work_bound");
};

}  // namespace spillgate::testing
