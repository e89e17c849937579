#include "core/base/slices.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>

#include "core/base/clock.h"

namespace spillgate {
namespace {

constexpr Nanos kShort = std::chrono::microseconds(100);  // the least that the kernel grants
constexpr std::uint64_t kResetOnFork = 1;

// As the kernel has it; this system's C library does not declare it.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // ns; of an ordinary thread, its slice
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

}  // namespace

void AskForShortSlices() {
  SchedulingAttributes attributes;
  // An older kernel may know fewer of them, and says so by refusing.
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;  // whoever chose another knows better
  attributes.flags |= kResetOnFork;
  attributes.runtime = static_cast<std::uint64_t>(kShort.count());
  (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace spillgate
