// Where a node is to be found. "127.0.0.1:7440", "[::1]:7440", "node1.local:7440" are what it
// listens on, as its config spells them; DefaultSocket is where its user's own socket is. Pure
// text: nothing is looked up. The node and its clients must agree on all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillgate {

struct Address {
  std::string host;        // without brackets
  std::uint16_t port = 0;  // 0 lets the system choose

  // Only this machine can reach it: 127.0.0.0/8, ::1 or "localhost". Any other name may point
  // anywhere.
  [[nodiscard]] bool IsLoopback() const;
  friend bool operator==(const Address&, const Address&) = default;
};

[[nodiscard]] std::optional<Address> ParseAddress(std::string_view text);

inline constexpr std::size_t kMostSocketPath = 107;  // bytes, by sockaddr_un

// `runtime_dir` is $XDG_RUNTIME_DIR, or empty.
[[nodiscard]] std::string DefaultSocket(const std::string& runtime_dir, std::uint32_t uid);

}  // namespace spillgate
