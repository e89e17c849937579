// MemoryLimit: for as long as it lives, this process may take so many bytes of address space more
// than it has. For worker processes; one at a time.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace spillgate {

class MemoryLimit {
 public:
  // 0 bytes: no limit beside that of the process.
  explicit MemoryLimit(std::uint64_t bytes) {
    if (bytes == 0 || getrlimit(RLIMIT_AS, &before_) != 0) return;
    const std::uint64_t most = before_.rlim_max;  // RLIM_INFINITY is the largest number
    const std::uint64_t now = AddressSpace();
    const std::uint64_t wanted = bytes > most - std::min(most, now) ? most : now + bytes;
    const rlimit limit{.rlim_cur = std::min<rlim_t>(wanted, before_.rlim_cur),
                       .rlim_max = before_.rlim_max};
    set_ = setrlimit(RLIMIT_AS, &limit) == 0;
  }
  ~MemoryLimit() {
    if (set_) setrlimit(RLIMIT_AS, &before_);
  }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  static std::uint64_t AddressSpace() {
    std::FILE* file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr) return 0;
    unsigned long pages = 0;
    const int read = std::fscanf(file, "%lu", &pages);  // NOLINT: the kernel wrote a number there
    std::fclose(file);
    return read == 1 ? pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
  }

  rlimit before_{};
  bool set_ = false;
};

}  // namespace spillgate
