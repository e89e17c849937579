// A value as a file. Blocks on the disk; any thread.
#pragma once

#include <string>

#include "client/cli/console.h"
#include "core/base/buffer.h"

namespace spillgate::cli {

// Replaces what the file held. The exit code; says what went wrong.
[[nodiscard]] int WriteFile(const std::string& path, ByteView bytes, Console& console);

}  // namespace spillgate::cli
