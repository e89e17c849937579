#include "core/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace spillgate {

void CheckFailed(const char* file, int line, const char* condition) noexcept {
  std::fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, condition);
  std::abort();
}

}  // namespace spillgate
