#include "config/paths.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "core/base/format.h"

namespace spillgate::config {
namespace {

// The standard wants relative paths in these variables to be ignored.
std::string AbsoluteFrom(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value == '/' ? value : "";
}

std::string HostName() {
  char name[HOST_NAME_MAX + 1] = {};
  return gethostname(name, sizeof(name) - 1) == 0 && name[0] != 0 ? name : "localhost";
}

}  // namespace

Surroundings Surroundings::OfThisProcess() {
  std::error_code ignored;
  return {.runtime_dir = AbsoluteFrom("XDG_RUNTIME_DIR"),
          .state_home = AbsoluteFrom("XDG_STATE_HOME"),
          .home = AbsoluteFrom("HOME"),
          .host_name = HostName(),
          .program = std::filesystem::read_symlink("/proc/self/exe", ignored).string(),
          .uid = static_cast<std::uint32_t>(getuid())};
}

Result<std::string> SocketPath(const ListenConfig& listen, const Surroundings& around) {
  std::string path = listen.unix_path;
  if (path.empty()) path = DefaultSocket(around.runtime_dir, around.uid);
  if (path.size() <= kMostSocketPath) return path;
  return Error{Code::kInvalid,
               Format("the socket's path {} has {} bytes, and the system takes at most {}: set "
                      "listen.unix to a shorter one",
                      path, path.size(), kMostSocketPath)};
}

Result<std::string> StateDir(const NodeConfig& node, const Surroundings& around) {
  if (!node.state_dir.empty()) return node.state_dir;
  if (!around.state_home.empty()) return around.state_home + "/spillgate";
  if (!around.home.empty()) return around.home + "/.local/state/spillgate";
  return Error{Code::kInvalid,
               "neither XDG_STATE_HOME nor HOME is set, so there is no place for the node's state: "
               "set node.state_dir"};
}

Result<std::string> JournalDir(const Config& config, const Surroundings& around) {
  if (!config.journal.dir.empty()) return config.journal.dir;
  Result<std::string> state = StateDir(config.node, around);
  if (!state.ok()) return state;
  return state.value() + "/journal";
}

std::string NodeName(const NodeConfig& node, const Surroundings& around) {
  return node.name.empty() ? around.host_name : node.name;
}

std::string WorkerProgram(const WorkersConfig& workers, const Surroundings& around) {
  if (!workers.program.empty()) return workers.program;
  return std::filesystem::path(around.program).replace_filename("spillgate-worker").string();
}

}  // namespace spillgate::config
