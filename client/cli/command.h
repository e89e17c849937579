// The command as a whole: reads the command line by the table of verbs, runs one, and gives the
// exit code. Mistakes on the command line are told in one sentence, with where to read on.
#pragma once

#include <memory>
#include <string>

#include "client/cli/verb.h"

namespace spillgate::cli {

[[nodiscard]] int Main(int count, const char* const* words);

// The same with streams of its own, for tests.
[[nodiscard]] int Main(int count, const char* const* words, std::FILE* out, std::FILE* err);

}  // namespace spillgate::cli
