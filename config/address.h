// Addresses that the node listens on, as the config spells them: "127.0.0.1:7440", "[::1]:7440",
// "node1.local:7440". Pure text: nothing is looked up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace spillgate::config {

struct Address {
  std::string host;        // without brackets
  std::uint16_t port = 0;  // 0 lets the system choose

  // Only this machine can reach it: 127.0.0.0/8, ::1 or "localhost". Any other name may point
  // anywhere.
  [[nodiscard]] bool IsLoopback() const;
  friend bool operator==(const Address&, const Address&) = default;
};

[[nodiscard]] std::optional<Address> ParseAddress(std::string_view text);

}  // namespace spillgate::config
