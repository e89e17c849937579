// What it costs to pass a task through the ready set: Push, Pop, Started, Ended and Correct, by
// depth of the backlog and by what it is made of.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "core/model/ready_set.h"

namespace spillgate {
namespace {

constexpr Resources kOneCpu{.amount = {1000}};
constexpr Resources kTwoCpus{.amount = {2000}};
constexpr Resources kOneGpu{.amount = {0, 1000}};
constexpr Resources kFree{.amount = {64000}};

// A backlog that is kept at its depth: what is popped is pushed again as a new task of a new root.
class Load {
 public:
  explicit Load(std::size_t depth) : depth_(depth), tasks_(depth + 64), roots_(depth + 64) {
    for (const FunctionId id : {1U, 2U}) {
      functions_[id].id = id;
      costs_.Learn(id, std::chrono::microseconds(100 * id));
    }
    for (std::size_t i = 0; i < depth + kSpare; ++i) {
      spare_.push_back(TaskPtr(tasks_.Make()));
      spare_.back()->home = &tasks_;
      spare_.back()->function = &functions_[1];
      spare_.back()->shape = &kOneCpu;
      Renew(*spare_.back());
    }
    // As after some time of use: neighbours in the backlog are not neighbours in memory.
    std::mt19937_64 random(1);
    std::shuffle(spare_.begin(), spare_.end(), random);
  }

  template <class Prepare>
  void Fill(Prepare&& prepare) {
    while (set_.size() < depth_) Push(prepare);
  }

  template <class Prepare>
  void Push(Prepare&& prepare) {
    TaskPtr task = std::move(spare_.front());
    spare_.pop_front();
    task->estimate = Nanos(0);
    prepare(*task, count_++);
    set_.Push(std::move(task), now_);
  }

  bool Pop() {
    TaskPtr task = set_.Pop(kFree, now_);
    if (task == nullptr) return false;
    set_.Pay(*task);
    set_.Begun(*task->function, *task->shape);
    set_.Ended(*task->function, *task->shape);
    set_.Correct(*task->root, task->estimate, task->estimate + Nanos(50));
    spare_.push_back(std::move(task));
    return true;
  }

  void Renew(Task& task) {
    Root* root = roots_.Make();
    root->home = &roots_;
    task.root = RootPtr(root);
  }

  ReadySet& set() { return set_; }
  const Function& function(FunctionId id) const { return functions_[id]; }
  Function& limited() { return functions_[2]; }
  Instant now() const { return now_; }
  void Tick() { now_ += std::chrono::microseconds(1); }

 private:
  static constexpr std::size_t kSpare = 64;
  const std::size_t depth_;
  Instant now_{std::chrono::seconds(1)};
  std::array<Function, 3> functions_;
  CostModel costs_;
  WorkAccount account_{kFree, 1};
  Slab<Task> tasks_;
  Slab<Root> roots_;
  ReadySet set_{costs_, account_, ReadySet::Options{}};
  std::deque<TaskPtr> spare_;
  std::uint64_t count_ = 0;
};

template <class Prepare>
void Run(benchmark::State& state, Load& load, Prepare&& prepare) {
  load.Fill(prepare);
  for (auto _ : state) {
    load.Push(prepare);
    if (!load.Pop()) state.SkipWithError("nothing fits");
  }
  state.SetItemsProcessed(state.iterations());
}

// depth 1 is an empty set into which each task goes alone.
std::size_t Waiting(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0)) - 1;
}

// Makes the root of the task a new one in place; an assignment of a few fields, part of what is
// measured.
void NewRoot(Task& task) {
  task.root->ready = {};
}

void OneTenantSingleTaskRoots(benchmark::State& state) {
  Load load(Waiting(state));
  Run(state, load, [](Task& task, std::uint64_t) { NewRoot(task); });
}
BENCHMARK(OneTenantSingleTaskRoots)->Arg(1)->Arg(64)->Arg(1000)->Arg(50000);

void WithEqualTimeouts(benchmark::State& state) {
  Load load(Waiting(state));
  Run(state, load, [&load](Task& task, std::uint64_t) {
    NewRoot(task);
    load.Tick();
    task.deadline = load.now() + std::chrono::seconds(1);
  });
}
BENCHMARK(WithEqualTimeouts)->Arg(1)->Arg(1000)->Arg(50000);

void WithScatteredTimeouts(benchmark::State& state) {
  Load load(Waiting(state));
  Run(state, load, [&load](Task& task, std::uint64_t count) {
    NewRoot(task);
    load.Tick();
    task.deadline = load.now() + std::chrono::milliseconds(1 + Mix(count) % 10000);
  });
}
BENCHMARK(WithScatteredTimeouts)->Arg(1)->Arg(1000)->Arg(50000);

void TasksOfOneRoot(benchmark::State& state) {
  Load load(Waiting(state));
  const Slab<Root> unused(0);
  RootPtr root;
  Run(state, load, [&root](Task& task, std::uint64_t) {
    if (!root) root = task.root;
    task.root = root;
  });
}
BENCHMARK(TasksOfOneRoot)->Arg(1)->Arg(50000);

void RootsOfEightTasks(benchmark::State& state) {
  Load load(Waiting(state));
  RootPtr root;
  Run(state, load, [&](Task& task, std::uint64_t count) {
    if (count % 8 == 0) load.Renew(task), root = task.root;
    task.root = root;
  });
}
BENCHMARK(RootsOfEightTasks)->Arg(1)->Arg(50000);

void ManyTenants(benchmark::State& state) {
  Load load(Waiting(state));
  Run(state, load, [](Task& task, std::uint64_t count) {
    NewRoot(task);
    task.root->tenant = static_cast<TenantId>(Mix(count) % 4096);
    task.root->cls = static_cast<TaskClass>(count % kClasses);
  });
}
BENCHMARK(ManyTenants)->Arg(1)->Arg(1000)->Arg(50000);

void TwoShapes(benchmark::State& state) {
  Load load(Waiting(state));
  Run(state, load, [](Task& task, std::uint64_t count) {
    NewRoot(task);
    task.shape = count % 2 == 0 ? &kOneCpu : &kTwoCpus;
  });
}
BENCHMARK(TwoShapes)->Arg(1)->Arg(50000);

// The backlog is of a function at its limit, or of something that is not there; what runs stands
// behind all of it.
void BehindWhatCannotRun(benchmark::State& state) {
  Load load(Waiting(state));
  load.limited().slot_limit = 1;
  bool filling = true;
  const auto prepare = [&](Task& task, std::uint64_t count) {
    NewRoot(task);
    task.function = &load.function(filling && count % 2 == 0 ? 2 : 1);
    task.shape = filling && count % 2 != 0 ? &kOneGpu : &kOneCpu;
  };
  load.Fill(prepare);
  filling = false;
  Task running;
  running.function = &load.limited();
  load.Push(prepare);
  running.root = RootPtr();
  TaskPtr first = load.set().Pop(kFree, load.now());
  load.set().Pay(*first);
  load.set().Begun(*first->function, *first->shape);
  for (auto _ : state) {
    load.Push(prepare);
    if (!load.Pop()) state.SkipWithError("nothing fits");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BehindWhatCannotRun)->Arg(50000);

void RemoveAtRandom(benchmark::State& state) {
  const auto depth = Waiting(state);
  Load load(depth + 1);
  std::vector<Task*> waiting;
  const auto prepare = [&](Task& task, std::uint64_t count) {
    NewRoot(task);
    load.Tick();
    task.deadline = load.now() + std::chrono::milliseconds(1 + Mix(count) % 10000);
    waiting.push_back(&task);
  };
  load.Fill(prepare);
  std::uint64_t count = 0;
  for (auto _ : state) {
    const std::size_t at = Mix(++count) % waiting.size();
    Task& task = *waiting[at];
    TaskPtr taken = load.set().Remove(task);
    task.deadline = load.now() + std::chrono::milliseconds(1 + Mix(count) % 10000);
    load.set().Push(std::move(taken), load.now());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(RemoveAtRandom)->Arg(1000)->Arg(50000);

}  // namespace
}  // namespace spillgate
