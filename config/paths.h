// Where things are by default: the socket, the state, the journal, the worker program. What the
// config leaves open is filled from the surroundings of the process, which are passed in. Nothing
// is created here. Used at start, and by the command, which has to find the same socket.
#pragma once

#include <cstdint>
#include <string>

#include "config/config.h"
#include "core/base/address.h"
#include "core/base/result.h"

namespace spillgate::config {

struct Surroundings {
  std::string runtime_dir;  // $XDG_RUNTIME_DIR
  std::string state_home;   // $XDG_STATE_HOME
  std::string home;         // $HOME
  std::string host_name;
  std::string program;  // absolute path of the running program
  std::uint32_t uid = 0;

  [[nodiscard]] static Surroundings OfThisProcess();
};

// Fails if the path is longer than the system allows for a socket.
[[nodiscard]] Result<std::string> SocketPath(const ListenConfig& listen,
                                             const Surroundings& around);

// Fails if neither $XDG_STATE_HOME nor $HOME says where state belongs.
[[nodiscard]] Result<std::string> StateDir(const NodeConfig& node, const Surroundings& around);
[[nodiscard]] Result<std::string> JournalDir(const Config& config, const Surroundings& around);

[[nodiscard]] std::string NodeName(const NodeConfig& node, const Surroundings& around);
[[nodiscard]] std::string WorkerProgram(const WorkersConfig& workers, const Surroundings& around);

}  // namespace spillgate::config
