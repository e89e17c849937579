#include "server/exec/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "core/base/format.h"

namespace spillgate {
namespace {

constexpr int kFirstFree = 16;  // above all numbers that a started program is given

Error FromErrno(std::string_view what, int error) {
  return {Code::kUnavailable, Format("{}: {}", what, std::strerror(error))};
}

// The same descriptor under a number that is out of the way.
Descriptor Lift(int fd) {
  Descriptor low(fd);
  return Descriptor(fcntl(low.get(), F_DUPFD_CLOEXEC, kFirstFree));
}

Result<DescriptorPair> Lift(const int (&fds)[2]) {
  DescriptorPair pair{.first = Lift(fds[0]), .second = Lift(fds[1])};
  if (!pair.first.open() || !pair.second.open()) return FromErrno("out of descriptors", errno);
  return pair;
}

std::vector<std::string> VariablesOf(const std::vector<std::string>& names) {
  std::vector<std::string> variables;
  for (const std::string& name : names) {
    const char* value = std::getenv(name.c_str());
    if (value != nullptr) variables.push_back(name + "=" + value);
  }
  return variables;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

void Descriptor::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

Result<pid_t> Spawn(const SpawnSpec& spec) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  int next = 0;
  for (const Descriptor* descriptor : spec.descriptors) {
    posix_spawn_file_actions_adddup2(&actions, descriptor->get(), next++);
  }
  posix_spawn_file_actions_addclosefrom_np(&actions, next);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  std::vector<std::string> arguments{spec.program};
  arguments.insert(arguments.end(), spec.arguments.begin(), spec.arguments.end());
  std::vector<std::string> variables = VariablesOf(spec.environment);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, spec.program.c_str(), &actions, &attributes,
                                Pointers(arguments).data(), Pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return FromErrno(Format("cannot start {}", spec.program), error);
  return pid;
}

Result<DescriptorPair> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return FromErrno("cannot make a pipe", errno);
  return Lift(fds);
}

Result<DescriptorPair> MakeSockets() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return FromErrno("cannot make a pair of sockets", errno);
  }
  return Lift(fds);
}

Result<Descriptor> OpenNull() {
  Descriptor null = Lift(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.open()) return FromErrno("cannot open /dev/null", errno);
  return null;
}

std::string DescribeEnd(int code, int status) {
  if (code == CLD_EXITED) return Format("exited with status {}", status);
  const char* name = sigabbrev_np(status);
  return Format("killed by SIG{} ({})", name == nullptr ? "?" : name, status);
}

}  // namespace spillgate
