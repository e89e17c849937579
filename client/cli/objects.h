// Names of results as they stand on the command line: "ID" is the first value of a task, "ID:2" its
// third. A single "-" stands for names on stdin, one a line. Pure but for that; one thread.
#pragma once

#include <istream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/result.h"

namespace spillgate::cli {

[[nodiscard]] std::optional<ObjectId> ParseObject(std::string_view text);
[[nodiscard]] std::string ToText(const ObjectId& object);  // what ParseObject reads

// At least one and at most `most`; the error names the word that is no id.
[[nodiscard]] Result<std::vector<ObjectId>> ReadObjects(std::span<const std::string> words,
                                                        std::size_t most, std::istream& in);
// The same for whole tasks.
[[nodiscard]] Result<std::vector<TaskId>> ReadTasks(std::span<const std::string> words,
                                                    std::size_t most, std::istream& in);

}  // namespace spillgate::cli
