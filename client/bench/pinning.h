// Pinning: client and node on the cores that a placement says, for as long as it lives. The calling
// thread, and those that it starts meanwhile, are the client; every thread of the node's process is
// the node, and those of its executor are its slots. Afterwards all may run where they could
// before. One thread.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <string_view>

#include "client/bench/options.h"
#include "core/base/result.h"

namespace spillgate::bench {

class Pinning {
 public:
  // `node` 0: there is no such process of ours, and then only kFree can be had.
  [[nodiscard]] static Result<Pinning> Make(Placement placement, pid_t node);
  Pinning(Pinning&& other) noexcept;
  Pinning& operator=(Pinning&&) = delete;
  ~Pinning();

  // Moves one more process, with all its threads, to where the node is; or the node itself once
  // more, with those that it has started meanwhile.
  void AddToNode(pid_t process) const;

 private:
  explicit Pinning(const cpu_set_t& before)
      : before_(before), node_before_(before), node_cores_(before), slot_cores_(before) {}

  cpu_set_t before_;       // of this thread
  cpu_set_t node_before_;  // of the node's first thread
  cpu_set_t node_cores_;
  cpu_set_t slot_cores_;
  pid_t node_ = 0;  // 0: nothing was pinned
};

// The threads of the node that run tasks, as it calls them.
inline constexpr std::string_view kSlotThread = "sg-exec";

// Whether this process may use as many cores as the placement wants.
[[nodiscard]] bool CanPlace(Placement placement, double slots = 1);

}  // namespace spillgate::bench
