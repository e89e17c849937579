// Verb: one row of the command's table, and what its code is given. A new verb is a function that
// adds its options to the parser and returns what runs it, and a row in verbs.cc. One thread.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "client/cli/console.h"
#include "core/base/clock.h"

namespace CLI {
class App;
}  // namespace CLI

namespace spillgate::cli {

// What stands before or after any verb.
struct Globals {
  std::string address;  // empty: the user's own node
  std::string token_file;
  std::string tenant;
  std::string format = "table";
  Nanos timeout = std::chrono::seconds(30);  // for what the verb waits for, all in all
};

struct Invocation {
  const Globals& globals;
  Console& console;
  const CLI::App& command;  // the whole of it, for those who describe it
};

using Run = std::function<int(Invocation&)>;  // the exit code

struct Verb {
  std::string_view name;
  std::string_view help;
  Run (*setup)(CLI::App& verb) = nullptr;
};

[[nodiscard]] std::span<const Verb> Verbs();  // in the order in which --help shows them

}  // namespace spillgate::cli
