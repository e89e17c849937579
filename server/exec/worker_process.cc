#include "server/exec/worker_process.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/base/format.h"

namespace spillgate {
namespace {

constexpr int kOutputPipe =
    256 << 10;  // bytes; a worker that writes more at once waits for us to read

void MakeNonBlocking(const Descriptor& descriptor) {
  fcntl(descriptor.get(), F_SETFL, fcntl(descriptor.get(), F_GETFL) | O_NONBLOCK);
}

template <class Duration>
std::string Count(Nanos time) {
  return Format("{}", std::chrono::duration_cast<Duration>(time).count());
}

}  // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const WorkerOptions& options) {
  Result<DescriptorPair> sockets = MakeSockets();
  if (!sockets.ok()) return sockets.error();
  Result<DescriptorPair> output = MakePipe();
  if (!output.ok()) return output.error();
  const Result<Descriptor> null = OpenNull();
  if (!null.ok()) return null.error();
  const Descriptor& written = output.value().second;
  const Result<pid_t> pid = Spawn(
      {.program = options.program,
       .arguments = {"--node-pid", Format("{}", getpid()), "--memory", Format("{}", options.memory),
                     "--poll-us", Count<std::chrono::microseconds>(options.poll), "--patience-us",
                     Count<std::chrono::microseconds>(options.patience)},
       .descriptors = {&null.value(), &written, &written, &sockets.value().second},
       .environment = options.environment});
  if (!pid.ok()) return pid.error();
  MakeNonBlocking(sockets.value().first);
  MakeNonBlocking(output.value().first);
  fcntl(output.value().first.get(), F_SETPIPE_SZ, kOutputPipe);  // as far as the system allows
  // It is ours to wait for, so its id cannot be somebody else's yet.
  Descriptor pidfd(static_cast<int>(syscall(SYS_pidfd_open, pid.value(), 0)));
  if (!pidfd.open()) {
    const int error = errno;
    kill(-pid.value(), SIGKILL);
    waitpid(pid.value(), nullptr, 0);
    return Error{Code::kUnavailable, Format("cannot watch the worker: {}", std::strerror(error))};
  }
  return std::make_unique<WorkerProcess>(pid.value(), std::move(sockets.value().first),
                                         std::move(output.value().first), std::move(pidfd));
}

WorkerProcess::~WorkerProcess() {
  if (reaped_) return;
  Kill();
  siginfo_t end{};
  waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED);
}

void WorkerProcess::Kill() const {
  if (reaped_) return;
  kill(-pid_, SIGKILL);
  kill(pid_, SIGKILL);  // if it has left its group
}

std::optional<std::string> WorkerProcess::Reap() {
  siginfo_t end{};
  const auto id = static_cast<id_t>(pid_);
  if (waitid(P_PID, id, &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid == 0) return {};
  kill(-pid_, SIGKILL);  // while the group's number is still taken by the dead one
  waitid(P_PID, id, &end, WEXITED);
  reaped_ = true;
  return DescribeEnd(end.si_code, end.si_status);
}

}  // namespace spillgate
