#include "client/cli/node_settings.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "client/lib/address.h"
#include "config/paths.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr std::string_view kSocketName = "/node.sock";

void Append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::vector<std::string> AsArguments(const std::string& config,
                                     const std::vector<std::string>& sets) {
  std::vector<std::string> arguments;
  if (!config.empty()) Append(arguments, {"-c", config});
  for (const std::string& set : sets) Append(arguments, {"--set", set});
  return arguments;
}

// As many as by default, if the stages that have room for all of them have that much; and no fewer
// than are allowed already.
std::uint32_t MostInFlight(const config::Config& settings) {
  const config::StagesConfig& stages = settings.stages;
  const std::uint32_t room = std::min({stages.resolution.capacity, stages.scheduling.capacity,
                                       stages.execution.capacity, stages.publication.capacity});
  const std::uint32_t rest = room - std::min(room, settings.limits.spawn_reserve);
  return std::max(settings.limits.in_flight, std::min(config::LimitsConfig{}.in_flight, rest));
}

}  // namespace

Status NodeSettings::ListenAt(const std::string& address) {
  if (address.empty()) return {};
  const auto endpoint = client::ParseEndpoint(address);
  if (!endpoint.ok()) return Error{Code::kInvalid, endpoint.error().message};
  if (endpoint.value().is_unix) {
    listen.push_back("listen.unix=" + endpoint.value().path);
  } else {
    constexpr std::string_view kScheme = "tcp://";
    listen.push_back("listen.tcp=" + ToString(endpoint.value()).substr(kScheme.size()));
  }
  return {};
}

std::vector<std::string> NodeSettings::AllSets() const {
  std::vector<std::string> all;
  if (!private_dir.empty()) {
    // Nothing that a second private node, or the user's own, could be in the way of.
    all = {Format("listen.unix={}{}", private_dir, kSocketName), "listen.tcp=", "listen.admin=",
           "listen.peer=", Format("node.state_dir={}/state", private_dir)};
  }
  Append(all, sets);
  Append(all, listen);
  return all;
}

std::vector<std::string> NodeSettings::Arguments() const {
  return AsArguments(config, AllSets());
}

std::vector<std::string> NodeSettings::OwnArguments() const {
  std::vector<std::string> own = sets;
  Append(own, listen);
  return AsArguments(config, own);
}

Result<config::Loaded> NodeSettings::Load() const {
  return config::Load(config, {.environment = config::VariablesFrom(environ), .flags = AllSets()});
}

Result<NodePlace> NodeSettings::Place() const {
  const Result<config::Loaded> loaded = Load();
  if (!loaded.ok()) return loaded.error();
  const config::Config& settings = loaded.value().config;
  const config::Surroundings around = config::Surroundings::OfThisProcess();
  const Result<std::string> socket = config::SocketPath(settings.listen, around);
  if (!socket.ok()) return socket.error();
  const Result<std::string> state = config::StateDir(settings.node, around);
  if (!state.ok()) return state.error();
  NodePlace place{.address = "unix://" + socket.value(),
                  .log = (private_dir.empty() ? state.value() : private_dir) + "/node.log"};
  return place;
}

Result<NodeSettings> NodeSettings::WithoutBoundsInFlight() const {
  const Result<config::Loaded> loaded = Load();
  if (!loaded.ok()) return loaded.error();
  const config::Config& settings = loaded.value().config;
  NodeSettings without = *this;
  without.sets.push_back(Format("limits.in_flight={}", MostInFlight(settings)));
  for (const auto& [name, tenant] : settings.tenants) {
    const config::TenantConfig usual;
    without.sets.push_back(Format("tenant.{}.in_flight={}", name, usual.in_flight));
    without.sets.push_back(Format("tenant.{}.client_in_flight={}", name, usual.client_in_flight));
  }
  return without;
}

Result<std::string> MakePrivateDir() {
  constexpr std::string_view kPattern = "/spillgate-XXXXXX";
  const char* wanted = std::getenv("TMPDIR");
  std::string dir = wanted != nullptr && *wanted == '/' ? wanted : "/tmp";
  if (dir.size() + kPattern.size() + kSocketName.size() > kMostSocketPath) dir = "/tmp";
  dir += kPattern;
  if (mkdtemp(dir.data()) != nullptr) return dir;
  return Error{
      Code::kUnavailable,
      Format("cannot make a folder for a private node: {}: {}; set TMPDIR to a folder that "
             "can be written",
             dir, std::strerror(errno))};
}

}  // namespace spillgate::cli
