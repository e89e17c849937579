#include "client/cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "client/cli/exits.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr int kCannotExec = 127;

std::vector<char*> Words(const Launch& launch) {
  std::vector<char*> words;
  words.push_back(const_cast<char*>(launch.program.c_str()));
  for (const std::string& word : launch.arguments) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  return words;
}

// Those that ask this process to end.
sigset_t EndingSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaddset(&set, signal);
  return set;
}

// In the child: only calls that are safe after a fork, and no way back.
[[noreturn]] void Become(const Launch& launch, char* const* words, int log, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (launch.detached) {
    setsid();
    const int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
  } else {
    setpgid(0, 0);  // the terminal's Ctrl-C reaches it through its supervisor, once
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(kCannotExec);
  }
  if (log >= 0) {
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
  }
  execv(launch.program.c_str(), words);
  _exit(kCannotExec);
}

Error CannotStart(const std::string& program, int error) {
  return {Code::kUnavailable, Format("cannot start {}: {}", program, std::strerror(error))};
}

}  // namespace

std::string OwnFolder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

Error Replace(const Launch& launch) {
  execv(launch.program.c_str(), Words(launch).data());
  return CannotStart(launch.program, errno);
}

Result<Process> Process::Start(const Launch& launch) {
  if (access(launch.program.c_str(), X_OK) != 0) return CannotStart(launch.program, errno);
  int log = -1;
  if (!launch.log.empty()) {
    log = open(launch.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) {
      return Error{Code::kInvalid,
                   Format("{}: cannot write the node's log: {}", launch.log, std::strerror(errno))};
    }
  }
  const std::vector<char*> words = Words(launch);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Become(launch, words.data(), log, parent);
  const int error = errno;
  if (log >= 0) close(log);
  if (pid < 0) return CannotStart(launch.program, error);
  // It is ours to wait for, so its number cannot be somebody else's yet.
  return Process(pid, static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      exit_code_(other.exit_code_) {}

Process::~Process() {
  if (pidfd_ >= 0) close(pidfd_);
}

bool Process::Reap(bool block) {
  if (exit_code_ >= 0) return true;
  int status = 0;
  pid_t got = 0;
  do {
    got = waitpid(pid_, &status, block ? 0 : WNOHANG);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return false;
  exit_code_ = got < 0               ? kFailed
               : WIFSIGNALED(status) ? kSignalled + WTERMSIG(status)
                                     : WEXITSTATUS(status);
  return true;
}

bool Process::AwaitEnd(Nanos time) {
  pollfd watched{.fd = pidfd_, .events = POLLIN, .revents = 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  poll(&watched, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)));
  return Reap(false);
}

int Process::Supervise() {
  sigset_t watched = EndingSignals();
  sigaddset(&watched, SIGCHLD);
  sigset_t before;
  sigprocmask(SIG_BLOCK, &watched, &before);
  while (!Reap(false)) {
    const int signal = sigwaitinfo(&watched, nullptr);
    if (signal > 0 && signal != SIGCHLD) kill(pid_, signal == SIGHUP ? SIGTERM : signal);
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  return exit_code_;
}

}  // namespace spillgate::cli
