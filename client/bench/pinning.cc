#include "client/bench/pinning.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "core/base/format.h"

namespace spillgate::bench {
namespace {

cpu_set_t Allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  return set;
}

cpu_set_t Only(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  return set;
}

// The n-th of the set; -1: it has fewer.
int CoreAt(const cpu_set_t& set, int n) {
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set) && n-- == 0) return core;
  }
  return -1;
}

// Threads that end meanwhile are no failure; those that begin come from one that is there already.
Status MoveProcess(pid_t process, const cpu_set_t& to) {
  std::error_code error;
  const std::filesystem::directory_iterator tasks(Format("/proc/{}/task", process), error);
  if (error) return Error{Code::kUnavailable, Format("process {}: {}", process, error.message())};
  for (const auto& task : tasks) {
    const std::string name = task.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    if (sched_setaffinity(thread, sizeof(to), &to) != 0 && errno != ESRCH) {
      return Error{Code::kDenied, Format("cannot pin process {}: {}; leave --pin away", process,
                                         std::strerror(errno))};
    }
  }
  return {};
}

}  // namespace

bool CanPlace(Placement placement) {
  const cpu_set_t allowed = Allowed();
  return placement != Placement::kAcross || CPU_COUNT(&allowed) >= 2;
}

Result<Pinning> Pinning::Make(Placement placement, pid_t node) {
  const cpu_set_t allowed = Allowed();
  Pinning pinning(allowed);
  if (placement == Placement::kFree) return pinning;
  if (node == 0) {
    return Error{Code::kInvalid,
                 "--pin needs to know the node's process: let the benchmark start its own node, or "
                 "use the Unix socket"};
  }
  const int client_core = CoreAt(allowed, 0);
  const int node_core = placement == Placement::kSame ? client_core : CoreAt(allowed, 1);
  if (node_core < 0) {
    return Error{Code::kInvalid, "--pin across takes two cores, and this process has one"};
  }
  sched_getaffinity(node, sizeof(pinning.node_before_), &pinning.node_before_);
  pinning.node_core_ = node_core;
  pinning.node_ = node;
  if (const Status status = MoveProcess(node, Only(node_core)); !status.ok()) return status.error();
  const cpu_set_t own = Only(client_core);
  sched_setaffinity(0, sizeof(own), &own);
  return pinning;
}

void Pinning::AddToNode(pid_t process) const {
  if (node_ == 0) return;
  static_cast<void>(MoveProcess(process, Only(node_core_)).ok());
}

Pinning::Pinning(Pinning&& other) noexcept
    : before_(other.before_),
      node_before_(other.node_before_),
      node_(std::exchange(other.node_, 0)),
      node_core_(other.node_core_) {}

Pinning::~Pinning() {
  if (node_ == 0) return;
  static_cast<void>(MoveProcess(node_, node_before_).ok());
  sched_setaffinity(0, sizeof(before_), &before_);
}

}  // namespace spillgate::bench
