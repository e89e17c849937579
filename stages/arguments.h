// The hold of an accepted task on the objects that it needs: they are not let go of before it has
// ended. Under the table's lock.
#pragma once

#include "core/model/task.h"
#include "core/tables/task_table.h"

namespace spillgate {

// All or none: a task with an argument that is not known here will fail in resolution.
void PinArguments(TaskTable& table, Task& task) REQUIRES(table.mutex());
void UnpinArguments(TaskTable& table, Task& task) REQUIRES(table.mutex());

// The root of the latest of its arguments that are of the session and unfinished; none if there is
// none, or it takes no more.
[[nodiscard]] RootPtr RootOfArguments(TaskTable& table, const Task& task, SessionId session)
    REQUIRES(table.mutex());

}  // namespace spillgate
