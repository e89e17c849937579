// A ready set with the door that looks at its account, and the wait that it finds for a root of a
// millisecond. One thread.
#pragma once

#include "stages/work_at_door.h"
#include "tests/core/model/ready_bench.h"

namespace spillgate::testing {

inline constexpr TenantId kMine = 1;
inline constexpr TenantId kOther = 2;
inline constexpr TenantId kThird = 3;

class WorkAtDoorBench : public ReadyBench {
 protected:
  static constexpr Resources kTotal{.amount = {2000, 1000, 1 << 20}};
  WorkAtDoorBench() : ReadyBench(kTotal) {}

  void Push(TenantId tenant, TaskClass cls, std::size_t tasks, const Resources* shape = nullptr,
            SlackLine line = 0) {
    for (std::size_t i = 0; i < tasks; ++i) {
      PushRoot({.tenant = tenant, .cls = cls, .line = line, .shape = shape});
    }
    account_.EndPass();
  }
  TaskPtr Pop() {
    TaskPtr task = PopRoot(kTotal);
    account_.EndPass();
    return task;
  }
  // Node time before a root of 1 ms on one of two CPUs, in units of half a millisecond.
  double Wait(TenantId tenant, TaskClass cls = TaskClass::kNormal, std::size_t queue = 0,
              const Resources* shape = nullptr) {
    return static_cast<double>(LookAt(tenant, cls, queue, shape).wait.count()) / 500'000;
  }
  // What another one like it would add to that.
  double Each(TenantId tenant) {
    return static_cast<double>(LookAt(tenant, TaskClass::kNormal, 0, nullptr).each.count()) /
           500'000;
  }
  flow::Queue LookAt(TenantId tenant, TaskClass cls, std::size_t queue, const Resources* shape) {
    const WorkAccount::Needs needs(shape == nullptr ? function_.shape : *shape, kTotal);
    const WorkAtDoor::Ahead ahead = door_.Look({.cls = cls,
                                                .tenant = tenant,
                                                .line = line_,
                                                .function = of_,
                                                .held_back = held_back_,
                                                .share = share_,
                                                .slot_time = std::chrono::milliseconds(1),
                                                .deadline = deadline()},
                                               needs, now_);
    EXPECT_LT(queue, ahead.count);
    return ahead.queues[queue];
  }

  // Of the newcomer.
  SlackLine line_ = 0;
  FunctionId of_ = 1;
  bool held_back_ = false;
  std::uint32_t share_ = 0;
  Nanos remaining_{0};  // 0: it has no deadline
  [[nodiscard]] Instant deadline() const {
    return remaining_ > Nanos(0) ? now_ + remaining_ : kNever;
  }

  WorkAtDoor door_{account_};
};

}  // namespace spillgate::testing
