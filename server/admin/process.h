// What the system says of this process: memory, CPU time, when it started. A few reads of /proc;
// any thread. Zero for what it does not say.
#pragma once

#include <string_view>

#include "server/admin/snapshot.h"

namespace spillgate::admin {

[[nodiscard]] ProcessFigures ReadProcess();

// From the text of /proc/PID/stat and of /proc/stat; `ticks` is clock ticks a second, `page` the
// size of a page. Damaged text gives zeros.
[[nodiscard]] ProcessFigures ParseProcess(std::string_view process_stat,
                                          std::string_view system_stat, long ticks, long page);

}  // namespace spillgate::admin
