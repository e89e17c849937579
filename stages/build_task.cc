#include "stages/build_task.h"

#include <algorithm>

#include "schema/child_spec.h"

namespace spillgate {
namespace {

template <class T>
std::string_view NameOf(const T* named) {
  return named == nullptr ? std::string_view() : std::string_view(named->name);
}

}  // namespace

Named FindNamed(const Shared& shared, std::uint32_t function, std::uint32_t shape) {
  Named named{.function = shared.functions.At(function)};
  const Shape* own = shape == 0 ? nullptr : shared.shapes.At(shape);
  if (named.function == nullptr) {
    named.problem = Reason::kUnknownFunction;
  } else if (shape != 0 && own == nullptr) {
    named.problem = Reason::kUnknownShape;
  } else {
    named.shape = own == nullptr ? &named.function->shape : &own->resources;
  }
  return named;
}

Nanos HintOf(const wire::SubmitPreamble& ask, const Named& named) {
  if (ask.cost_hint_ns == 0 || named.shape == nullptr) return Nanos(0);
  if (!TakesHints(*named.function)) return Nanos(0);
  const Nanos held(static_cast<std::int64_t>(std::min(ask.cost_hint_ns, wire::kMostTime)));
  return std::clamp(SlotTime(held, SlotUnits(*named.shape)), Nanos(1), kMostHint);
}

TaskId IdOf(const Shared& shared, const TaskGroup& group, std::uint32_t i) {
  if (!group.children()) return {group.session, group.ask.first_seq + i};
  const bool mixed = (group.ask.flags & wire::kMixed) != 0;
  const wire::TaskHead& head = group.view.heads[i];
  const Function* function = shared.functions.At(mixed ? head.function : group.ask.function);
  const Shape* shape = shared.shapes.At(mixed ? head.shape : group.ask.shape);
  const std::uint64_t digest =
      wire::DigestOf(NameOf(function), NameOf(shape), group.view, group.payload, i);
  const wire::ChildPreamble& child = group.view.child;
  return ChildId(child.parent, child.stream, child.first_index + i, digest);
}

TaskPtr BuildTask(const Shared& shared, const TaskGroup& group, std::uint32_t i, Reason& reason) {
  const wire::TaskHead& head = group.view.heads[i];
  TaskPtr task(shared.tasks.Make());
  task->home = &shared.tasks;
  task->id = IdOf(shared, group, i);
  task->function = group.function;
  task->shape = group.shape;
  if (task->function == nullptr) {
    const Named named = FindNamed(shared, head.function, head.shape);
    reason = named.problem;
    if (reason != Reason::kNone) return task;
    task->function = named.function;
    task->shape = named.shape;
  }
  if (head.arg_count > 0) {
    task->frame = group.frame;
    task->args = group.view.args.subspan(head.first_arg, head.arg_count);
    task->payload = group.payload;
  }
  if (group.ask.cost_hint_ns != 0) {
    task->estimate = HintOf(group.ask, {.function = task->function, .shape = task->shape});
  }
  task->bytes = group.bytes_each;
  task->deadline = group.deadline;
  task->cls = group.ask.cls;
  // What a task spawns is made again when the task is: it needs no record of its own.
  task->level = group.children() ? Level::kNone : group.ask.level;
  task->returns = std::max<std::uint8_t>(1, head.returns);
  task->max_retries = RetriesOf(*task->function, shared.limits);
  return task;
}

}  // namespace spillgate
