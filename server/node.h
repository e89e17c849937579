// Node: the six stages of one node, their tables and bounds, wired together. Knows no socket, no
// process and no disk: those come as ports, so that the same object is the daemon's core and, with
// a manual clock and one thread, what tests step through by seed.
//
// Made, given its functions, wired, then driven: by the threads of its pools (the "loop" pool by
// the event loop), or step by step. What adapters report may come on any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/host.h"
#include "config/resolve.h"
#include "core/base/result.h"
#include "core/flow/pipeline.h"
#include "core/ports/executor.h"
#include "core/ports/journal.h"
#include "core/ports/peer_link.h"
#include "core/ports/reply_sink.h"
#include "stages/execution.h"
#include "stages/publication.h"
#include "stages/resolution.h"
#include "stages/scheduling.h"
#include "stages/shared.h"
#include "stages/spillover.h"
#include "stages/submission.h"

namespace spillgate {

class Node {
 public:
  Node(const Clock& clock, const config::Config& config, const config::HostLimits& host,
       ReplySink& replies, Journal& journal, std::int64_t wall_offset_us = 0);

  // Makes a function known, as the config would have it run. Before Wire.
  [[nodiscard]] Status AddFunction(Function function);
  // The number of a shape, by its text; the error says what is wrong with it.
  [[nodiscard]] Result<ShapeId> AddShape(std::string_view text);
  // What recovery found: these tasks go on from here. After Wire, before the node runs.
  void Resume(std::vector<Accepted> tasks);
  // In the place of the one it was made with. Before Wire.
  void UseJournal(Journal& journal) { shared_.journal = &journal; }
  // Makes the stages. `seed` is for what they leave to chance.
  void Wire(Executor& executor, PeerLink& peers, std::uint64_t seed);

  // The process is about to end: what durable tasks have not ended goes on in the next one. After
  // its threads have stopped.
  void BeginStop();

  // Ports report here; any thread.
  void OnReport(RunReport&& report);
  void OnNotice(const RunNotice& notice);
  void OnPeerReply(const PeerReply& reply);
  void OnDurable(Durable durable);
  // A frame of a running task, on its own connection.
  void Ask(ConnectionId connection, SessionId session, Buffer frame);
  void OnTaskConnectionGone(ConnectionId connection);

  // Live parts of a new config that has been checked. One thread at a time, while the node runs.
  void Apply(const config::Config& config);

  [[nodiscard]] flow::Pipeline& flow() { return flow_; }
  [[nodiscard]] Shared& shared() { return shared_; }
  [[nodiscard]] const config::Offered& offered() const { return offered_; }
  // CPU slots that may be given out beyond those of the node, while its CPUs are idle.
  [[nodiscard]] std::int64_t most_extra_slots() const {
    return std::max<std::int64_t>(0, most_slots_ - offered_.amounts.amount[kCpu] / kOneSlot);
  }
  [[nodiscard]] const std::vector<flow::Inbox<Submission::In>*>& submission() const {
    return submission_.inboxes;
  }
  // Of each shard of submission, once they are wired.
  [[nodiscard]] std::vector<Admission*> admission() const {
    std::vector<Admission*> shards;
    for (Submission* stage : submission_.stages) shards.push_back(&stage->admission());
    return shards;
  }
  [[nodiscard]] const std::vector<flow::Inbox<Publication::In>*>& publication() const {
    return publication_.inboxes;
  }
  [[nodiscard]] const Scheduling& scheduling() const { return *scheduling_.stages.front(); }
  [[nodiscard]] const Resolution& resolution() const { return *resolution_.stages.front(); }

 private:
  // The shards of one stage.
  template <class S>
  struct Shards {
    std::vector<flow::Inbox<typename S::In>*> inboxes;
    std::vector<S*> stages;
    std::vector<flow::StageRunner<S>*> runners;
  };

  void AddPools(const config::HostLimits& host);
  void SetTenants();
  void SignalWhoObserves();
  template <class S>
  void Open(Shards<S>& shards, const std::string& name, const config::StageConfig& options);
  template <class S>
  void Tune(Shards<S>& shards, const config::StageConfig& options);
  template <class S, class Make>
  void Run(Shards<S>& shards, const config::StageConfig& options, Make make);
  [[nodiscard]] flow::Emit<Finished> ToPublication(flow::AnyInbox* from, flow::Kept<Finished> kept);
  [[nodiscard]] std::unique_ptr<Submission> MakeSubmission(std::size_t shard);
  [[nodiscard]] std::unique_ptr<Resolution> MakeResolution(std::size_t shard);
  [[nodiscard]] std::unique_ptr<Scheduling> MakeScheduling(std::size_t shard);
  [[nodiscard]] std::unique_ptr<Spillover> MakeSpillover(std::size_t shard);
  [[nodiscard]] std::unique_ptr<Execution> MakeExecution(std::size_t shard);
  [[nodiscard]] std::unique_ptr<Publication> MakePublication();

  const Clock& clock_;
  config::Config config_;
  const config::Offered offered_;
  const std::int64_t most_slots_;
  Limits limits_;
  CostModel costs_;
  RootSpans root_spans_;
  WorkAccount account_;
  TaskTable table_;
  Slab<Task> tasks_;
  Registry<Function> functions_;
  Registry<Shape> shapes_;
  Tenants tenants_;
  Tally tally_;
  Gauges gauges_;
  flow::Credits requests_{kMostRequests, kMostRequestBytes};
  flow::Credits in_flight_;
  flow::Credits spawn_reserve_;
  Signals signals_;
  Shared shared_;
  Executor* executor_ = nullptr;
  PeerLink* peers_ = nullptr;
  std::uint64_t seed_ = 0;

  flow::Pipeline flow_;
  Shards<Submission> submission_;
  Shards<Resolution> resolution_;
  Shards<Scheduling> scheduling_;
  Shards<Spillover> spillover_;
  Shards<Execution> execution_;
  Shards<Publication> publication_;
};

}  // namespace spillgate
