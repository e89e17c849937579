// WorkerProcess: a started spillgate-worker: its process, the socket to it and the pipe that it
// writes its output to. No policy. Ended with its owner: killed and waited for. One thread, the one
// that started it: the process dies with that thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "server/exec/spawn.h"
#include "server/exec/worker_options.h"

namespace spillgate {

class WorkerProcess {
 public:
  [[nodiscard]] static Result<std::unique_ptr<WorkerProcess>> Start(const WorkerOptions& options);
  // Of a process that was started, which is this one's to wait for.
  WorkerProcess(pid_t pid, Descriptor socket, Descriptor output, Descriptor pidfd)
      : pid_(pid),
        socket_(std::move(socket)),
        output_(std::move(output)),
        pidfd_(std::move(pidfd)) {}
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // All without blocking. The last one is readable once the process has ended.
  [[nodiscard]] int socket() const { return socket_.get(); }
  [[nodiscard]] int output() const { return output_.get(); }
  [[nodiscard]] int ended() const { return pidfd_.get(); }

  // Kills it and its process group.
  void Kill() const;
  // How it ended, once it has; from then on its process id may be somebody else's. What is left of
  // its process group is killed first.
  [[nodiscard]] std::optional<std::string> Reap();

 private:
  const pid_t pid_;
  Descriptor socket_;
  Descriptor output_;
  Descriptor pidfd_;
  bool reaped_ = false;
};

}  // namespace spillgate
