// The node's configuration: plain values, and the one place where a default is written. A
// default-made Config is the configuration of an empty file. Load() fills one at start and at each
// reload; parts of the node get their own small struct by const reference and keep no other
// default. Each field has a row in knobs.cc (its TOML key, its range, whether it can change while
// the node runs) and a line in reference.toml; a test holds the three together. In an optional,
// nothing means "auto".
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/bytes.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/model/class.h"
#include "core/model/function.h"
#include "core/model/level.h"

namespace spillgate::config {

inline constexpr std::int64_t kConfigVersion =
    1;  // of the file; a later program may read older ones

enum class LogFormat : std::uint8_t { kAuto, kText, kJson };
enum class ControllerKind : std::uint8_t {
  kNone,
  kBound,
  kDeadline,
  kWorkBound,
  kAdaptiveBound,
  kCodel,
  kSedaAimd,
  kGradient,
};
inline constexpr std::string_view kControllerNames[] = {
    "none", "bound", "deadline", "work_bound", "adaptive_bound", "codel", "seda_aimd", "gradient"};
// The same, with one that is none at all before them.
enum class DryRunKind : std::uint8_t { kOff };
inline constexpr auto kDryRunNames = [] {
  std::array<std::string_view, std::size(kControllerNames) + 1> names;
  std::copy(std::begin(kControllerNames), std::end(kControllerNames), names.begin() + 1);
  return names;
}();
enum class LibraryHost : std::uint8_t { kWorker, kInProcess };

// Amounts of named resources in thousandths, so that fractions stay exact.
using Amounts = std::map<std::string, std::int64_t>;

// What the node offers to tasks. "auto" is what the machine gives this process: its CPU affinity
// and the quotas of its control groups (config/host.h).
struct NodeResources {
  // Thousandths of a CPU.
  std::optional<std::int64_t> cpu;
  // Thousandths of a GPU. No "auto": counting them needs their drivers.
  std::int64_t gpu = 0;
  // For all tasks together. "auto" leaves the node itself a fifth of the machine.
  std::optional<Bytes> memory;
  // At most 5 further kinds, for tasks to name.
  Amounts custom;

  friend bool operator==(const NodeResources&, const NodeResources&) = default;
};

struct NodeConfig {
  // Shown to people. "" is the host's name.
  std::string name;
  // Folder of what must survive a restart. "" is resolved by StateDir() in config/paths.h.
  std::string state_dir;
  NodeResources resources;
  // The least important lines that are written.
  log::Level log_level = log::Level::kInfo;
  // "auto" is text on a terminal and JSON elsewhere.
  LogFormat log_format = LogFormat::kAuto;

  friend bool operator==(const NodeConfig&, const NodeConfig&) = default;
};

struct ListenConfig {
  // Socket for clients of this machine; TOML: unix. "" is resolved by SocketPath() in
  // config/paths.h.
  std::string unix_path;
  // Permission bits of that socket. Whoever may connect may run code, so by default its owner only.
  std::uint32_t unix_mode = 0600;
  // HOST:PORT for clients. "" is off, for the same reason.
  std::string tcp;
  // HOST:PORT of metrics and status over HTTP. "" is off.
  std::string admin = "127.0.0.1:7441";
  // HOST:PORT for other nodes. "" is off.
  std::string peer;

  friend bool operator==(const ListenConfig&, const ListenConfig&) = default;
};

struct AuthConfig {
  // Lines "NAME TOKEN", mode 0600 (config/tokens.h). "" is no tokens, and then TCP is loopback
  // only.
  std::string token_file;
  // Users who may use the Unix socket, besides the node's own.
  std::vector<std::uint32_t> allow_uids;
  // Believe whatever tenant such a user names. Otherwise only one whose uids have it.
  bool tenants_by_name = false;

  friend bool operator==(const AuthConfig&, const AuthConfig&) = default;
};

struct LimitsConfig {
  // Open at the same time.
  std::uint32_t connections = 1024;
  // Of those, for one user: a leak in one program must not shut out the others.
  std::uint32_t connections_per_uid = 512;
  // Of those, for the node's own user and root to look and to make room (status, stats, cancel,
  // drain): the operator always gets in.
  std::uint32_t connections_reserved = 4;
  // Tasks accepted and not yet published: 65 ms of work at a million a second.
  std::uint32_t in_flight = 65536;
  // What those keep in memory.
  Bytes in_flight_bytes = MiB(256);
  // Accepted tasks that wait for arguments.
  std::uint32_t park = 32768;
  // What those keep in memory.
  Bytes park_bytes = MiB(64);
  // Longest wait there. Then the task fails with park_timeout.
  Nanos park_ttl = std::chrono::hours(1);
  // Control part of a frame. It bounds what verifying one can cost.
  Bytes frame_body = KiB(64);
  // Raw tail of a frame: arguments and results.
  Bytes frame_payload = MiB(16);
  // Ids in one get, wait, cancel or release. It bounds one turn of the loop.
  std::uint32_t ids_per_get = 2048;
  // Arguments of one task that are objects.
  std::uint32_t deps_per_task = 1000;
  // Generations of tasks below a root. Recursion without end stops here.
  std::uint32_t nesting_depth = 64;
  // Unfinished tasks of one root. What it spawns beyond waits.
  std::uint32_t root_window = 4096;
  // Tasks kept for the oldest root that waits so, so that something always ends.
  std::uint32_t spawn_reserve = 1024;
  // What those may keep in memory.
  Bytes spawn_reserve_bytes = MiB(1);
  // Largest value that travels inside frames.
  Bytes inline_value = KiB(100);
  // All larger values together.
  Bytes value_heap = MiB(512);
  // What ended tasks of all sessions keep in memory whose results nobody fetched. Beyond it those
  // that leave most get no more credit; a quarter beyond, nobody does.
  Bytes unfetched_bytes = GiB(1);
  // Ended tasks of one session whose results nobody fetched.
  std::uint32_t unfetched_per_session = 65536;
  // What those keep in memory. Beyond either, the session gets no more credit.
  Bytes unfetched_bytes_per_session = MiB(64);
  // How long results are kept after their session is gone.
  Nanos result_ttl = std::chrono::minutes(10);
  // How long a session can be resumed after its connection broke.
  Nanos session_ttl = std::chrono::minutes(10);
  // Replies queued for one connection. Beyond, it is not read until it reads them.
  Bytes egress = MiB(8);
  // From connecting to a complete Hello. Then the connection is closed.
  Nanos handshake = std::chrono::seconds(2);
  // After SIGTERM, for what was accepted to end.
  Nanos drain = std::chrono::seconds(30);

  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

inline constexpr std::string_view kLoopPool = "loop";  // serves the sockets too
inline constexpr std::string_view kExecPool = "exec";  // runs native functions, never stages

struct PoolConfig {
  // "auto" is one for each CPU of the node, as far as there is work for them.
  std::optional<std::uint32_t> threads = 1;
  // How long a thread without work looks again before it blocks: waking it costs 40 us. 0 is off.
  Nanos poll = std::chrono::microseconds(20);

  friend bool operator==(const PoolConfig&, const PoolConfig&) = default;
};

struct StageConfig {
  // Whose threads run it.
  std::string pool{kLoopPool};
  // Copies that run side by side, for a stage whose state can be split.
  std::uint32_t shards = 1;
  // Events in its inbox and those that it holds.
  std::uint32_t capacity = 65536;
  // What those keep in memory.
  Bytes bytes = MiB(256);
  // Most events at a time; a stage takes fewer where they are dear (core/flow/batch_limit.h).
  std::uint32_t batch = 64;
  // "work_bound" refuses what would come too late by the work that is before it, and what there is
  // no room for; "bound" only that; "deadline" drops what is too late to be of use. The last four
  // go by how those fare that were let in, and are there to be compared with.
  ControllerKind controller = ControllerKind::kDeadline;
  // How long some of those four let tasks wait; submission's.
  Nanos target_delay = std::chrono::milliseconds(5);
  // A controller that is asked as well and has no effect: what it would have refused is counted.
  // "" is off.
  DryRunKind dry_run = DryRunKind::kOff;

  friend bool operator==(const StageConfig&, const StageConfig&) = default;
};

struct StagesConfig {
  // All but submission and spillover have room for all that was accepted: for what is in flight,
  // and for the spawn reserve.
  StageConfig submission{.controller = ControllerKind::kWorkBound};  // it alone refuses
  StageConfig resolution{.capacity = 66560, .bytes = MiB(257)};
  StageConfig scheduling{.capacity = 66560, .bytes = MiB(257)};
  StageConfig spillover;
  StageConfig execution{.capacity = 66560, .bytes = MiB(257)};
  // The accepted are answered.
  StageConfig publication{
      .capacity = 66560, .bytes = MiB(257), .controller = ControllerKind::kNone};

  friend bool operator==(const StagesConfig&, const StagesConfig&) = default;
};

// The stages by their TOML name, in the order in which a task travels. A serial stage has one owner
// of its state, so one shard.
struct StageName {
  std::string_view name;
  StageConfig StagesConfig::* field;
  bool serial;
};
inline constexpr std::array<StageName, 6> kStages{{
    {"submission", &StagesConfig::submission, false},
    {"resolution", &StagesConfig::resolution, true},
    {"scheduling", &StagesConfig::scheduling, true},
    {"spillover", &StagesConfig::spillover, true},
    {"execution", &StagesConfig::execution, false},
    {"publication", &StagesConfig::publication, false},
}};

struct ClassConfig {
  // Percent of the slots that it gets at least, while it has work. All classes: at most 100.
  std::uint32_t share = 0;
  // Of roots that name none. 0 is no deadline.
  Nanos default_deadline = Nanos(0);
  // How long a root of this class is to wait at most, so that one which can spend more than this on
  // waiting goes behind those that cannot.
  Nanos target_delay = std::chrono::milliseconds(20);

  friend bool operator==(const ClassConfig&, const ClassConfig&) = default;
};

struct TenantConfig {
  // Its part of the slots, relative to the weights of the other tenants with work.
  std::uint32_t weight = 1;
  // Users who may call themselves this tenant on the Unix socket.
  std::vector<std::uint32_t> uids;
  // Its tasks accepted and not yet published. 0 is half of limits.in_flight. Beyond it, roots are
  // refused with quota, and what running tasks spawn waits while the node is more than half full.
  std::uint32_t in_flight = 0;
  // The same of one of its clients. 0 is no bound of their own.
  std::uint32_t client_in_flight = 0;
  // Tasks a second that its clients submit and running tasks spawn. 0 is no bound.
  std::uint32_t rate = 0;
  // The same of one of its clients.
  std::uint32_t client_rate = 0;

  friend bool operator==(const TenantConfig&, const TenantConfig&) = default;
};

struct SchedulingConfig {
  // So long smaller tasks may pass one that does not fit. Then room is kept for it.
  Nanos reserve_after = std::chrono::milliseconds(100);

  friend bool operator==(const SchedulingConfig&, const SchedulingConfig&) = default;
};

// Laid over what the function's library says of it; "auto" leaves that as it is.
struct FunctionConfig {
  // An inline one runs on a stage's thread and must not block.
  std::optional<Host> host;
  // Runs at the same time. 0 is as many as fit.
  std::uint32_t slots = 0;
  // Thousandths that one run holds.
  std::optional<std::int64_t> cpu;
  std::optional<std::int64_t> gpu;
  std::optional<Bytes> memory;
  // Of the kinds that node.resources names.
  Amounts custom;

  friend bool operator==(const FunctionConfig&, const FunctionConfig&) = default;
};

struct LibraryConfig {
  // Absolute path of the shared library. It has no default.
  std::string path;
  // In "in_process", a crash of the library is a crash of the node.
  LibraryHost host = LibraryHost::kWorker;

  friend bool operator==(const LibraryConfig&, const LibraryConfig&) = default;
};

struct WorkersConfig {
  // Processes kept warm: to start one takes milliseconds.
  std::uint32_t prestart = 1;
  // Processes in all. "auto" is extra_blocked, and one for each CPU of the node.
  std::optional<std::uint32_t> max;
  // One that is not kept warm ends after so long without work.
  Nanos idle = std::chrono::seconds(60);
  // "" is spillgate-worker beside the daemon.
  std::string program;
  // Threads or workers that may run while others are blocked in get. "auto" is 4 for each CPU.
  std::optional<std::uint32_t> extra_blocked;
  // Tasks that blocked gets run in place, one upon the other, on one stack.
  std::uint32_t nested_stack = 64;
  // Address space of one worker. 0 is no limit.
  Bytes memory = Bytes{0};
  // Last output of a worker that is kept for the message of a failure.
  Bytes stderr_tail = KiB(16);
  // From the signal that asks a worker to stop, to SIGKILL.
  Nanos kill_grace = std::chrono::milliseconds(500);
  // Workers that one task may kill before it fails for good.
  std::uint32_t poison_deaths = 3;
  // Before the first retry. Doubled for each further one, with jitter.
  Nanos retry_backoff = std::chrono::milliseconds(50);
  // Where the doubling ends.
  Nanos retry_backoff_max = std::chrono::seconds(10);
  // Of a task whose worker died, unless it says otherwise. 0 is at most one run.
  std::uint32_t max_retries = 3;
  // Retries as a part of all runs. Beyond, a library that keeps dying fails its tasks at once.
  double retry_budget = 0.10;

  friend bool operator==(const WorkersConfig&, const WorkersConfig&) = default;
};

struct JournalConfig {
  // The most durable level that clients may ask for. "none" is no journal at all.
  Level level_max = Level::kSync;
  // "" is journal/ in the state folder.
  std::string dir;
  // Size of one pre-written file.
  Bytes segment = MiB(64);
  // Files that only completions may use, so that a full disk still records them.
  std::uint32_t reserve_segments = 2;
  // Age of the oldest record that is not synced. The promise is at most 20 ms, so half of it.
  Nanos sync_interval = std::chrono::milliseconds(10);
  // Records that end the wait for more before a sync.
  std::uint32_t group_records = 256;
  // Longest such wait.
  Nanos linger = std::chrono::microseconds(200);
  // Between the node and the journal's thread. Any one task has to fit.
  Bytes buffer = MiB(32);

  friend bool operator==(const JournalConfig&, const JournalConfig&) = default;
};

struct Config {
  NodeConfig node;
  ListenConfig listen;
  AuthConfig auth;
  LimitsConfig limits;
  std::map<std::string, PoolConfig> pools{{std::string(kLoopPool), {}},
                                          {std::string(kExecPool), {.threads = std::nullopt}}};
  StagesConfig stages;
  // Indexed by TaskClass: the most important one needs no guarantee, the others must never starve.
  std::array<ClassConfig, kClasses> classes{
      {{.target_delay = std::chrono::milliseconds(10)},
       {.share = 5},
       {.share = 5},
       {.share = 5, .target_delay = std::chrono::seconds(1)}}};
  std::map<std::string, TenantConfig> tenants;
  SchedulingConfig scheduling;
  std::map<std::string, FunctionConfig> functions;
  std::map<std::string, LibraryConfig> libraries;
  WorkersConfig workers;
  JournalConfig journal;

  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace spillgate::config
