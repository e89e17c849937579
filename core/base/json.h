// Json: nlohmann's, named here once. For the command, the admin port and the log; never on the path
// of a task.
#pragma once

#include <nlohmann/json.hpp>

namespace spillgate {

using Json = nlohmann::ordered_json;

}  // namespace spillgate
