// Where the node is and who we are to it: "unix:///path" or "tcp://host:port", and the token that
// TCP may need. Called by Client::Connect and by the command; only ReadToken touches a file. Any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/lib/failure.h"
#include "schema/auth.h"

namespace spillgate::client {

struct Endpoint {
  bool is_unix = true;
  std::string path;  // of a Unix socket
  std::string host;  // of TCP, without brackets
  std::uint16_t port = 0;
};

// "unix:///run/x.sock", "tcp://127.0.0.1:7440", "tcp://[::1]:7440". Nothing is looked up.
[[nodiscard]] Result<Endpoint> ParseEndpoint(std::string_view address);
// What an empty address stands for: $SPILLGATE_ADDRESS, else the user's own socket.
[[nodiscard]] std::string DefaultAddress();
[[nodiscard]] std::string ToString(const Endpoint& endpoint);

struct Credentials {
  std::string name;
  wire::Secret token;
};

// One line "NAME TOKEN", as the node's own file has many: the one of `name`, or the first. A file
// that others may read is refused. Errors name the file, never the token.
[[nodiscard]] Result<Credentials> ReadToken(const std::string& path, std::string_view name);

}  // namespace spillgate::client
