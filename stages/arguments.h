// The hold of an accepted task on the objects that it needs: they are not let go of before it has
// ended. Under the table's lock.
#pragma once

#include "core/model/task.h"
#include "core/tables/task_table.h"

namespace spillgate {

// All or none: a task with an argument that is not known here will fail in resolution.
void PinArguments(TaskTable& table, Task& task) REQUIRES(table.mutex());
void UnpinArguments(TaskTable& table, Task& task) REQUIRES(table.mutex());

}  // namespace spillgate
