#include "config/knobs.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "config/fields.h"

namespace spillgate::config {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Change kLive = Change::kLive;
constexpr Change kRestart = Change::kRestart;

// Names by the value of the enum that each stands for.
constexpr std::string_view kLogLevels[] = {"debug", "info", "warn", "error"};
constexpr std::string_view kLogFormats[] = {"auto", "text", "json"};
constexpr std::string_view kHosts[] = {"inline", "exec", "worker"};
constexpr std::string_view kLibraryHosts[] = {"worker", "in_process"};
constexpr std::string_view kLevels[] = {"none", "async", "sync"};

constexpr std::int64_t kMostTasks = 1 << 24;    // 16 M tasks need about 8 GiB
constexpr std::int64_t kMostRate = 10'000'000;  // more than a node can take in
constexpr std::size_t kMostIds = 1024;

template <auto kMember>
constexpr Access kNode = kField<&Config::node, kMember>;
template <auto kMember>
constexpr Access kListen = kField<&Config::listen, kMember>;
template <auto kMember>
constexpr Access kAuth = kField<&Config::auth, kMember>;
template <auto kMember>
constexpr Access kLimits = kField<&Config::limits, kMember>;
template <auto kMember>
constexpr Access kPool = kField<&Config::pools, kMember>;
template <auto kMember>
constexpr Access kStage = kField<&Config::stages, kMember>;
template <auto kMember>
constexpr Access kClass = kField<&Config::classes, kMember>;
template <auto kMember>
constexpr Access kTenant = kField<&Config::tenants, kMember>;
template <auto kMember>
constexpr Access kScheduling = kField<&Config::scheduling, kMember>;
template <auto kMember>
constexpr Access kFunction = kField<&Config::functions, kMember>;
template <auto kMember>
constexpr Access kLibrary = kField<&Config::libraries, kMember>;
template <auto kMember>
constexpr Access kWorkers = kField<&Config::workers, kMember>;
template <auto kMember>
constexpr Access kJournal = kField<&Config::journal, kMember>;

// What sizes memory that is taken at start, what clients were told in Hello and what a socket, a
// thread or a file was opened with needs a restart. All else is a number that the next decision
// reads.
constexpr Knob kNodeKnobs[] = {
    {"node", "name", Text::kName, kRestart, kNode<&NodeConfig::name>},
    {"node", "state_dir", Text::kPath, kRestart, kNode<&NodeConfig::state_dir>},
    {"node", "resources", NodeResourceTable{}, kRestart, kNode<&NodeConfig::resources>},
    {"node", "log_level", Choice{kLogLevels}, kLive, kNode<&NodeConfig::log_level>},
    {"node", "log_format", Choice{kLogFormats}, kRestart, kNode<&NodeConfig::log_format>},
    {"listen", "unix", Text::kPath, kRestart, kListen<&ListenConfig::unix_path>},
    {"listen", "unix_mode", Mode{}, kRestart, kListen<&ListenConfig::unix_mode>},
    {"listen", "tcp", Text::kAddress, kRestart, kListen<&ListenConfig::tcp>},
    {"listen", "admin", Text::kAddress, kRestart, kListen<&ListenConfig::admin>},
    {"listen", "peer", Text::kAddress, kRestart, kListen<&ListenConfig::peer>},
    {"auth", "token_file", Text::kPath, kRestart, kAuth<&AuthConfig::token_file>},
    {"auth", "allow_uids", UserIds{kMostIds}, kLive, kAuth<&AuthConfig::allow_uids>},
    {"auth", "tenants_by_name", Flag{}, kLive, kAuth<&AuthConfig::tenants_by_name>},
};

constexpr Knob kLimitKnobs[] = {
    {"limits", "connections", Count{8, 65536}, kRestart, kLimits<&LimitsConfig::connections>},
    {"limits", "connections_per_uid", Count{1, 65536}, kLive,
     kLimits<&LimitsConfig::connections_per_uid>},
    {"limits", "connections_reserved", Count{1, 1024}, kLive,
     kLimits<&LimitsConfig::connections_reserved>},
    {"limits", "in_flight", Count{1, kMostTasks}, kRestart, kLimits<&LimitsConfig::in_flight>},
    {"limits", "in_flight_bytes", Size{KiB(64), kMostMemory}, kLive,
     kLimits<&LimitsConfig::in_flight_bytes>},
    {"limits", "park", Count{1, kMostTasks}, kLive, kLimits<&LimitsConfig::park>},
    {"limits", "park_bytes", Size{KiB(64), kMostMemory}, kLive, kLimits<&LimitsConfig::park_bytes>},
    {"limits", "park_ttl", Time{milliseconds(1), hours(24)}, kLive,
     kLimits<&LimitsConfig::park_ttl>},
    {"limits", "frame_body", Size{KiB(4), KiB(64)}, kRestart, kLimits<&LimitsConfig::frame_body>},
    {"limits", "frame_payload", Size{KiB(4), GiB(1)}, kRestart,
     kLimits<&LimitsConfig::frame_payload>},
    {"limits", "ids_per_get", Count{1, 2048}, kRestart, kLimits<&LimitsConfig::ids_per_get>},
    {"limits", "deps_per_task", Count{1, 2048}, kRestart, kLimits<&LimitsConfig::deps_per_task>},
    {"limits", "nesting_depth", Count{1, 255}, kLive, kLimits<&LimitsConfig::nesting_depth>},
    {"limits", "root_window", Count{1, kMostTasks}, kLive, kLimits<&LimitsConfig::root_window>},
    {"limits", "spawn_reserve", Count{1, 65536}, kRestart, kLimits<&LimitsConfig::spawn_reserve>},
    {"limits", "spawn_reserve_bytes", Size{KiB(64), GiB(1)}, kLive,
     kLimits<&LimitsConfig::spawn_reserve_bytes>},
    {"limits", "inline_value", Size{Bytes{64}, MiB(1)}, kRestart,
     kLimits<&LimitsConfig::inline_value>},
    {"limits", "value_heap", Size{MiB(1), kMostMemory}, kLive, kLimits<&LimitsConfig::value_heap>},
    {"limits", "unfetched_bytes", Size{KiB(64), kMostMemory}, kLive,
     kLimits<&LimitsConfig::unfetched_bytes>},
    {"limits", "unfetched_per_session", Count{1, kMostTasks}, kLive,
     kLimits<&LimitsConfig::unfetched_per_session>},
    {"limits", "unfetched_bytes_per_session", Size{KiB(64), kMostMemory}, kLive,
     kLimits<&LimitsConfig::unfetched_bytes_per_session>},
    {"limits", "result_ttl", Time{seconds(1), hours(168)}, kLive,
     kLimits<&LimitsConfig::result_ttl>},
    {"limits", "session_ttl", Time{seconds(1), hours(168)}, kLive,
     kLimits<&LimitsConfig::session_ttl>},
    {"limits", "egress", Size{KiB(64), GiB(1)}, kLive, kLimits<&LimitsConfig::egress>},
    {"limits", "handshake", Time{milliseconds(10), minutes(1)}, kLive,
     kLimits<&LimitsConfig::handshake>},
    {"limits", "drain", Time{Nanos(0), hours(24)}, kLive, kLimits<&LimitsConfig::drain>},
};

constexpr Knob kFlowKnobs[] = {
    {"pool", "threads", Count{1, 256}, kRestart, kPool<&PoolConfig::threads>},
    {"pool", "poll", Time{Nanos(0), milliseconds(1)}, kLive, kPool<&PoolConfig::poll>},
    {"stage", "pool", Text::kPool, kRestart, kStage<&StageConfig::pool>},
    {"stage", "shards", Count{1, 64}, kRestart, kStage<&StageConfig::shards>},
    {"stage", "capacity", Count{1, kMostTasks}, kLive, kStage<&StageConfig::capacity>},
    {"stage", "bytes", Size{KiB(64), kMostMemory}, kLive, kStage<&StageConfig::bytes>},
    {"stage", "batch", Count{1, 4096}, kLive, kStage<&StageConfig::batch>},
    {"stage", "controller", Choice{kControllerNames}, kLive, kStage<&StageConfig::controller>},
    {"stage", "target_delay", Time{microseconds(1), minutes(1)}, kLive,
     kStage<&StageConfig::target_delay>},
    {"stage", "dry_run", Choice{kDryRunNames}, kLive, kStage<&StageConfig::dry_run>},
    {"class", "share", Count{0, 50}, kLive, kClass<&ClassConfig::share>},
    {"class", "default_deadline", Time{Nanos(0), hours(168)}, kLive,
     kClass<&ClassConfig::default_deadline>},
    {"class", "target_delay", Time{microseconds(1), hours(168)}, kLive,
     kClass<&ClassConfig::target_delay>},
    {"tenant", "weight", Count{1, 1000}, kLive, kTenant<&TenantConfig::weight>},
    {"tenant", "uids", UserIds{kMostIds}, kLive, kTenant<&TenantConfig::uids>},
    {"tenant", "in_flight", Count{0, kMostTasks}, kLive, kTenant<&TenantConfig::in_flight>},
    {"tenant", "client_in_flight", Count{0, kMostTasks}, kLive,
     kTenant<&TenantConfig::client_in_flight>},
    {"tenant", "rate", Count{0, kMostRate}, kLive, kTenant<&TenantConfig::rate>},
    {"tenant", "client_rate", Count{0, kMostRate}, kLive, kTenant<&TenantConfig::client_rate>},
    {"scheduling", "reserve_after", Time{Nanos(0), minutes(1)}, kLive,
     kScheduling<&SchedulingConfig::reserve_after>},
};

constexpr Knob kExecutionKnobs[] = {
    {"function", "host", Choice{kHosts}, kRestart, kFunction<&FunctionConfig::host>},
    {"function", "slots", Count{0, 65536}, kRestart, kFunction<&FunctionConfig::slots>},
    {"function", "cpu", Amount{0, kMostAmount}, kRestart, kFunction<&FunctionConfig::cpu>},
    {"function", "gpu", Amount{0, kMostAmount}, kRestart, kFunction<&FunctionConfig::gpu>},
    {"function", "memory", Size{Bytes{0}, kMostMemory}, kRestart,
     kFunction<&FunctionConfig::memory>},
    {"function", "custom", AmountTable{}, kRestart, kFunction<&FunctionConfig::custom>},
    {"library", "path", Text::kFile, kRestart, kLibrary<&LibraryConfig::path>},
    {"library", "host", Choice{kLibraryHosts}, kRestart, kLibrary<&LibraryConfig::host>},
    {"workers", "prestart", Count{0, 1024}, kLive, kWorkers<&WorkersConfig::prestart>},
    {"workers", "max", Count{1, 4096}, kLive, kWorkers<&WorkersConfig::max>},
    {"workers", "idle", Time{milliseconds(10), hours(24)}, kLive, kWorkers<&WorkersConfig::idle>},
    {"workers", "program", Text::kPath, kRestart, kWorkers<&WorkersConfig::program>},
    {"workers", "extra_blocked", Count{0, 4096}, kRestart, kWorkers<&WorkersConfig::extra_blocked>},
    {"workers", "nested_stack", Count{0, 1024}, kRestart, kWorkers<&WorkersConfig::nested_stack>},
    {"workers", "memory", Size{Bytes{0}, kMostMemory}, kRestart, kWorkers<&WorkersConfig::memory>},
    {"workers", "stderr_tail", Size{Bytes{0}, MiB(1)}, kRestart,
     kWorkers<&WorkersConfig::stderr_tail>},
    {"workers", "kill_grace", Time{Nanos(0), minutes(1)}, kLive,
     kWorkers<&WorkersConfig::kill_grace>},
    {"workers", "poison_deaths", Count{1, 255}, kLive, kWorkers<&WorkersConfig::poison_deaths>},
    {"workers", "retry_backoff", Time{Nanos(0), minutes(1)}, kLive,
     kWorkers<&WorkersConfig::retry_backoff>},
    {"workers", "retry_backoff_max", Time{Nanos(0), hours(1)}, kLive,
     kWorkers<&WorkersConfig::retry_backoff_max>},
    {"workers", "max_retries", Count{0, 255}, kLive, kWorkers<&WorkersConfig::max_retries>},
    {"workers", "retry_budget", Fraction{0, 1}, kLive, kWorkers<&WorkersConfig::retry_budget>},
};

constexpr Knob kJournalKnobs[] = {
    {"journal", "level_max", Choice{kLevels}, kRestart, kJournal<&JournalConfig::level_max>},
    {"journal", "dir", Text::kPath, kRestart, kJournal<&JournalConfig::dir>},
    {"journal", "segment", Size{MiB(1), GiB(4)}, kRestart, kJournal<&JournalConfig::segment>},
    {"journal", "reserve_segments", Count{1, 64}, kRestart,
     kJournal<&JournalConfig::reserve_segments>},
    {"journal", "sync_interval", Time{milliseconds(1), milliseconds(20)}, kLive,
     kJournal<&JournalConfig::sync_interval>},
    {"journal", "group_records", Count{1, 65536}, kLive, kJournal<&JournalConfig::group_records>},
    {"journal", "linger", Time{Nanos(0), milliseconds(10)}, kLive,
     kJournal<&JournalConfig::linger>},
    {"journal", "buffer", Size{KiB(64), GiB(4)}, kRestart, kJournal<&JournalConfig::buffer>},
};

template <std::size_t... kSizes>
constexpr auto Concatenate(const Knob (&... tables)[kSizes]) {
  std::array<Knob, (kSizes + ...)> all{};
  auto* next = all.data();
  ((next = std::copy(tables, tables + kSizes, next)), ...);
  return all;
}

constexpr auto kKnobs =
    Concatenate(kNodeKnobs, kLimitKnobs, kFlowKnobs, kExecutionKnobs, kJournalKnobs);

}  // namespace

std::span<const Knob> Knobs() {
  return kKnobs;
}

std::span<const Knob> KnobsOf(std::string_view section) {
  const auto is_here = [&](const Knob& knob) { return knob.section == section; };
  const auto first = std::find_if(kKnobs.begin(), kKnobs.end(), is_here);
  return {first, std::find_if_not(first, kKnobs.end(), is_here)};
}

const Knob* FindKnob(std::string_view section, std::string_view key) {
  for (const Knob& knob : KnobsOf(section)) {
    if (knob.key == key) return &knob;
  }
  return nullptr;
}

}  // namespace spillgate::config
