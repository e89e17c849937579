// Starts a program without forking this process, which may be large: posix_spawn, with only the
// named descriptors and variables, default signals, and a process group of its own. Any thread.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"

namespace spillgate {

// A descriptor that is closed with its owner; -1 is none. All are closed on exec.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { Close(); }

  void Close();
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct SpawnSpec {
  std::string program;  // absolute, or relative to the working directory
  std::vector<std::string> arguments;
  std::vector<const Descriptor*> descriptors;  // become 0, 1, 2, …; all others are closed
  std::vector<std::string> environment;        // names of the variables that are passed on
};

[[nodiscard]] Result<pid_t> Spawn(const SpawnSpec& spec);

// A pipe and a pair of connected sockets, closed on exec, numbered too high to be in the way of
// `descriptors`.
struct DescriptorPair {
  Descriptor first;   // of a pipe: to read from
  Descriptor second;  // of a pipe: to write to
};
[[nodiscard]] Result<DescriptorPair> MakePipe();
[[nodiscard]] Result<DescriptorPair> MakeSockets();
[[nodiscard]] Result<Descriptor> OpenNull();

// "killed by SIGSEGV (11)", "exited with status 3": from what waitid says.
[[nodiscard]] std::string DescribeEnd(int code, int status);

}  // namespace spillgate
