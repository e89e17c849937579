// Programs that `up` starts: made by fork and exec, before this process has any thread. What a
// child is given is all that it has of ours: three streams and the environment.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace spillgate::cli {

struct Launch {
  std::string program;                 // a path
  std::vector<std::string> arguments;  // without the program's own name
  std::string log;        // what it says goes to the end of this file; empty: where ours goes
  bool detached = false;  // in a session of its own: Ctrl-C and a closed terminal do not reach it
};

// The folder of the running program, where its siblings are.
[[nodiscard]] std::string OwnFolder();

// In place of this process. Returns only if that fails.
[[nodiscard]] Error Replace(const Launch& launch);

// A child process, to be waited for by whoever started it.
class Process {
 public:
  [[nodiscard]] static Result<Process> Start(const Launch& launch);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();  // it runs on

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Until it ends, for `time` at most. True: it has ended, and exit_code() is known.
  bool AwaitEnd(Nanos time);
  // As shells give it: 128 and the signal's number, if it was one.
  [[nodiscard]] int exit_code() const { return exit_code_; }
  // Until it ends; signals that ask this process to end are handed on. The exit code.
  int Supervise();

 private:
  Process(pid_t pid, int pidfd) : pid_(pid), pidfd_(pidfd) {}
  bool Reap(bool block);

  pid_t pid_ = -1;
  int pidfd_ = -1;
  int exit_code_ = -1;
};

}  // namespace spillgate::cli
