#include "stages/arguments.h"

namespace spillgate {

void PinArguments(TaskTable& table, Task& task) {
  for (const ArgRef& arg : task.args) {
    if (arg.kind == ArgRef::kObject && table.Find(arg.object().task) == nullptr) return;
  }
  for (const ArgRef& arg : task.args) {
    if (arg.kind == ArgRef::kObject) ++table.Find(arg.object().task)->pins;
  }
  task.pinned = true;
}

void UnpinArguments(TaskTable& table, Task& task) {
  if (!task.pinned) return;
  task.pinned = false;
  for (const ArgRef& arg : task.args) {
    if (arg.kind != ArgRef::kObject) continue;
    Record* record = table.Find(arg.object().task);  // there, for it is pinned
    --record->pins;
    table.Sweep(*record);
  }
}

RootPtr RootOfArguments(TaskTable& table, const Task& task, SessionId session) {
  const Record* latest = nullptr;
  for (const ArgRef& arg : task.args) {
    const bool own = arg.kind == ArgRef::kObject && arg.session == session;
    if (!own || (latest != nullptr && arg.seq <= latest->id.seq)) continue;
    const Record* record = table.Find(arg.object().task);
    if (record != nullptr && record->open()) latest = record;
  }
  if (latest == nullptr || latest->root->closed || latest->root->ended) return {};
  return latest->root;
}

}  // namespace spillgate
