// ReadyBench: a ready set with its account, and single-task roots to put into it. One thread.
#pragma once

#include <gtest/gtest.h>

#include "core/model/ready_set.h"

namespace spillgate::testing {

class ReadyBench : public ::testing::Test {
 protected:
  explicit ReadyBench(const Resources& total) : account_(total, 10) {}

  struct Newcomer {
    std::uint64_t seq = 1;
    TenantId tenant = 1;
    TaskClass cls = TaskClass::kNormal;
    bool patient = false;
    Nanos cost = std::chrono::milliseconds(1);
    const Resources* shape = nullptr;    // null: that of the function
    const Function* function = nullptr;  // null: one that takes one CPU
    Instant deadline = kNever;
  };
  [[nodiscard]] RootPtr MakeRoot(const Newcomer& newcomer) {
    Root* root = roots_.Make();
    root->home = &roots_;
    root->id = {1, newcomer.seq};
    root->tenant = newcomer.tenant;
    root->cls = newcomer.cls;
    root->patient = newcomer.patient;
    return RootPtr(root);
  }
  void PushTask(RootPtr root, Nanos cost, const Resources* shape = nullptr,
                const Function* function = nullptr, Instant deadline = kNever) {
    TaskPtr task(tasks_.Make());
    task->home = &tasks_;
    task->cls = root->cls;
    task->root = std::move(root);
    task->function = function == nullptr ? &function_ : function;
    task->shape = shape == nullptr ? &task->function->shape : shape;
    task->deadline = deadline;
    task->estimate = cost;
    ready_.Push(std::move(task), now_);
  }
  void PushRoot(const Newcomer& newcomer) {
    PushTask(MakeRoot(newcomer), newcomer.cost, newcomer.shape, newcomer.function,
             newcomer.deadline);
  }
  // The next one, which runs; null when there is none.
  TaskPtr PopRoot(const Resources& free) {
    TaskPtr task = ready_.Pop(free, now_);
    if (task != nullptr) ready_.Started(*task);
    return task;
  }

  const Function function_{.id = 1, .name = "f", .shape = {.amount = {1000}}};
  Instant now_{std::chrono::seconds(1)};
  Slab<Task> tasks_{256};
  Slab<Root> roots_{256};
  CostModel costs_;
  WorkAccount account_;
  ReadySet ready_{costs_, account_, ReadySet::Options{}};
};

}  // namespace spillgate::testing
