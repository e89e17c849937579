#include "stages/build_task.h"

#include <algorithm>

namespace spillgate {

TaskPtr BuildTask(const Shared& shared, const TaskGroup& group, std::uint32_t i, Reason& reason) {
  const wire::TaskHead& head = group.view.heads[i];
  TaskPtr task(shared.tasks.Make());
  task->home = &shared.tasks;
  task->id = group.IdOf(i);
  task->function = group.function;
  task->shape = group.shape;
  if (task->function == nullptr) {
    task->function = shared.functions.At(head.function);
    const Shape* shape = head.shape == 0 ? nullptr : shared.shapes.At(head.shape);
    if (task->function == nullptr) reason = Reason::kUnknownFunction;
    if (head.shape != 0 && shape == nullptr) reason = Reason::kUnknownShape;
    if (reason != Reason::kNone) return task;
    task->shape = shape == nullptr ? &task->function->shape : &shape->resources;
  }
  if (head.arg_count > 0) {
    task->frame = group.frame;
    task->args = group.view.args.subspan(head.first_arg, head.arg_count);
    task->payload = group.payload;
  }
  task->bytes = group.bytes_each;
  task->deadline = group.deadline;
  task->cls = group.ask.cls;
  // What a task spawns is made again when the task is: it needs no record of its own.
  task->level = group.children() ? Level::kNone : group.ask.level;
  task->returns = std::max<std::uint8_t>(1, head.returns);
  task->max_retries = task->function->max_retries;
  return task;
}

}  // namespace spillgate
