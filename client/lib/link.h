// Link: one connection to a node: connecting, the handshake, whole frames in, bytes out. Never
// waits but in Open and ShakeHands, which end at their deadline. Whoever drives the client uses it,
// one thread at a time. A link that broke stays broken; problem() says why.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "client/lib/address.h"
#include "client/lib/failure.h"
#include "core/base/clock.h"
#include "schema/frame.h"
#include "schema/messages.h"
#include "schema/out_buffer.h"

namespace spillgate::client {

// Who says Hello.
struct Visitor {
  wire::Kind kind = wire::Kind::kClient;
  std::string name;
  std::string software;
  wire::Secret token;  // empty: none
};

class Link {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Link>> Open(const Endpoint& endpoint,
                                                          const Clock& clock, Instant until);
  // For tests: over a connected stream socket, which it takes over.
  [[nodiscard]] static std::unique_ptr<Link> Over(int fd);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Greeting, Hello, Welcome. `session` 0 asks for a new one.
  [[nodiscard]] Result<wire::Welcome> ShakeHands(const Visitor& visitor, SessionId session,
                                                 const wire::Token& resume, const Clock& clock,
                                                 Instant until);

  // Writes what the socket takes of `out`. False: broken.
  [[nodiscard]] bool Send(wire::OutBuffer& out);
  // One read, also of what a peer that went away said last. False: broken; whole frames that came
  // before are still there.
  [[nodiscard]] bool Receive();
  [[nodiscard]] bool received() const { return received_; }  // the last Receive brought something
  // The next whole frame, good until the next Receive. Nothing: none, or bytes that are no frame,
  // which breaks the link.
  [[nodiscard]] std::optional<wire::FrameView> NextFrame();

  // Sleeps until there is something to read, `other_fd` is readable, or, with `writable`, there is
  // room to write; -1 for no other. Returns early on a signal.
  void Sleep(int other_fd, bool writable, Nanos at_most) const;

  // From now on broken, for this reason if it is the first. Always false.
  bool Break(FailureKind kind, std::string why);
  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] const Failure& problem() const { return problem_; }

 private:
  explicit Link(int fd);
  void MakeRoom(std::size_t frame);
  [[nodiscard]] Result<wire::FrameView> AwaitFrame(wire::FrameType type, const Clock& clock,
                                                   Instant until);

  const int fd_;
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t wanted_ = 0;  // size of the frame that has begun to come
  std::size_t max_payload_ = 0;
  bool received_ = false;
  bool broken_ = false;
  Failure problem_;
};

}  // namespace spillgate::client
