// FrameSocket: frames over a stream socket, without waiting: what has arrived is taken apart, what
// does not fit into the socket is kept. Owns no descriptor. One thread.
#pragma once

#include "schema/frame.h"
#include "schema/out_buffer.h"

namespace spillgate {

class FrameSocket {
 public:
  explicit FrameSocket(int fd) : fd_(fd) {}

  enum class State : std::uint8_t {
    kOpen,
    kEmpty,   // nothing more to read for now, or no room to write
    kClosed,  // the other side is gone
  };
  // Reads once, 64 KiB at most.
  [[nodiscard]] State Read();
  // The next whole frame that was read; empty: there is none yet, or what was read is no frame:
  // then Broken. It stays where it is until Pop.
  [[nodiscard]] ByteView Front();
  void Pop();
  [[nodiscard]] bool broken() const { return broken_; }

  // Frames to be sent by Write.
  [[nodiscard]] wire::OutBuffer& out() { return out_; }
  [[nodiscard]] State Write();

 private:
  int fd_;
  wire::OutBuffer in_;
  wire::OutBuffer out_;
  std::size_t front_ = 0;  // bytes of the frame that Front gave
  bool broken_ = false;
};

}  // namespace spillgate
