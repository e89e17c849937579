#include "server/node.h"

#include <utility>

#include "config/shape_text.h"
#include "core/base/format.h"
#include "core/flow/admission.h"
#include "server/set_limits.h"

namespace spillgate {
namespace {

constexpr std::uint32_t kMostShapes = 4096;

std::int64_t Count(config::Bytes bytes) {
  return static_cast<std::int64_t>(bytes.count);
}

std::unique_ptr<flow::Controller> ControllerOf(const config::StageConfig& options) {
  return flow::MakeController(
      config::kControllerNames[static_cast<std::size_t>(options.controller)]);
}

// What else the config says of who judges there.
void SetControllers(flow::AnyInbox& inbox, const config::StageConfig& options) {
  inbox.UseDryRun(
      flow::MakeController(config::kDryRunNames[static_cast<std::size_t>(options.dry_run)]));
  inbox.SetTargetDelay(options.target_delay);
}

}  // namespace

Node::Node(const Clock& clock, const config::Config& config, const config::HostLimits& host,
           ReplySink& replies, Journal& journal, std::int64_t wall_offset_us)
    : clock_(clock),
      config_(config),
      offered_(config::OfferedBy(config, host)),
      most_slots_(config::ThreadsOf(config, std::string(config::kExecPool), host)),
      account_(offered_.amounts, Tenants::kMost),
      table_(config.limits.in_flight),
      tasks_(config.limits.in_flight),
      functions_(kMostFunctions),
      shapes_(kMostShapes),
      tenants_(std::max(1U, config.limits.in_flight / 2)),
      tally_({.submission = config.stages.submission.shards,
              .execution = config.stages.execution.shards,
              .publication = config.stages.publication.shards}),
      in_flight_(config.limits.in_flight, Count(config.limits.in_flight_bytes)),
      spawn_reserve_(config.limits.spawn_reserve, Count(config.limits.spawn_reserve_bytes)),
      shared_{.table = table_,
              .tasks = tasks_,
              .functions = functions_,
              .shapes = shapes_,
              .tenants = tenants_,
              .tally = tally_,
              .gauges = gauges_,
              .requests = requests_,
              .in_flight = in_flight_,
              .spawn_reserve = spawn_reserve_,
              .limits = SetLimits(limits_, config),
              .costs = costs_,
              .root_spans = root_spans_,
              .account = account_,
              .replies = replies,
              .journal = &journal,
              .signals = signals_,
              .wall_offset_us = wall_offset_us},
      flow_(clock) {
  AddPools(host);
  SetTenants();
  // In the order in which a task travels, which is also the order in which the node is emptied.
  const config::StagesConfig& stages = config_.stages;
  Open(submission_, "submission", stages.submission);
  Open(resolution_, "resolution", stages.resolution);
  Open(scheduling_, "scheduling", stages.scheduling);
  Open(spillover_, "spillover", stages.spillover);
  Open(execution_, "execution", stages.execution);
  Open(publication_, "publication", stages.publication);
  SignalWhoObserves();
}

void Node::AddPools(const config::HostLimits& host) {
  for (const auto& [name, pool] : config_.pools) {
    if (name == config::kExecPool) continue;
    const bool driven = name == config::kLoopPool;  // by the event loop, on its thread
    flow_.AddPool(
        name, {.threads = driven ? 0 : config::ThreadsOf(config_, name, host), .poll = pool.poll});
  }
}

void Node::SetTenants() {
  const std::uint32_t usual = std::max(1U, config_.limits.in_flight / 2);
  tenants_.SetDefault(usual);
  for (const auto& [name, tenant] : config_.tenants) {
    tenants_.Set(name, tenant.weight, config::InFlightOf(config_, name),
                 {.client_in_flight = tenant.client_in_flight,
                  .rate = tenant.rate,
                  .client_rate = tenant.client_rate});
  }
  // One that the config does not name any more is as if it never had.
  for (TenantId id = 1; id <= tenants_.size(); ++id) {
    const std::string& name = tenants_.At(id).name;
    if (!config_.tenants.contains(name)) tenants_.Set(name, 1, usual);
  }
}

template <class S>
void Node::Open(Shards<S>& shards, const std::string& name, const config::StageConfig& options) {
  for (std::uint32_t i = 0; i < options.shards; ++i) {
    shards.inboxes.push_back(&flow_.Open<typename S::In>(
        name, i,
        {.capacity = options.capacity,
         .capacity_bytes = Count(options.bytes),
         // At most one a task, slot or object in flight, and requests, which have a bound as well.
         .back_capacity = std::int64_t{8} * (config_.limits.in_flight + kMostRequests)},
        ControllerOf(options)));
    SetControllers(*shards.inboxes.back(), options);
  }
}

template <class S, class Make>
void Node::Run(Shards<S>& shards, const config::StageConfig& options, Make make) {
  for (std::size_t i = 0; i < shards.inboxes.size(); ++i) {
    std::unique_ptr<S> stage = make(i);
    shards.stages.push_back(stage.get());
    shards.runners.push_back(&flow_.Run(*shards.inboxes[i], *flow_.FindPool(options.pool),
                                        options.batch, std::move(stage)));
  }
}

Status Node::AddFunction(Function function) {
  if (functions_.Find(function.name) != 0) {
    return Error{Code::kInvalid,
                 Format("two libraries have a function \"{}\"; rename one, or leave "
                        "one of the libraries out",
                        function.name)};
  }
  const auto found = config_.functions.find(function.name);
  if (found != config_.functions.end()) {
    const config::FunctionConfig& own = found->second;
    function.host = own.host.value_or(function.host);
    if (own.slots != 0) function.slot_limit = own.slots;
    function.shape = config::ShapeOf(own, offered_.names, function.shape);
  }
  const std::uint32_t added =
      functions_.Add(function.name, [&](std::uint32_t id) { return function.id = id, function; });
  if (added != 0) return {};
  return Error{Code::kExhausted,
               Format("more than {} functions; leave out some libraries", kMostFunctions)};
}

Result<ShapeId> Node::AddShape(std::string_view text) {
  if (const ShapeId known = shapes_.Find(text); known != 0) return known;
  const Result<Resources> resources = config::ParseShape(text, offered_.names);
  if (!resources.ok()) return resources.error();
  const ShapeId added = shapes_.Add(text, [&](std::uint32_t) {
    return Shape{.name = std::string(text), .resources = resources.value()};
  });
  if (added != 0) return added;
  return Error{Code::kExhausted,
               Format("this node knows {} shapes already; use one of those", kMostShapes)};
}

void Node::Resume(std::vector<Accepted> tasks) {
  flow::Inbox<Resolution::In>& inbox = *resolution_.inboxes.front();
  for (Accepted& event : tasks) {
    inbox.credits().Force(1, event.task->bytes);  // its bound in flight covers it
    Resolution::In in = std::move(event);
    inbox.Commit({&in, 1});
  }
}

// The picture of the system: who hands what to whom. What may not pass stays with its stage (Keep),
// or, doomed, goes on to publication.
void Node::Wire(Executor& executor, PeerLink& peers, std::uint64_t seed) {
  executor_ = &executor;
  peers_ = &peers;
  seed_ = seed;
  const config::StagesConfig& stages = config_.stages;
  Run(submission_, stages.submission, [this](std::size_t i) { return MakeSubmission(i); });
  Run(resolution_, stages.resolution, [this](std::size_t i) { return MakeResolution(i); });
  Run(scheduling_, stages.scheduling, [this](std::size_t i) { return MakeScheduling(i); });
  Run(spillover_, stages.spillover, [this](std::size_t i) { return MakeSpillover(i); });
  Run(execution_, stages.execution, [this](std::size_t i) { return MakeExecution(i); });
  Run(publication_, stages.publication, [this](std::size_t) { return MakePublication(); });
}

flow::Emit<Finished> Node::ToPublication(flow::AnyInbox* from, flow::Kept<Finished> kept) {
  return flow::Emit<Finished>(from, publication_.inboxes, std::move(kept));
}

std::unique_ptr<Submission> Node::MakeSubmission(std::size_t shard) {
  flow::Inbox<Submission::In>& self = *submission_.inboxes[shard];
  const auto stage = [this, shard]() -> Submission& { return *submission_.stages[shard]; };
  std::vector<flow::EmitBack<ConnectionGone>> gone;
  gone.reserve(publication_.inboxes.size());
  for (flow::Inbox<Publication::In>* inbox : publication_.inboxes) gone.emplace_back(*inbox);
  return std::make_unique<Submission>(
      shared_, self, tally_.submission[shard],
      Submission::Out{.accepted = {nullptr, resolution_.inboxes,
                                   [stage](Accepted&& event, flow::Verdict verdict, Instant) {
                                     if (verdict == flow::Verdict::kKeep)
                                       return stage().Keep(std::move(event));
                                     stage().Drop(std::move(event));
                                   }},
                      .ended = ToPublication(nullptr,
                                             [stage](Finished&& event, flow::Verdict, Instant) {
                                               stage().KeepEnded(std::move(event));
                                             }),
                      .asked = flow::EmitBack<Asked>(publication_.inboxes),
                      .gone = std::move(gone),
                      .done = flow::Departure(&self)});
}

std::unique_ptr<Resolution> Node::MakeResolution(std::size_t shard) {
  flow::AnyInbox* self = resolution_.inboxes[shard];
  const auto stage = [this, shard]() -> Resolution& { return *resolution_.stages[shard]; };
  const auto kept = [stage](bool parked) {
    return [stage, parked](Resolved&& event, flow::Verdict verdict, Instant) {
      if (verdict == flow::Verdict::kDrop) return stage().Drop(std::move(event), parked);
      stage().Keep(std::move(event), parked);
    };
  };
  const auto ended = [stage](bool parked) {
    return [stage, parked](Finished&& event, flow::Verdict, Instant) {
      stage().KeepEnded(std::move(event), parked);
    };
  };
  return std::make_unique<Resolution>(
      shared_, Resolution::Out{.resolved = {self, scheduling_.inboxes, kept(false)},
                               .unparked = {nullptr, scheduling_.inboxes, kept(true)},
                               .finished = ToPublication(self, ended(false)),
                               .finished_parked = ToPublication(nullptr, ended(true)),
                               .parked = flow::Departure(self)});
}

std::unique_ptr<Scheduling> Node::MakeScheduling(std::size_t shard) {
  flow::AnyInbox* self = scheduling_.inboxes[shard];
  const auto stage = [this, shard]() -> Scheduling& { return *scheduling_.stages[shard]; };
  return std::make_unique<Scheduling>(
      shared_, *peers_,
      Scheduling::Options{
          .total = offered_.amounts, .names = offered_.names, .most_slots = most_slots_},
      Scheduling::Out{
          .placed = {self, execution_.inboxes,
                     [stage](Placed&& event, flow::Verdict verdict, Instant now) {
                       if (verdict == flow::Verdict::kDrop)
                         return stage().DropPlaced(std::move(event));
                       stage().Unplace(std::move(event), now);
                     }},
          .spilled = {self, spillover_.inboxes,
                      [stage](Spilled&& event, flow::Verdict verdict, Instant) {
                        if (verdict == flow::Verdict::kDrop)
                          return stage().DropSpilled(std::move(event));
                        stage().KeepSpilled(std::move(event));
                      }},
          .finished = ToPublication(self, [stage](Finished&& event, flow::Verdict,
                                                  Instant) { stage().Keep(std::move(event)); }),
          .granted = flow::EmitBack<LeaseGranted>(execution_.inboxes)});
}

std::unique_ptr<Spillover> Node::MakeSpillover(std::size_t shard) {
  flow::AnyInbox* self = spillover_.inboxes[shard];
  const auto stage = [this, shard]() -> Spillover& { return *spillover_.stages[shard]; };
  return std::make_unique<Spillover>(
      *peers_, Spillover::Options{},
      Spillover::Out{
          .finished = ToPublication(self, [stage](Finished&& event, flow::Verdict,
                                                  Instant) { stage().Keep(std::move(event)); }),
          .returned = flow::EmitBack<Returned>(scheduling_.inboxes),
          .departed = flow::Departure(self)});
}

std::unique_ptr<Execution> Node::MakeExecution(std::size_t shard) {
  flow::AnyInbox* self = execution_.inboxes[shard];
  const auto stage = [this, shard]() -> Execution& { return *execution_.stages[shard]; };
  return std::make_unique<Execution>(
      shared_, tally_.execution[shard], *executor_, seed_ + shard,
      Execution::Out{
          .finished = ToPublication(self, [stage](Finished&& event, flow::Verdict,
                                                  Instant) { stage().Keep(std::move(event)); }),
          .slot_freed = flow::EmitBack<SlotFreed>(scheduling_.inboxes),
          .slot_lent = flow::EmitBack<SlotLent>(scheduling_.inboxes),
          .returned = flow::EmitBack<Returned>(scheduling_.inboxes),
          .departed = flow::Departure(self)});
}

std::unique_ptr<Publication> Node::MakePublication() {
  const std::size_t shard = publication_.stages.size();
  flow::AnyInbox* self = publication_.inboxes[shard];
  Publication::Out out{.object_ready = flow::EmitBack<ObjectReady>(resolution_.inboxes),
                       .cancel = {},
                       .room_freed = {},
                       .done = flow::Departure(self)};
  for (flow::Inbox<Submission::In>* inbox : submission_.inboxes) {
    out.room_freed.emplace_back(*inbox);
  }
  out.cancel.emplace_back(resolution_.inboxes);
  out.cancel.emplace_back(scheduling_.inboxes);
  out.cancel.emplace_back(spillover_.inboxes);
  out.cancel.emplace_back(execution_.inboxes);
  return std::make_unique<Publication>(shared_, tally_.publication[shard], std::move(out));
}

void Node::BeginStop() {
  for (Publication* stage : publication_.stages) stage->BeginStop();
}

void Node::OnReport(RunReport&& report) {
  Execution::In event = Ran{std::move(report)};
  const std::size_t shard = RouteOf(std::get<Ran>(event)) % execution_.inboxes.size();
  execution_.inboxes[shard]->CommitBack({&event, 1});
}

void Node::OnNotice(const RunNotice& notice) {
  Execution::In event = Noticed{notice};
  const std::size_t shard = RouteOf(std::get<Noticed>(event)) % execution_.inboxes.size();
  execution_.inboxes[shard]->CommitBack({&event, 1});
}

void Node::OnPeerReply(const PeerReply& reply) {
  Spillover::In event = PeerAnswered{reply};
  spillover_.inboxes.front()->CommitBack({&event, 1});
}

void Node::OnDurable(Durable durable) {
  if (publication_.stages.empty()) return;  // not wired: nobody waits for anything yet
  for (flow::Inbox<Submission::In>* inbox : submission_.inboxes) {
    Submission::In event = durable;
    inbox->CommitBack({&event, 1});
  }
  for (flow::Inbox<Publication::In>* inbox : publication_.inboxes) {
    Publication::In event = durable;
    inbox->CommitBack({&event, 1});
  }
  for (flow::Inbox<Execution::In>* inbox : execution_.inboxes) {
    Execution::In event = durable;
    inbox->CommitBack({&event, 1});
  }
}

void Node::Ask(ConnectionId connection, SessionId session, Buffer frame) {
  flow::Inbox<Submission::In>& inbox =
      *submission_.inboxes[Mix(session) % submission_.inboxes.size()];
  const auto bytes = static_cast<std::int64_t>(frame.size());
  Submission::In event = Received{.connection = connection,
                                  .session = session,
                                  .frame = std::move(frame),
                                  .arrived = clock_.Now()};
  // A running task asks one thing at a time, so what is taken in past the bound has one itself.
  inbox.credits().Force(1, bytes);
  inbox.Commit({&event, 1});
}

void Node::OnTaskConnectionGone(ConnectionId connection) {
  // What it asked for may still be on its way, on whichever shard serves its session.
  for (flow::Inbox<Submission::In>* inbox : submission_.inboxes) {
    Submission::In event = ConnectionGone{.connection = connection};
    inbox->Commit({&event, 1});
  }
}

void Node::Apply(const config::Config& config) {
  config_ = config;
  SetLimits(limits_, config);
  SetTenants();
  in_flight_.Resize(config.limits.in_flight, Count(config.limits.in_flight_bytes));
  spawn_reserve_.Resize(config.limits.spawn_reserve, Count(config.limits.spawn_reserve_bytes));
  for (const auto& pool : flow_.pools()) pool->SetPoll(config.pools.at(pool->name()).poll);
  const config::StagesConfig& stages = config.stages;
  Tune(submission_, stages.submission);
  Tune(resolution_, stages.resolution);
  Tune(scheduling_, stages.scheduling);
  Tune(spillover_, stages.spillover);
  Tune(execution_, stages.execution);
  Tune(publication_, stages.publication);
  SignalWhoObserves();
}

// Publication counts nothing that nobody asks for.
void Node::SignalWhoObserves() {
  signals_.observed.store(submission_.inboxes.front()->Observes(), std::memory_order_relaxed);
}

template <class S>
void Node::Tune(Shards<S>& shards, const config::StageConfig& options) {
  for (flow::Inbox<typename S::In>* inbox : shards.inboxes) {
    inbox->credits().Resize(options.capacity, Count(options.bytes));
    inbox->Use(ControllerOf(options));
    SetControllers(*inbox, options);
  }
  for (flow::StageRunner<S>* runner : shards.runners) runner->set_batch(options.batch);
}

}  // namespace spillgate
