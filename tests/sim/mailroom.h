// Mailroom: where a simulated node sends its answers. The ledger sees each frame as it leaves;
// whoever it is for gets it when the world says so, in order for each connection, or never. One
// thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "core/ports/reply_sink.h"
#include "schema/frame.h"
#include "schema/replies.h"

namespace spillgate::sim {

class Mailroom final : public ReplySink {
 public:
  using Watch = std::function<void(ConnectionId, const wire::FrameView&)>;
  // One Send: some whole frames.
  using Packet = Buffer;

  explicit Mailroom(Watch watch) : watch_(std::move(watch)) {}

  void Send(ConnectionId to, ByteView frames, std::uint32_t) override {
    const Packet packet = Buffer::CopyOf(frames);
    EachFrame(packet, [&](const wire::FrameView& frame) { watch_(to, frame); });
    if (!closed_.contains(to)) mail_[to].push_back(packet);
  }
  [[nodiscard]] bool TakesPushes(ConnectionId to) const override { return !full_.contains(to); }

  // Calls back with each frame of the packet.
  template <class Each>
  static void EachFrame(const Packet& packet, Each&& each) {
    ByteView left = packet.view();
    while (!left.empty()) {
      wire::FrameHeader header;
      if (wire::ParseHeader(left, wire::kMostPayload, header) != wire::HeaderError::kNone) return;
      each(wire::View(left.first(wire::WireSize(header))));
      left = left.subspan(wire::WireSize(header));
    }
  }

  // Those with mail, in order of their numbers.
  [[nodiscard]] std::vector<ConnectionId> Addressees() const {
    std::vector<ConnectionId> addressees;
    for (const auto& [to, packets] : mail_) addressees.push_back(to);
    return addressees;
  }
  [[nodiscard]] bool empty() const { return mail_.empty(); }
  [[nodiscard]] Packet Take(ConnectionId to) {
    const auto found = mail_.find(to);
    Packet packet = std::move(found->second.front());
    found->second.pop_front();
    if (found->second.empty()) mail_.erase(found);
    return packet;
  }
  // A connection that is gone: its mail is lost.
  void Close(ConnectionId to) {
    closed_.insert(to);
    mail_.erase(to);
    full_.erase(to);
  }
  void SetFull(ConnectionId to, bool full) {
    if (full) {
      full_.insert(to);
    } else {
      full_.erase(to);
    }
  }
  [[nodiscard]] bool IsFull(ConnectionId to) const { return full_.contains(to); }

 private:
  const Watch watch_;
  std::map<ConnectionId, std::deque<Packet>> mail_;
  std::set<ConnectionId> closed_;
  std::set<ConnectionId> full_;
};

}  // namespace spillgate::sim
