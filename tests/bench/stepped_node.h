// SteppedNode: a whole node without sockets, threads or a real clock, and a client that keeps a
// window of noop tasks under way: for measuring what the node itself costs, task by task. Made of
// the parts that the daemon is made of: the frames, the six stages, the inline functions. One
// thread.
#pragma once

#include <cstdint>
#include <memory>

#include "core/base/clock.h"
#include "core/embedded/no_journal.h"
#include "core/embedded/no_peers.h"
#include "core/ports/reply_sink.h"
#include "schema/out_buffer.h"
#include "schema/submit.h"
#include "server/exec/function_library.h"
#include "server/exec/thread_executor.h"
#include "server/node.h"

namespace spillgate::bench {

class SteppedNode {
 public:
  // `batch`: tasks a frame. `clock`: a ManualClock makes two runs alike to the instruction, a
  // SteadyClock costs what it costs the daemon.
  SteppedNode(const Clock& clock, std::uint32_t batch);
  ~SteppedNode();

  // The client's side: the next frame of tasks, and with it, every so often, a release of what came
  // back before.
  void Encode();
  // The node's side, all of it: takes the frames in, runs its stages until nothing is left to do.
  void Run();
  // The client's side: reads what was answered. False: not each task of the frame exactly once,
  // accepted and done.
  [[nodiscard]] bool Check();

 private:
  // Where the daemon appends to a connection's buffer, this does.
  class Replies final : public ReplySink {
   public:
    void Send(ConnectionId, ByteView frames, std::uint32_t) override { out.Append(frames); }
    [[nodiscard]] bool TakesPushes(ConnectionId) const override { return true; }
    wire::OutBuffer out;
  };

  void TakeIn(ByteView frame, Instant now);

  const Clock& clock_;
  const std::uint32_t batch_;
  Replies replies_;
  NoJournal journal_;
  NoPeers peers_;
  FunctionLibrary library_;
  std::unique_ptr<Node> node_;
  Ancestry ancestry_;
  std::unique_ptr<ThreadExecutor> executor_;
  flow::Pool* pool_ = nullptr;
  FunctionId noop_ = 0;
  wire::SubmitWriter writer_;
  wire::OutBuffer frames_;
  std::uint64_t next_seq_ = 1;
  std::uint64_t released_ = 1;  // numbers below it
  std::uint32_t correlation_ = 0;
};

}  // namespace spillgate::bench
