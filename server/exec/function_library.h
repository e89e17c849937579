// FunctionLibrary: a list of functions as the node registers them, from the table of a library in
// this process or from the description of one that only worker processes load. The node keeps it
// for its whole life: Function::entry points into it. Made at start, on one thread; read-only after
// that.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/sdk/spillgate/function.h"
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/function.h"

namespace spillgate {

// What Function::entry points to.
struct FunctionEntry {
  const sg_function* native = nullptr;  // null: not in this process
  std::string name;                     // in its library
  std::string library;                  // path of the shared library; empty: the built-in one
};

struct FunctionLibrary {
  std::string name;
  std::string path;  // empty: the built-in one
  std::vector<Function>
      functions;  // without ids; one CPU each, but for inline ones, which hold nothing
  std::vector<std::unique_ptr<const FunctionEntry>> entries;
};

[[nodiscard]] inline const FunctionEntry& EntryOf(const Function& function) {
  return *static_cast<const FunctionEntry*>(function.entry);
}

// The functions of a table in this process. Fails if it was built against another version of the
// SDK, or names no functions, the same one twice, or one that is no name.
[[nodiscard]] Result<FunctionLibrary> FromTable(const sg_library& table, std::string path);

// The table of the shared library at `path`, loaded into this process for good. What it does when
// it is loaded, and a crash in it, are this process's own: in the daemon only for libraries that
// the config calls `in_process`.
[[nodiscard]] Result<const sg_library*> OpenTable(const std::string& path);
[[nodiscard]] Result<FunctionLibrary> LoadLibrary(const std::string& path);

// One line of JSON about a library, and the library that such a line describes: its functions run
// in workers.
[[nodiscard]] std::string Describe(const FunctionLibrary& library);
[[nodiscard]] Result<FunctionLibrary> FromDescription(std::string_view json, std::string path);

// Runs `worker_program --describe path`, which loads the library where it can do no harm. Blocks
// for at most `at_most`; for the start of a node, before its loop runs.
[[nodiscard]] Result<FunctionLibrary> DescribeLibrary(const std::string& worker_program,
                                                      const std::string& path, Nanos at_most);

}  // namespace spillgate
