// Connection: one socket's frames. Cuts what arrives into frames and hands each to its owner; sends
// what the owner appends, once a turn. Loop's thread only. Reads at most 192 KiB a turn; a peer
// that sends no frame within its time, or does not read its replies, is closed by the owner. Header
// errors close it after one Error frame.
#pragma once

#include <uv.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "core/base/buffer.h"
#include "core/base/clock.h"
#include "core/base/ids.h"
#include "schema/frame.h"
#include "schema/out_buffer.h"

namespace spillgate::net {

class Connection;
struct Visitor;

class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  // `bytes`, the whole frame, are valid during the call. What came behind it is kept if the owner
  // pauses reading here.
  virtual void OnFrame(Connection& connection, const wire::FrameView& frame, ByteView bytes) = 0;
  // A frame too large for one read has begun. False: not now; reading is paused, and it is asked
  // again when it goes on. What was taken is given back by OnTaken, when the frame is whole or the
  // connection is gone.
  [[nodiscard]] virtual bool MayTake(Connection& connection, std::size_t bytes) = 0;
  virtual void OnTaken(std::size_t bytes) = 0;
  // All that one read brought was handed over.
  virtual void OnReadEnd(Connection& connection) = 0;
  // The stream has ended or was closed; the connection is destroyed soon after the call.
  virtual void OnClosed(Connection& connection, std::string_view why) = 0;
  // A write that did not go out at once has.
  virtual void OnWritten(Connection& connection) = 0;
};

struct ConnectionLimits {
  std::size_t body = wire::kMaxBody;
  std::size_t payload = 16 << 20;  // of one frame
  std::size_t egress = 8 << 20;    // bytes queued beyond which pushes pause
};

class Connection {
 public:
  Connection(ConnectionId id, ConnectionOwner& owner, ConnectionLimits limits);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One of these once, then Start.
  [[nodiscard]] int AcceptPipe(uv_stream_t* server);
  [[nodiscard]] int AcceptTcp(uv_stream_t* server);
  [[nodiscard]] int AdoptPipe(uv_loop_t* loop, int fd);
  void Start();

  // Appended bytes go out at the next Flush.
  [[nodiscard]] wire::OutBuffer& out() { return out_; }
  // May close it, as Close does.
  void Flush();
  void PauseReading();
  void ResumeReading();
  // The owner lets go of it before this returns: what it kept of the connection is gone then.
  void Close(std::string_view why);
  // Sends what it can at once, and closes.
  void FlushAndClose(std::string_view why);

  // From the next frame on.
  void SetLimits(const ConnectionLimits& limits) { limits_ = limits; }

  // What its owner knows it as.
  void set_visitor(Visitor* visitor) { visitor_ = visitor; }
  [[nodiscard]] Visitor* visitor() const { return visitor_; }

  [[nodiscard]] ConnectionId id() const { return id_; }
  [[nodiscard]] bool is_unix() const { return is_unix_; }
  [[nodiscard]] bool closing() const { return closing_; }
  [[nodiscard]] bool reading() const { return reading_; }
  [[nodiscard]] std::size_t egress() const { return out_.size() + in_write_.size(); }
  // A frame has begun and is not whole.
  [[nodiscard]] bool partial() const { return !large_.empty() || end_ > begin_; }
  [[nodiscard]] bool behind() const { return egress() >= limits_.egress; }
  [[nodiscard]] bool caught_up() const { return egress() < limits_.egress / 2; }
  [[nodiscard]] int fd() const;

 private:
  static constexpr std::size_t kReadBuffer = 64 << 10;
  static constexpr std::size_t kTurn = 3 * kReadBuffer;  // that are read before others have theirs

  void OnAlloc(uv_buf_t* buffer);
  void OnRead(ssize_t count);
  void CutFrames();
  bool CutOne();
  void FailHeader(wire::HeaderError error);
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&handle_); }

  const ConnectionId id_;
  ConnectionOwner& owner_;
  Visitor* visitor_ = nullptr;
  ConnectionLimits limits_;
  union {
    uv_pipe_t pipe;
    uv_tcp_t tcp;
  } handle_;
  uv_write_t write_;
  bool is_unix_ = true;
  bool reading_ = false;
  bool writing_ = false;
  bool closing_ = false;

  // What was read and not yet cut: [begin_, end_) of buffer_. A frame larger than that is read into
  // large_.
  std::unique_ptr<std::byte[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t room_ = 0;          // of the read that libuv has asked for
  std::size_t may_read_ = kTurn;  // in this turn
  Buffer large_;
  std::size_t large_filled_ = 0;

  wire::OutBuffer out_;
  wire::OutBuffer in_write_;  // handed to libuv, untouched until it says so
};

}  // namespace spillgate::net
