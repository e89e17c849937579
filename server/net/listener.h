// Listener: the node's sockets for clients. Accepts, bounds and owns connections, carries replies
// to them, and closes those that do not keep to the rules. All on the loop's thread, but for Send
// and TakesPushes, which any stage calls.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "core/ports/reply_sink.h"
#include "server/net/connection.h"
#include "server/net/door.h"
#include "server/net/loop.h"

namespace spillgate::net {

struct ListenerOptions {
  std::string unix_path;  // "" is none
  unsigned unix_mode = 0600;
  std::string tcp_host;  // "" is none
  std::uint16_t tcp_port = 0;
  std::size_t connections = 1024;
  std::size_t connections_per_uid = 512;
  std::size_t connections_reserved = 4;    // of all, for the node's own user to look and make room
  std::size_t incoming_bytes = 256 << 20;  // of all large frames that are on their way in
  Nanos session_ttl = std::chrono::minutes(10);
  Nanos result_ttl = std::chrono::minutes(10);
  ConnectionLimits connection;
};

class Listener final : public ReplySink, private ConnectionOwner {
 public:
  Listener(Loop& loop, const Clock& clock, Door& door, SocketTally& tally, ListenerOptions options);
  ~Listener() override;

  // Binds and listens; the error names the address and what is in its way.
  [[nodiscard]] Status Open();
  // In the place of the options it was made with, after the door has got its own. The sockets stay
  // as they are, and so do connections beyond a bound that is smaller now.
  void Apply(ListenerOptions options);
  // No new connections; those there are stay.
  void StopAccepting();
  // After the loop's run: sends what there is to send, for a bounded time, and closes all.
  void CloseAll(std::string_view why);

  void Send(ConnectionId to, ByteView frames, std::uint32_t refused) override EXCLUDES(mutex_);
  [[nodiscard]] bool TakesPushes(ConnectionId to) const override;

  [[nodiscard]] std::size_t connections() const { return count_.load(std::memory_order_relaxed); }
  // How often one of them was not read for a while, as it was refused too much.
  [[nodiscard]] std::uint64_t rests() const { return rests_.load(std::memory_order_relaxed); }

 private:
  struct Outgoing {
    ConnectionId to;
    Buffer frames;
    std::uint32_t refused;
  };

  // A stretch of work of this thread: a read, or a turn of the loop from its first frame on.
  struct Stretch {
    Instant began = kNever;
    Nanos cpu{-1};  // if what it takes matters
    std::uint32_t frames = 0;

    void Begin(Instant now, bool matters) {
      began = now;
      if (matters) cpu = ThreadCpuTime();
    }
    [[nodiscard]] Nanos Busy(Instant now) const {
      if (began == kNever) return Nanos(0);
      return cpu >= Nanos(0) ? ThreadCpuTime() - cpu : std::max(Nanos(0), now - began);
    }
  };

  static constexpr std::size_t kSlotBits = 16;
  // The low bits of a connection's id: unique among those that are open.
  [[nodiscard]] static std::size_t SlotOf(ConnectionId id) {
    return id & ((std::size_t{1} << kSlotBits) - 1);
  }

  [[nodiscard]] Status OpenUnix();
  [[nodiscard]] Status OpenTcp();
  void Accept(uv_stream_t* server, bool is_unix);
  [[nodiscard]] std::string_view WhyFull(Visitor& visitor);
  void LeavePlace(const Visitor& visitor);
  void Deliver(ConnectionId to, ByteView frames, std::uint32_t refused);
  void DeliverPosted() EXCLUDES(mutex_);
  void EndTurn(Instant now);
  void CheckVisitors(Instant now);
  void ListSenders(Instant now);
  void RenewCredits(Instant now);
  void AnswerDrains(Instant now);
  [[nodiscard]] std::size_t Unsent() const;
  void ResumePaused(Instant now);
  void ShareRefusals(Instant now);
  void LetRest(Visitor& visitor, Instant now);
  void ResumeRested(Instant now);
  void NoteFull(Instant now);
  void NoteLarge(Visitor& visitor, bool waits);
  void Resume(Visitor& visitor);
  void HoldBack(Visitor& visitor);
  void CatchUp(Visitor& visitor);
  void TurnAway(uv_stream_t* server, bool is_unix);

  void OnFrame(Connection& connection, const wire::FrameView& frame, ByteView bytes) override;
  void OnReadEnd(Connection& connection) override;
  [[nodiscard]] bool MayTake(Connection& connection, std::size_t bytes) override;
  void OnTaken(std::size_t bytes) override { large_bytes_ -= bytes; }
  void OnClosed(Connection& connection, std::string_view why) override;
  void OnWritten(Connection& connection) override;

  Loop& loop_;
  const Clock& clock_;
  Door& door_;
  SocketTally& tally_;
  ListenerOptions options_;
  uv_pipe_t unix_{};
  uv_tcp_t tcp_{};
  bool unix_open_ = false;
  bool tcp_open_ = false;
  std::unordered_map<ConnectionId, Visitor> visitors_;
  std::unordered_map<std::uint32_t, std::size_t> per_uid_;  // without those in reserved places
  std::size_t reserved_ = 0;
  std::size_t large_bytes_ = 0;       // of frames that are coming in and too large for a read
  std::vector<ConnectionId> dirty_;   // have something to send at the end of the turn
  std::vector<ConnectionId> paused_;  // until submission has room, or it is their turn again
  std::size_t noted_ = 0;             // of these, that are known to wait for room
  bool yielded_ = false;              // one of them need not wait for anything else
  ConnectionId next_id_ = 1;
  std::vector<std::size_t> free_slots_;
  std::vector<std::atomic<bool>> behind_;  // by slot: does not read its replies
  Instant now_;
  bool ending_ = false;   // nobody is read any more
  bool reading_ = false;  // now_ is that of the read under way
  Stretch turn_;
  Stretch read_;
  std::vector<Sender> senders_;  // of the round under way
  Instant rounded_;              // when credits were last shared out
  bool credit_wanted_ = false;   // since then somebody has used up much of them
  RefusalShare refusals_;
  std::vector<ConnectionId> resting_;
  std::atomic<std::uint64_t> rests_{0};
  std::atomic<std::size_t> count_{0};
  Mutex mutex_;
  std::vector<Outgoing> posted_ GUARDED_BY(mutex_);
  std::atomic<bool> has_posted_{false};
};

}  // namespace spillgate::net
