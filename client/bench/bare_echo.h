// BareEcho: what a round trip costs without a node: a forked child that answers so many bytes with
// so many bytes over a socket, and waits for them as nodes and clients do. The difference to a
// node's round trip is what the node, the protocol and the client cost. One thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace spillgate::bench {

struct EchoSizes {
  std::size_t request = 0;
  std::size_t reply = 0;
};
// For how long each side looks again before it blocks.
struct EchoPolls {
  Nanos client{0};
  Nanos server{0};
};

class BareEcho {
 public:
  [[nodiscard]] static Result<BareEcho> Start(EchoSizes sizes, EchoPolls polls);
  BareEcho(BareEcho&& other) noexcept;
  BareEcho& operator=(BareEcho&&) = delete;
  ~BareEcho();  // ends the child and waits for it

  // There and back. False: no answer within `at_most`.
  [[nodiscard]] bool Once(Nanos at_most);
  [[nodiscard]] pid_t process() const { return child_; }

 private:
  BareEcho(EchoSizes sizes, Nanos poll, int fd, pid_t child);

  EchoSizes sizes_;
  Nanos poll_;
  int fd_ = -1;
  pid_t child_ = -1;
  std::vector<std::byte> buffer_;
  SteadyClock clock_;
};

}  // namespace spillgate::bench
