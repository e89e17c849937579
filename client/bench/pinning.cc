#include "client/bench/pinning.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
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

bool IsSlot(const std::filesystem::path& thread) {
  std::string name;
  return std::getline(std::ifstream(thread / "comm"), name) && name == kSlotThread;
}

// Threads that end meanwhile are no failure; those that begin come from one that is there already.
Status MoveProcess(pid_t process, const cpu_set_t& to, const cpu_set_t& slots) {
  std::error_code error;
  const std::filesystem::directory_iterator tasks(Format("/proc/{}/task", process), error);
  if (error) return Error{Code::kUnavailable, Format("process {}: {}", process, error.message())};
  for (const auto& task : tasks) {
    const std::string name = task.path().filename();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    const cpu_set_t& cores = IsSlot(task.path()) ? slots : to;
    if (sched_setaffinity(thread, sizeof(cores), &cores) != 0 && errno != ESRCH) {
      return Error{Code::kDenied, Format("cannot pin process {}: {}; leave --pin away", process,
                                         std::strerror(errno))};
    }
  }
  return {};
}

}  // namespace

bool CanPlace(Placement placement, double slots) {
  const cpu_set_t allowed = Allowed();
  if (placement == Placement::kSlots) return CPU_COUNT(&allowed) >= slots + 1;
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
  const int cores = CPU_COUNT(&allowed);
  if (placement != Placement::kSame && cores < 2) {
    return Error{Code::kInvalid,
                 Format("--pin {} takes two cores, and this process has one", ToString(placement))};
  }
  const int client_core = CoreAt(allowed, placement == Placement::kSlots ? cores - 1 : 0);
  const int node_core = placement == Placement::kAcross ? CoreAt(allowed, 1) : client_core;
  pinning.node_cores_ = pinning.slot_cores_ = Only(node_core);
  if (placement == Placement::kSlots) {
    pinning.slot_cores_ = allowed;
    CPU_CLR(client_core, &pinning.slot_cores_);
  }
  sched_getaffinity(node, sizeof(pinning.node_before_), &pinning.node_before_);
  pinning.node_ = node;
  const Status status = MoveProcess(node, pinning.node_cores_, pinning.slot_cores_);
  if (!status.ok()) return status.error();
  const cpu_set_t own = Only(client_core);
  sched_setaffinity(0, sizeof(own), &own);
  return pinning;
}

void Pinning::AddToNode(pid_t process) const {
  if (node_ == 0) return;
  static_cast<void>(MoveProcess(process, node_cores_, slot_cores_).ok());
}

Pinning::Pinning(Pinning&& other) noexcept
    : before_(other.before_),
      node_before_(other.node_before_),
      node_cores_(other.node_cores_),
      slot_cores_(other.slot_cores_),
      node_(std::exchange(other.node_, 0)) {}

Pinning::~Pinning() {
  if (node_ == 0) return;
  static_cast<void>(MoveProcess(node_, node_before_, node_before_).ok());
  sched_setaffinity(0, sizeof(before_), &before_);
}

}  // namespace spillgate::bench
