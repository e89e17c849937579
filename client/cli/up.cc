// up: a node, in the foreground, or in the background once it is ready.
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>

#include "client/cli/connection.h"
#include "client/cli/exits.h"
#include "client/cli/flags.h"
#include "client/cli/node_settings.h"
#include "client/cli/process.h"
#include "client/cli/report.h"
#include "client/cli/verbs.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr Nanos kLookEvery = std::chrono::milliseconds(20);
constexpr Nanos kConnectWithin = std::chrono::milliseconds(500);
constexpr Nanos kEndWithin = std::chrono::seconds(5);
constexpr std::size_t kLinesShown = 5;

void Remove(const std::string& dir) {
  std::error_code ignored;  // what is left is in a temporary folder
  std::filesystem::remove_all(dir, ignored);
}

Launch NodeLaunch(const NodeSettings& settings) {
  return {.program = OwnFolder() + "/spillgated", .arguments = settings.Arguments(), .log = {}};
}

// ---- in the foreground

int RunHere(const NodeSettings& settings, bool keep_if_failed, Console& console) {
  if (settings.private_dir.empty()) {
    const Error error = Replace(NodeLaunch(settings));
    return console.Fail(kFailed, error.message);
  }
  console.Say(
      Format("a private node at unix://{}/node.sock, gone when this ends", settings.private_dir));
  Result<Process> node = Process::Start(NodeLaunch(settings));
  if (!node.ok()) {
    Remove(settings.private_dir);
    return console.Fail(kFailed, node.error().message);
  }
  const int code = node.value().Supervise();
  if (code == kOk || !keep_if_failed) Remove(settings.private_dir);
  return code;
}

// ---- in the background

void SayLastLines(const std::string& log, Console& console) {
  std::ifstream file(log);
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(std::move(line));
    if (lines.size() > kLinesShown) lines.pop_front();
  }
  for (const std::string& line : lines) console.Say(line);
}

bool Answers(const Globals& globals, const std::string& address, Nanos timeout) {
  client::ClientOptions options = OptionsFor(globals);
  options.address = address;
  options.connect_timeout = timeout;
  return client::Client::Connect(std::move(options)).ok();
}

// Until the node answers. Else the exit code, and why.
int AwaitReady(Process& node, const std::string& address, const std::string& log,
               const Globals& globals, Console& console) {
  const SteadyClock clock;
  const Patience patience(clock, globals.timeout);
  while (!node.AwaitEnd(kLookEvery)) {
    if (Answers(globals, address, std::min(kConnectWithin, globals.timeout))) return kOk;
    if (!patience.over()) continue;
    kill(node.pid(), SIGTERM);
    if (!node.AwaitEnd(kEndWithin)) kill(node.pid(), SIGKILL);
    return console.Fail(kTimedOut, Format("the node was not ready in time, and was stopped; its "
                                          "log is {}",
                                          log));
  }
  SayLastLines(log, console);
  const int code = node.exit_code() == kBadConfig ? kBadConfig : kFailed;
  return console.Fail(code, Format("the node ended with {} before it was ready; the last lines of "
                                   "{} are above",
                                   node.exit_code(), log));
}

void Announce(const std::string& address, pid_t pid, const std::string& log, Console& console) {
  if (console.json()) {
    Json json = Heading("up");
    json["address"] = address;
    json["pid"] = pid;
    json["log"] = log;
    return console.Print(json);
  }
  console.Line(address);
  console.Flush();
  console.Say(Format("the node is process {}, its log is {}; to end it: spillgate -a {} drain", pid,
                     log, address));
}

int RunApart(const NodeSettings& settings, std::string log, Invocation& invocation) {
  Console& console = invocation.console;
  const Result<NodePlace> place = settings.Place();
  if (!place.ok()) return console.Fail(kBadConfig, place.error().message);
  const std::string& address = place.value().address;
  if (log.empty()) log = place.value().log;
  if (Answers(invocation.globals, address, kConnectWithin)) {
    return console.Fail(kFailed, Format("a node is serving at {} already; end it first: spillgate "
                                        "-a {} drain",
                                        address, address));
  }
  std::error_code ignored;  // opening the log says it better
  std::filesystem::create_directories(std::filesystem::path(log).parent_path(), ignored);
  Launch launch = NodeLaunch(settings);
  if (!settings.private_dir.empty()) {  // somebody has to remove the folder at the end: this verb
    launch.program = OwnFolder() + "/spillgate";
    launch.arguments = {"up", "--private-dir", settings.private_dir};
    const std::vector<std::string> own = settings.OwnArguments();
    launch.arguments.insert(launch.arguments.end(), own.begin(), own.end());
  }
  launch.log = log;
  launch.detached = true;
  Result<Process> node = Process::Start(launch);
  if (!node.ok()) return console.Fail(kFailed, node.error().message);
  const int code = AwaitReady(node.value(), address, log, invocation.globals, console);
  if (code == kOk) Announce(address, node.value().pid(), log, console);
  return code;
}

struct UpOptions {
  NodeSettings settings;
  bool background = false;
  bool is_private = false;
  std::string log;
};

int RunUp(UpOptions options, Invocation& invocation) {
  Console& console = invocation.console;
  NodeSettings& settings = options.settings;
  const bool made_by_us = options.is_private && settings.private_dir.empty();
  const bool restarted = !settings.private_dir.empty();
  if (Status status = settings.ListenAt(invocation.globals.address); !status.ok()) {
    return console.Fail(kUsage, status.error().message);
  }
  if (!options.log.empty() && !options.background) {
    return console.Fail(kUsage, "--log goes with --background; without it the node writes here");
  }
  if (made_by_us) {
    Result<std::string> dir = MakePrivateDir();
    if (!dir.ok()) return console.Fail(kFailed, dir.error().message);
    settings.private_dir = std::move(dir).value();
  }
  if (!options.background) return RunHere(settings, restarted, console);
  const int code = RunApart(settings, options.log, invocation);
  if (code != kOk && made_by_us) Remove(settings.private_dir);
  return code;
}

}  // namespace

Run SetupUp(CLI::App& verb) {
  // Shared: the parser writes it, the verb reads it, both later than this.
  auto options = std::make_shared<UpOptions>();
  verb.add_option("-c,--config", options->settings.config, "config file [the defaults]")
      ->type_name("FILE");
  AddSets(verb, options->settings.sets);
  verb.add_flag("-b,--background", options->background,
                "return as soon as the node is ready, and print its address");
  verb.add_flag("--private", options->is_private,
                "a node of its own in a temporary folder, which goes with it");
  verb.add_option("--log", options->log, "where a node in the background writes its log")
      ->type_name("FILE");
  verb.add_option("--private-dir", options->settings.private_dir, "")->group("");  // not for people
  return [options](Invocation& invocation) { return RunUp(*options, invocation); };
}

}  // namespace spillgate::cli
