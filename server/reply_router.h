// ReplyRouter: replies to clients and replies to running tasks go different ways, and those who
// send them do not know which is which. Set up before the first reply; then any thread.
#pragma once

#include <functional>

#include "core/ports/reply_sink.h"
#include "server/exec/node_ports.h"

namespace spillgate {

class ReplyRouter final : public ReplySink {
 public:
  using Deliver = std::function<void(ConnectionId, ByteView)>;

  void Connect(ReplySink& clients, Deliver tasks) {
    clients_ = &clients;
    tasks_ = std::move(tasks);
  }

  void Send(ConnectionId to, ByteView frames, std::uint32_t refused) override {
    if ((to & kTaskConnection) != 0) return tasks_(to, frames);
    clients_->Send(to, frames, refused);
  }
  [[nodiscard]] bool TakesPushes(ConnectionId to) const override {
    return (to & kTaskConnection) != 0 || clients_->TakesPushes(to);
  }

 private:
  ReplySink* clients_ = nullptr;
  Deliver tasks_;
};

}  // namespace spillgate
