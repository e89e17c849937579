// OwnNode: a node for one verb: a child process with a socket, a state folder and a log in a
// temporary folder of its own. It ends, and the folder goes, with this object; it also ends if this
// process is killed. One thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "client/cli/node_settings.h"
#include "client/cli/process.h"
#include "core/base/clock.h"
#include "core/base/result.h"

namespace spillgate::cli {

class OwnNode {
 public:
  // Ready to serve when it returns. The error tells what the node said last.
  [[nodiscard]] static Result<OwnNode> Start(NodeSettings settings, Nanos within);
  OwnNode(OwnNode&&) noexcept;
  OwnNode& operator=(OwnNode&&) = delete;
  ~OwnNode();

  [[nodiscard]] const std::string& address() const { return place_.address; }
  [[nodiscard]] pid_t process() const { return node_->pid(); }
  // Whether its journal is on a disk; a folder in memory makes syncing cost nothing.
  [[nodiscard]] bool on_disk() const;

 private:
  explicit OwnNode(std::string folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Status AwaitReady(Nanos within);
  void Stop();

  std::string folder_;
  NodePlace place_;
  std::optional<Process> node_;
};

}  // namespace spillgate::cli
