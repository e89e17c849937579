#include "server/daemon.h"

#include <array>
#include <csignal>
#include <random>
#include <span>

#include "config/address.h"
#include "config/load.h"
#include "config/reload.h"
#include "config/resolve.h"
#include "config/shape_text.h"
#include "config/tokens.h"
#include "core/base/format.h"
#include "core/base/log.h"
#include "schema/auth.h"
#include "server/admin/json.h"
#include "server/admin/pages.h"
#include "server/figures.h"
#include "server/functions/builtins.h"

namespace spillgate {
namespace {

constexpr Nanos kSampleEvery = std::chrono::seconds(1);
constexpr Nanos kLookPeriod = std::chrono::milliseconds(100);
constexpr Nanos kStandstillPeriod = std::chrono::milliseconds(10);
constexpr Nanos kDrainCheck = std::chrono::milliseconds(10);
constexpr Nanos kDescribeWithin = std::chrono::seconds(10);
constexpr Nanos kLastReports = std::chrono::seconds(2);
constexpr Nanos kReportsCheck = std::chrono::milliseconds(1);
constexpr Nanos kCompactEvery = std::chrono::milliseconds(5);

// Microseconds that the wall clock is ahead of ours.
std::int64_t WallOffset(const Clock& clock) {
  const Nanos ours = clock.Now().time_since_epoch();
  return WallMicros() - std::chrono::duration_cast<std::chrono::microseconds>(ours).count();
}

}  // namespace

Daemon::Daemon(config::Loaded loaded, std::string path, config::Overrides overrides, bool salvage)
    : loaded_(std::move(loaded)),
      path_(std::move(path)),
      overrides_(std::move(overrides)),
      salvage_(salvage),
      around_(config::Surroundings::OfThisProcess()),
      host_(config::MeasureHost()) {}

Daemon::~Daemon() = default;

Status Daemon::Open() {
  Status status = OpenAll();
  if (!status.ok() && listener_) {
    listener_->StopAccepting();
    loop_->FinishClosing();  // libuv lets go of the sockets before their memory goes
  }
  return status;
}

Status Daemon::OpenAll() {
  const config::Config& config = loaded_.config;
  if (!config.listen.peer.empty()) {
    return Error{Code::kInvalid,
                 "listen.peer: this version has no links to other nodes; leave it empty"};
  }
  std::array<std::uint64_t, 2> key{};
  if (!wire::FillRandom(std::as_writable_bytes(std::span(key)))) {
    return Error{Code::kUnavailable, "the operating system gives no random bytes (getrandom)"};
  }
  SetIdHashKey(key[0], key[1]);
  node_ = std::make_unique<Node>(clock_, config, host_, replies_, no_journal_, WallOffset(clock_));
  if (Status status = AddLibraries(); !status.ok()) return status;
  if (Status status = OpenJournal(); !status.ok()) return status;
  loop_ = std::make_unique<net::Loop>(
      clock_, *node_->flow().FindPool(config::kLoopPool),
      net::Loop::Options{.others_busy = [this] { return hosts_->busy(); }});
  MakeHosts();
  node_->Wire(*hosts_, peers_, std::random_device()());  // tidy: random: the process's one seed
  node_->Resume(std::move(recovered_.tasks));
  if (Status status = ReadTokens(config.auth.token_file); !status.ok()) return status;
  door_ = std::make_unique<net::Door>(node_->shared(), node_->submission(), node_->admission(),
                                      node_->publication(), DoorSettings());
  listener_ = std::make_unique<net::Listener>(*loop_, clock_, *door_, node_->shared().tally.sockets,
                                              ListenerSettings());
  replies_.Connect(*listener_,
                   [this](ConnectionId to, ByteView frames) { hosts_->Deliver(to, frames); });
  if (Status status = listener_->Open(); !status.ok()) return status;
  return OpenAdmin();
}

WorkerOptions Daemon::WorkerSettings() const {
  const config::Config& config = loaded_.config;
  WorkerOptions workers;
  workers.program = config::WorkerProgram(config.workers, around_);
  workers.prestart = config.workers.prestart;
  workers.max = config::MostWorkers(config, host_);
  workers.idle = config.workers.idle;
  workers.kill_grace = config.workers.kill_grace;
  workers.poll = ExecPoll();
  workers.nested_stack = config.workers.nested_stack;
  workers.memory = config.workers.memory.count;
  workers.stderr_tail = config.workers.stderr_tail.count;
  return workers;
}

Nanos Daemon::ExecPoll() const {
  return loaded_.config.pools.at(std::string(config::kExecPool)).poll;
}

void Daemon::MakeHosts() {
  const config::Config& config = loaded_.config;
  hosts_ = std::make_unique<Hosts>(
      clock_,
      ThreadExecutorOptions{
          .threads = config::ThreadsOf(config, std::string(config::kExecPool), host_),
          .extra_blocked = config::ExtraBlocked(config, host_),
          .nested_stack = config.workers.nested_stack,
          .poll = ExecPoll(),
          .page = page_.get()},
      WorkerSettings(), *loop_, Ports());
}

Status Daemon::OpenAdmin() {
  const Instant now = clock_.Now();
  observer_ = std::make_unique<admin::Observer>(
      node_->flow(), node_->shared().tally,
      admin::NodeIdentity{.name = config::NodeName(loaded_.config.node, around_),
                          .version = SPILLGATE_VERSION,
                          .epoch = epoch_,
                          .started = now},
      [this](Instant) {
        return CollectFigures({*node_, *hosts_, *listener_, log_.get(), loaded_.config,
                               config_generation_, last_reload_ok_});
      });
  loop_->Every(kSampleEvery, [this](Instant at) { observer_->Sample(at); });
  const std::optional<config::Address> address = config::ParseAddress(loaded_.config.listen.admin);
  if (!address) return {};
  http_ = std::make_unique<net::HttpServer>(
      *loop_, clock_, net::HttpOptions{.listen = *address},
      admin::MakePages([this] { return observer_->Take(clock_.Now()); }));
  return http_->Open();
}

Status Daemon::OpenJournal() {
  const config::JournalConfig& config = loaded_.config.journal;
  if (config.level_max == Level::kNone) {
    // Nothing is remembered from one process to the next but that time goes on.
    epoch_ = static_cast<std::uint64_t>(WallMicros());
    return {};
  }
  Result<std::string> dir = config::JournalDir(loaded_.config, around_);
  if (!dir.ok()) return dir.error();
  journal::LogOptions options = journal::OptionsOf(config, std::move(dir).value());
  const std::string journal_dir = options.dir;
  options.salvage = salvage_;
  options.seed = std::random_device()();  // tidy: random: marks the segments of this process
  const auto shape_of = [this](std::string_view text) -> ShapeId {
    Result<ShapeId> shape = node_->AddShape(text);
    return shape.ok() ? shape.value() : 0;
  };
  const flow::Controller& door = node_->submission().front()->controller();
  Recovery recovery(node_->shared(), door, shape_of, clock_.Now());
  Result<std::unique_ptr<journal::Log>> log = journal::Log::Open(
      options, files_, clock_, [&](Lsn, ByteView record) { return recovery.Apply(record); },
      [this](const Durable& durable) { node_->OnDurable(durable); });
  if (!log.ok()) return log.error();
  log_ = std::move(log).value();
  OpenRunningPage(journal_dir);
  if (page_) recovery.CountDeaths(page_->deaths());
  recovered_ = recovery.Finish();
  epoch_ = recovered_.epoch + 1;
  node_->UseJournal(*log_);
  compaction_ = std::make_unique<Compaction>(node_->shared(), *log_, epoch_);
  if (recovered_.epoch == 0) return {};
  log::Info("journal",
            Format("recovered {} records: {} tasks go on, {} results are kept, {} sessions",
                   log_->recovered().records, recovered_.tasks.size(), recovered_.results,
                   recovered_.sessions));
  if (recovered_.suspects > 0) {
    log::Warn("exec", Format("{} of them ran on threads of a node that died: they go on in workers",
                             recovered_.suspects));
  }
  return {};
}

void Daemon::OpenRunningPage(const std::string& dir) {
  Result<std::unique_ptr<RunningPage>> page = RunningPage::Open(dir + "/running");
  if (page.ok()) {
    page_ = std::move(page).value();
  } else {
    log::Warn("exec", Format("{}; a function that ends this process on one of its threads will do "
                             "so again at the next start",
                             page.error().message));
  }
}

Status Daemon::ReadTokens(const std::string& file) {
  if (file.empty()) return {};
  Result<std::vector<config::Token>> tokens = config::LoadTokens(file);
  if (!tokens.ok()) return tokens.error();
  tokens_.clear();
  for (config::Token& token : tokens.value()) tokens_[token.name] = std::move(token.secret);
  return {};
}

NodePorts Daemon::Ports() {
  return {.report = [this](RunReport&& report) { node_->OnReport(std::move(report)); },
          .notice = [this](const RunNotice& notice) { node_->OnNotice(notice); },
          .ask = [this](ConnectionId connection, SessionId session,
                        Buffer frame) { node_->Ask(connection, session, std::move(frame)); },
          .find_function =
              [this](std::string_view name) { return node_->shared().functions.Find(name); },
          .gone = [this](ConnectionId connection) { node_->OnTaskConnectionGone(connection); }};
}

Status Daemon::AddLibraries() {
  Result<FunctionLibrary> builtins = FromTable(functions::Builtins(), "");
  if (!builtins.ok()) return builtins.error();
  if (Status status = AddLibrary(std::move(builtins).value()); !status.ok()) return status;
  const std::string worker = config::WorkerProgram(loaded_.config.workers, around_);
  for (const auto& [name, library] : loaded_.config.libraries) {
    const bool here = library.host == config::LibraryHost::kInProcess;
    Result<FunctionLibrary> found =
        here ? LoadLibrary(library.path) : DescribeLibrary(worker, library.path, kDescribeWithin);
    if (!found.ok()) {
      return Error{found.error().code, Format("[library.{}]: {}", name, found.error().message)};
    }
    if (Status status = AddLibrary(std::move(found).value()); !status.ok()) return status;
  }
  return {};
}

Status Daemon::AddLibrary(FunctionLibrary library) {
  libraries_.push_back(std::move(library));
  for (const Function& function : libraries_.back().functions) {
    if (Status status = node_->AddFunction(function); !status.ok()) return status;
  }
  return {};
}

net::DoorOptions Daemon::DoorSettings() {
  const config::Config& config = loaded_.config;
  const std::optional<config::Address> tcp = config::ParseAddress(config.listen.tcp);
  std::unordered_map<std::string, std::vector<std::uint32_t>> tenant_uids;
  for (const auto& [name, tenant] : config.tenants) tenant_uids[name] = tenant.uids;
  return {.node_name = config::NodeName(config.node, around_),
          .epoch = epoch_,
          .max_payload = static_cast<std::uint32_t>(config.limits.frame_payload.count),
          .limits = {.body = config.limits.frame_body.count,
                     .payload = config.limits.frame_payload.count,
                     .egress = config.limits.egress.count},
          .tcp_needs_token = !config.auth.token_file.empty() || (tcp && !tcp->IsLoopback()),
          .tokens = tokens_,
          .allow_uids = config.auth.allow_uids,
          .tenants_by_name = config.auth.tenants_by_name,
          .tenant_uids = std::move(tenant_uids),
          .handshake = config.limits.handshake,
          .sessions = std::size_t{4} * config.limits.connections,
          .stats =
              [this](std::string_view what) {
                return admin::StatsJson(observer_->Take(clock_.Now()), what);
              },
          .tenant = [this](std::string_view name) { return node_->shared().tenants.Find(name); },
          .add_shape =
              [this](const std::string& text, std::string& problem) {
                Result<ShapeId> shape = node_->AddShape(text);
                if (shape.ok()) return shape.value();
                problem = shape.error().message;
                return ShapeId{0};
              },
          .drain = [this](ConnectionId) { BeginDrain(); }};
}

net::ListenerOptions Daemon::ListenerSettings() const {
  const config::Config& config = loaded_.config;
  net::ListenerOptions options;
  const Result<std::string> path = config::SocketPath(config.listen, around_);
  if (path.ok()) options.unix_path = path.value();
  options.unix_mode = config.listen.unix_mode;
  if (const auto tcp = config::ParseAddress(config.listen.tcp)) {
    options.tcp_host = tcp->host;
    options.tcp_port = tcp->port;
  }
  options.connections = config.limits.connections;
  options.connections_per_uid = config.limits.connections_per_uid;
  options.connections_reserved = config.limits.connections_reserved;
  options.incoming_bytes = config.limits.in_flight_bytes.count;
  options.session_ttl = config.limits.session_ttl;
  options.result_ttl = config.limits.result_ttl;
  return options;
}

void Daemon::Run() {
  loop_->OnSignal(SIGTERM, [this] { BeginDrain(); });
  loop_->OnSignal(SIGINT, [this] { BeginDrain(); });
  loop_->OnSignal(SIGHUP, [this] { Reload(); });
  loop_->WhenAwakeEvery(
      kLookPeriod, [this](Instant now) { hosts_->TellCpuDemand(node_->shared().signals, now); });
  loop_->WhenAwakeEvery(kStandstillPeriod, [this](Instant now) {
    hosts_->TellWhetherAllWait(node_->shared().signals, now);
  });
  loop_->WhenAwakeEvery(kDrainCheck, [this](Instant now) { CheckDrained(now); });
  if (log_) {
    loop_->WhenAwakeEvery(kCompactEvery, [this](Instant) { compaction_->Turn(); });
    log_->Start();
    WriteStart();
  }
  node_->flow().StartThreads();
  log::Info("node", Format("serving at {}", ListenerSettings().unix_path));
  loop_->Run();
  Stop();
}

// The first record of this process: the next one counts on from its epoch.
void Daemon::WriteStart() {
  JournalWriter writer(*log_, Purpose::kCompletion);
  if (writer.Add(Level::kAsync, record::Start{.epoch = epoch_}).has_value()) writer.Commit();
}

void Daemon::Reload() {
  Result<config::Loaded> next = config::Load(path_, overrides_);
  last_reload_ok_ = false;
  if (!next.ok()) return log::Failure("config", "not reloaded: " + next.error().message);
  const Result<config::ReloadPlan> plan = config::Compare(loaded_.config, next.value().config);
  if (!plan.ok()) return log::Failure("config", "not reloaded: " + plan.error().message);
  if (const Status tokens = ReadTokens(next.value().config.auth.token_file); !tokens.ok()) {
    return log::Failure("config", "not reloaded: " + tokens.error().message);
  }
  for (const config::Difference& change : plan.value().changes) {
    log::Info("config", Format("{}: {} is now {}", change.path, change.from, change.to));
  }
  loaded_ = std::move(next).value();
  ApplyLive();
  last_reload_ok_ = true;
  ++config_generation_;
}

// Every live knob reaches its part here; the loop's thread.
void Daemon::ApplyLive() {
  const config::Config& config = loaded_.config;
  log::SetLeast(config.node.log_level);
  node_->Apply(config);
  door_->Apply(DoorSettings());
  listener_->Apply(ListenerSettings());
  hosts_->Apply(ExecPoll(), WorkerSettings());
  if (log_) log_->SetPace(journal::PaceOf(config.journal));
}

// A second time: now.
void Daemon::BeginDrain() {
  if (drain_until_ != kNever) return loop_->Stop();
  log::Info("node", "draining: no new work is taken, what was accepted ends");
  node_->shared().signals.draining.store(true);
  drain_until_ = After(clock_.Now(), loaded_.config.limits.drain);
}

void Daemon::CheckDrained(Instant now) {
  if (drain_until_ == kNever) return;
  if (node_->shared().unfinished() == 0 || now >= drain_until_) loop_->Stop();
}

void Daemon::Stop() {
  node_->flow().StopThreads();
  if (http_) http_->Close();
  listener_->StopAccepting();
  node_->BeginStop();
  hosts_->Stop();
  AwaitReports();
  if (log_) {
    if (const Status status = log_->Stop(); !status.ok()) {
      log::Failure("journal", status.error().message);
    }
  }
  node_->flow().Flush(clock_.Now());  // tells what the disk has by now
  if (page_ && node_->shared().unfinished() == 0) page_->KeepNone();
  listener_->CloseAll("the node stops");
  loop_->FinishClosing();
}

// Until all that ran has said how it ended, or has not in time. The loop does not run any more.
void Daemon::AwaitReports() {
  flow::Wake& wake = node_->flow().FindPool(config::kLoopPool)->wake();
  const Instant until = After(clock_.Now(), kLastReports);
  for (bool last = false; !last;) {
    last = !hosts_->HasRuns() || clock_.Now() >= until;  // before the reports are taken
    wake.Prepare();
    loop_->RunOnce(kReportsCheck);  // reports of workers come this way, those of threads wake it
    wake.Done();
    const Instant now = clock_.Now();
    hosts_->Tick(now);
    node_->flow().Flush(now);
  }
}

}  // namespace spillgate
