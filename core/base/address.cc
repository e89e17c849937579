#include "core/base/address.h"

#include <arpa/inet.h>

#include <charconv>

#include "core/base/format.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostName = 253;  // of a host name, by the rules of DNS

bool IsHostName(std::string_view text) {
  if (text.empty() || text.size() > kMostName) return false;
  bool digits_only = true;
  for (const char c : text) {
    const bool digit = (c >= '0' && c <= '9') || c == '.';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    if (!digit && !letter) return false;
    digits_only = digits_only && digit;
  }
  if (!digits_only) return true;
  in_addr parsed{};  // all digits: an IPv4 address or a mistake
  return inet_pton(AF_INET, std::string(text).c_str(), &parsed) == 1;
}

bool IsIpv6(std::string_view text) {
  in6_addr parsed{};
  return inet_pton(AF_INET6, std::string(text).c_str(), &parsed) == 1;
}

}  // namespace

bool Address::IsLoopback() const {
  if (host == "localhost") return true;
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::optional<Address> ParseAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed ? !IsIpv6(host) : !IsHostName(host)) return std::nullopt;

  Address address{std::string(host), 0};
  const char* end = port.data() + port.size();
  const auto [after, error] = std::from_chars(port.data(), end, address.port);
  if (error != std::errc() || after != end) return std::nullopt;
  return address;
}

std::string DefaultSocket(const std::string& runtime_dir, std::uint32_t uid) {
  if (!runtime_dir.empty()) return runtime_dir + "/spillgate/default.sock";
  return Format("/tmp/spillgate-{}/default.sock", uid);
}

}  // namespace spillgate
