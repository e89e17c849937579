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
    SlackLine line = 0;
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
    root->line = newcomer.line;
    return RootPtr(root);
  }
  [[nodiscard]] TaskPtr MakeTask(RootPtr root, const Newcomer& newcomer) {
    TaskPtr task(tasks_.Make());
    task->home = &tasks_;
    task->cls = newcomer.cls;
    task->root = std::move(root);
    task->function = newcomer.function == nullptr ? &function_ : newcomer.function;
    task->shape = newcomer.shape == nullptr ? &task->function->shape : newcomer.shape;
    task->deadline = newcomer.deadline;
    task->estimate = newcomer.cost;
    task->arrived = now_;
    return task;
  }
  void PushTask(RootPtr root, const Newcomer& newcomer) {
    ready_.Push(MakeTask(std::move(root), newcomer), now_);
  }
  void PushRoot(const Newcomer& newcomer) { PushTask(MakeRoot(newcomer), newcomer); }
  // The next one, which runs; null when there is none.
  TaskPtr PopRoot(const Resources& free) {
    TaskPtr task = ready_.Pop(free, now_);
    if (task == nullptr) return task;
    ready_.Pay(*task);
    ready_.Begun(*task->function, *task->shape);
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
