// SG_CHECK: for what only a bug of ours can break. Always on; it prints where and why, then aborts,
// so that a node never carries on wrong (recovery from the journal is the way back). Nothing that a
// client, a peer, a worker or a store sends may reach one: such input gets an error value instead.
#pragma once

namespace spillgate {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition) noexcept;

}  // namespace spillgate

#define SG_CHECK(condition)                             \
  (__builtin_expect(static_cast<bool>(condition), true) \
       ? static_cast<void>(0)                           \
       : ::spillgate::CheckFailed(__FILE__, __LINE__, #condition))
