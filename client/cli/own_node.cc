#include "client/cli/own_node.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "client/cli/exits.h"
#include "client/lib/client.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr Nanos kLookEvery = std::chrono::milliseconds(10);
constexpr Nanos kEndWithin = std::chrono::seconds(10);  // of SIGTERM; then it is killed
constexpr std::size_t kLinesTold = 3;

std::string LastLines(const std::string& log) {
  std::ifstream file(log);
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(std::move(line));
    if (lines.size() > kLinesTold) lines.pop_front();
  }
  std::string text;
  for (const std::string& line : lines) text += Format("{}{}", text.empty() ? "" : " | ", line);
  return text;
}

}  // namespace

Result<OwnNode> OwnNode::Start(NodeSettings settings, Nanos within) {
  Result<std::string> folder = MakePrivateDir();
  if (!folder.ok()) return folder.error();
  settings.private_dir = folder.value();
  OwnNode node(std::move(folder).value());
  Result<NodePlace> place = settings.Place();
  if (!place.ok()) return place.error();
  node.place_ = std::move(place).value();
  Result<Process> process = Process::Start({.program = OwnFolder() + "/spillgated",
                                            .arguments = settings.Arguments(),
                                            .log = node.place_.log});
  if (!process.ok()) return process.error();
  node.node_.emplace(std::move(process).value());
  if (const Status status = node.AwaitReady(within); !status.ok()) return status.error();
  return node;
}

Status OwnNode::AwaitReady(Nanos within) {
  const SteadyClock clock;
  const Instant until = After(clock.Now(), within);
  while (!node_->AwaitEnd(kLookEvery)) {
    const Nanos left = std::max(Nanos(0), until - clock.Now());
    client::ClientOptions options;
    options.address = place_.address;
    options.connect_timeout = std::max<Nanos>(kLookEvery, left);
    if (client::Client::Connect(std::move(options)).ok()) return {};
    if (left > Nanos(0)) continue;
    return Error{Code::kTimeout,
                 Format("the node was not ready in time; it said: {}", LastLines(place_.log))};
  }
  const bool bad_config = node_->exit_code() == kBadConfig;
  return Error{bad_config ? Code::kInvalid : Code::kUnavailable,
               Format("the node ended with {} before it was ready; it said: {}", node_->exit_code(),
                      LastLines(place_.log))};
}

OwnNode::OwnNode(OwnNode&& other) noexcept
    : folder_(std::exchange(other.folder_, std::string())),
      place_(std::move(other.place_)),
      node_(std::move(other.node_)) {
  other.node_.reset();
}

OwnNode::~OwnNode() {
  if (node_.has_value()) Stop();
  std::error_code ignored;  // a folder that stays is not worth a word
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

void OwnNode::Stop() {
  if (node_->AwaitEnd(Nanos(0))) return;
  kill(node_->pid(), SIGTERM);
  if (node_->AwaitEnd(kEndWithin)) return;
  kill(node_->pid(), SIGKILL);
  node_->AwaitEnd(kEndWithin);
}

bool OwnNode::on_disk() const {
  struct statfs system{};
  if (statfs(folder_.c_str(), &system) != 0) return true;
  return system.f_type != TMPFS_MAGIC && system.f_type != RAMFS_MAGIC;
}

}  // namespace spillgate::cli
