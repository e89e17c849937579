// bench: what a node can do, measured and checked. A node of its own for each benchmark, unless an
// address says which.
#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "client/bench/bench.h"
#include "client/cli/bench_rows.h"
#include "client/cli/exits.h"
#include "client/cli/flags.h"
#include "client/cli/interrupt.h"
#include "client/cli/own_node.h"
#include "client/cli/verbs.h"
#include "config/units.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr Nanos kReadyWithin = std::chrono::seconds(30);

struct BenchPlan {
  std::vector<std::string> names;
  bench::Options options;
  double seconds = 2;
  std::string placement;
  std::string shape;
  std::string mix;
  std::string clients;
  std::vector<std::string> steps;
  std::vector<std::string> classes;
  double critical = 0;
  Level level = Level::kNone;
  NodeSettings node;
  CLI::Option* level_option = nullptr;
};

int ExitFor(Code code) {
  switch (code) {
    case Code::kInvalid:
    case Code::kNotFound: return kUsage;
    case Code::kUnavailable: return kCannotConnect;
    case Code::kExhausted: return kShed;
    case Code::kTimeout: return kTimedOut;
    default: return kFailed;
  }
}

template <std::size_t kSize>
std::vector<std::string> ListOf(const std::string_view (&names)[kSize]) {
  return {std::begin(names), std::end(names)};
}

template <class Enum>
std::optional<Enum> PlaceIn(std::span<const std::string_view> names, std::string_view text) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

Error Wrong(std::string message) {
  return {Code::kInvalid, std::move(message)};
}

// A shape is one of graphs, or one of roots; some are both.
Status SettleShape(BenchPlan& plan, std::span<const bench::Benchmark> chosen) {
  if (plan.shape.empty()) return {};
  const auto graph = PlaceIn<bench::Shape>(bench::kShapeNames, plan.shape);
  const auto root = PlaceIn<bench::RootShape>(bench::kRootShapeNames, plan.shape);
  plan.options.shape = graph.value_or(plan.options.shape);
  plan.options.root = root.value_or(plan.options.root);
  for (const bench::Benchmark& each : chosen) {
    const bool load = bench::IsLoad(each.method);
    const bool graphs = each.method == bench::Method::kGraph;
    if ((load && root.has_value()) || (graphs && graph.has_value())) continue;
    return Wrong(load || graphs ? Format("{} knows no --shape {}", each.name, plan.shape)
                                : Format("--shape is not for {}", each.name));
  }
  return {};
}

// So many connections, or how those of a load behave.
Status SettleClients(BenchPlan& plan) {
  if (plan.clients.empty()) return {};
  if (const auto manners = PlaceIn<bench::Manners>(bench::kMannersNames, plan.clients)) {
    plan.options.manners = *manners;
    return {};
  }
  const char* end = plan.clients.data() + plan.clients.size();
  const auto parsed = std::from_chars(plan.clients.data(), end, plan.options.clients);
  if (parsed.ec == std::errc() && parsed.ptr == end) return {};
  return Wrong(
      Format("--clients is {}; it has to be a number, or raw or cooperative", plan.clients));
}

// "X:SECONDS" or "X:SECONDS:SERVICE".
std::optional<bench::Step> ParseStep(std::string_view text) {
  const char* end = text.data() + text.size();
  double seconds = 0;
  bench::Step step;
  auto parsed = std::from_chars(text.data(), end, step.x);
  if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == ':') {
    parsed = std::from_chars(parsed.ptr + 1, end, seconds);
  }
  if (parsed.ec != std::errc() || !(seconds > 0 && seconds < 1e6)) return std::nullopt;
  step.time = Nanos(static_cast<std::int64_t>(seconds * 1e9));
  if (parsed.ptr == end) return step;
  const auto at = static_cast<std::size_t>(parsed.ptr - text.data());
  const auto service = config::ParseDuration(text.substr(at + 1));
  if (text[at] != ':' || !service.has_value() || *service <= Nanos(0)) return std::nullopt;
  step.service = *service;
  return step;
}

Status SettleSteps(BenchPlan& plan) {
  for (const std::string& text : plan.steps) {
    const std::optional<bench::Step> step = ParseStep(text);
    if (!step.has_value()) {
      return Wrong(Format(
          "--steps has \"{}\"; each is X:SECONDS or X:SECONDS:SERVICE, such as 0:2,10:0.5", text));
    }
    plan.options.steps.push_back(*step);
  }
  return {};
}

// "CLASS:PART"s, and --critical, which is short for one of them.
Status SettleClasses(BenchPlan& plan) {
  for (const std::string_view text : plan.classes) {
    const std::size_t colon = text.find(':');
    const auto cls = PlaceIn<TaskClass>(kClassNames, text.substr(0, colon));
    if (!cls.has_value()) {
      return Wrong(Format("--classes has \"{}\"; there are critical, high and sheddable", text));
    }
    bench::ClassPart each{.cls = *cls};
    const char* end = text.data() + text.size();
    const char* begin = colon == std::string_view::npos ? end : text.data() + colon + 1;
    const auto parsed = std::from_chars(begin, end, each.part);
    if (parsed.ec != std::errc() || parsed.ptr != end) {
      return Wrong(
          Format("--classes has \"{}\"; each is CLASS:PART, such as critical:0.3,high:0.2", text));
    }
    plan.options.classes.push_back(each);
  }
  if (plan.critical == 0) return {};
  plan.options.classes.push_back({.cls = TaskClass::kCritical, .part = plan.critical});
  return {};
}

// Everything that the parser has left as text.
Status Settle(BenchPlan& plan, std::span<const bench::Benchmark> chosen,
              const Invocation& invocation) {
  plan.options.time = Nanos(static_cast<std::int64_t>(plan.seconds * 1e9));
  plan.options.placement = PlaceIn<bench::Placement>(bench::kPlacementNames, plan.placement);
  plan.options.mix = PlaceIn<bench::CostMix>(bench::kMixNames, plan.mix).value_or(plan.options.mix);
  if (plan.level_option->count() > 0) plan.options.level = plan.level;
  plan.options.answer_within = invocation.globals.timeout;
  if (Status status = SettleClients(plan); !status.ok()) return status;
  if (Status status = SettleSteps(plan); !status.ok()) return status;
  if (Status status = SettleClasses(plan); !status.ok()) return status;
  return SettleShape(plan, chosen);
}

// Of a node of our own. For a load it has one slot, so that a loop and a generator have the other
// core to themselves. What the user says comes behind it, and wins.
NodeSettings SettingsOf(const BenchPlan& plan, const bench::Benchmark& benchmark) {
  NodeSettings settings = plan.node;
  if (bench::IsLoad(benchmark.method)) {
    settings.sets.insert(settings.sets.begin(),
                         {"node.resources.cpu=1", "auth.tenants_by_name=true"});
  }
  return settings;
}

// The same without a controller at the door, for what it can do at most. A bound on what is in
// flight refuses as a controller does.
Status HaveBeside(const NodeSettings& settings, const bench::UseOfNode& use) {
  Result<NodeSettings> unbounded = settings.WithoutBoundsInFlight();
  if (!unbounded.ok()) return unbounded.error();
  unbounded.value().sets.emplace_back("stage.submission.controller=none");
  const Result<OwnNode> node = OwnNode::Start(std::move(unbounded).value(), kReadyWithin);
  if (!node.ok()) return node.error();
  return use({.address = node.value().address(), .process = node.value().process()});
}

// The node to measure: the user's, or one of our own, which `own` then holds.
Result<bench::Target> MakeTarget(const BenchPlan& plan, const bench::Benchmark& benchmark,
                                 const Invocation& invocation, std::optional<OwnNode>& own) {
  const Globals& globals = invocation.globals;
  if (!globals.address.empty()) {
    return bench::Target{.address = globals.address, .token_file = globals.token_file};
  }
  const NodeSettings settings = SettingsOf(plan, benchmark);
  Result<OwnNode> node = OwnNode::Start(settings, kReadyWithin);
  if (!node.ok()) return node.error();
  own.emplace(std::move(node).value());
  const bool journalled = bench::LevelOf(benchmark, plan.options) != Level::kNone;
  if (journalled && !own->on_disk()) {
    invocation.console.Say(
        "the temporary folder is in memory, so syncing the journal costs "
        "nothing; set TMPDIR to a folder on a disk");
  }
  const std::string profile = plan.node.config.empty()
                                  ? "default"
                                  : std::filesystem::path(plan.node.config).stem().string();
  return bench::Target{
      .address = own->address(),
      .process = own->process(),
      .profile = profile,
      .beside = [settings](const bench::UseOfNode& use) { return HaveBeside(settings, use); }};
}

int RunBenchVerb(BenchPlan plan, Invocation& invocation) {
  Console& console = invocation.console;
  const auto chosen = bench::Choose(plan.names);
  if (!chosen.ok()) return console.Fail(kUsage, chosen.error().message);
  if (!invocation.globals.address.empty() &&
      (!plan.node.config.empty() || !plan.node.sets.empty())) {
    return console.Fail(kUsage,
                        "--config and --set are for a node of its own; without --address "
                        "there is one");
  }
  if (const Status status = Settle(plan, chosen.value(), invocation); !status.ok()) {
    return console.Fail(kUsage, status.error().message);
  }
  for (const bench::Benchmark& each : chosen.value()) {
    const Status status = bench::Check(each, plan.options);
    if (!status.ok()) return console.Fail(kUsage, status.error().message);
  }
  const Interrupt interrupt;
  plan.options.stop = [&interrupt] { return interrupt.requested(); };
  std::vector<bench::Row> rows;
  int code = kOk;
  const bench::Report report = [&](const bench::Row& row) {
    if (!row.verified) {
      code = kFailed;
      console.Say(Format("{}: not verified: {}", row.bench, row.problem));
    }
    rows.push_back(row);
    if (!console.json()) return;
    console.Print(ToJson(row));
    console.Flush();
  };
  for (const bench::Benchmark& each : chosen.value()) {
    std::optional<OwnNode> own;
    const Result<bench::Target> target = MakeTarget(plan, each, invocation, own);
    Status status = target.ok() ? bench::RunBench(each, plan.options, target.value(), report)
                                : Status(target.error());
    if (interrupt.requested()) {
      code = interrupt.exit_code();
      break;
    }
    if (status.ok()) continue;
    const bool config = !target.ok() && status.error().code == Code::kInvalid;
    code = console.Fail(config ? kBadConfig : ExitFor(status.error().code),
                        Format("{}: {}", each.name, status.error().message));
    break;
  }
  if (!console.json() && !rows.empty()) console.Write(ToText(rows));
  return code;
}

std::string HelpOnNames() {
  std::string help = "all, or one or more of:";
  for (const bench::Benchmark& each : bench::Benchmarks()) {
    help += Format("\n{:<14} {}", each.name, each.help);
  }
  return help;
}

// Of roots of known cost.
void AddRoots(CLI::App& verb, BenchPlan& plan) {
  bench::Options& options = plan.options;
  AddDuration(verb, "--service", options.service,
              "of overload, spike, storm and fair: mean cost of a task; of the shortest where the "
              "mix is heavy; of bomb: cost of a child [1ms]");
  AddDuration(verb, "--turnaround", options.turnaround,
              "of cooperative clients: how long they take to answer a credit [0]");
  verb.add_option("--burst", options.burst,
                  "of overload, spike, storm and fair: roots that come at the same time, at times "
                  "of a Poisson process [1]")
      ->type_name("N");
  verb.add_option(
          "--steps", plan.steps,
          "of overload: one run whose load changes, in the place of --x, such as 0:2,10:0.5; with "
          "2:1:10ms the roots of that second cost 10 ms each and are of another function")
      ->type_name("X:SECONDS[:SERVICE],...")
      ->delimiter(',');
  verb.add_option(
          "--classes", plan.classes,
          "of overload: parts of the capacity that are offered in other classes than normal, which "
          "has what they leave of --x (0.001 at least), such as critical:0.3,high:0.2,sheddable:1")
      ->type_name("CLASS:PART,...")
      ->delimiter(',');
  verb.add_option("--critical", plan.critical, "of overload: the same as --classes critical:R [0]")
      ->type_name("R");
  verb.add_option(
          "--deadline", options.deadline_ratio,
          "of overload and what is like it: of a root, in medians of what its function takes "
          "without load, 1 to 1000 [10]")
      ->type_name("N");
  verb.add_option("--unloaded-roots", options.unloaded_roots,
                  "of overload and what is like it: that are timed without load, at least [20]")
      ->type_name("N");
  verb.add_option("--tenants", options.tenants, "of fair: that ask for little [4]")->type_name("N");
  verb.add_option("--retries", options.retries,
                  "of storm: of each root that is refused, late or not answered in time [3]")
      ->type_name("N");
  verb.add_option("--retry-budget", options.retry_budget,
                  "of storm: part of what is sent that is sent again at most [any]")
      ->type_name("R");
  verb.add_option("--children", options.children, "of bomb: that the root spawns [1000000]")
      ->type_name("N");
  verb.add_option("--spikes", options.spikes,
                  "of spike: of 300 ms, and one of five times --seconds for each seven; of storm: "
                  "of 100 ms [20]");
  verb.add_option("--mix", plan.mix,
                  "of overload, spike, storm and fair: how costs are spread [constant]")
      ->type_name("MIX")
      ->check(CLI::IsMember(ListOf(bench::kMixNames)));
}

void AddLoad(CLI::App& verb, BenchPlan& plan) {
  bench::Options& options = plan.options;
  verb.add_option("--seconds", plan.seconds, "of each measurement [2]")->type_name("S");
  verb.add_option("--batch", options.batch, "tasks a frame")->type_name("N");
  verb.add_option("--window", options.window, "frames under way")->type_name("N");
  verb.add_option("--clients", plan.clients,
                  "connections, each with a thread [1]; of overload, spike and fair: raw, or "
                  "cooperative, which hold back what they have no credit for [raw]")
      ->type_name("N|HOW");
  verb.add_option("--payload", options.payload, "argument of each task [none]")->type_name("BYTES");
  verb.add_option("--function", options.function, "function that tasks run [noop]")
      ->type_name("NAME");
  plan.level_option = AddLevel(verb, plan.level);
  verb.add_option(
          "--pin", plan.placement,
          "free; same: client and node on one core; across: on two; slots: those of the node on "
          "cores of their own [rtt: same, then across; overload and the like on a node of their "
          "own: "
          "slots]")
      ->type_name("HOW")
      ->check(CLI::IsMember(ListOf(bench::kPlacementNames)));
  verb.add_option("--rate", options.rate, "of open: tasks a second")->type_name("R");
  verb.add_option("--x", options.x,
                  "of overload, fair and spike (the largest): times the capacity "
                  "[0.5,0.7,1,2,5,10]")
      ->type_name("LIST")
      ->delimiter(',');
  verb.add_option("--shape", plan.shape,
                  "of dag: chain, fan or tree [tree]; of overload, spike, storm and fair: single, "
                  "chain, fan or nested [single]")
      ->type_name("SHAPE");
  verb.add_option("--size", options.size, "of dag: tasks of a graph [255]")->type_name("N");
  verb.add_option("--seed", options.seed, "of nonces and of open's times [1]")->type_name("N");
  AddDuration(verb, "--poll", options.poll, "how long clients look again before they block [20us]");
}

}  // namespace

Run SetupBench(CLI::App& verb) {
  // Shared: the parser writes it, and what runs the verb reads it, both later than this.
  auto plan = std::make_shared<BenchPlan>();
  verb.add_option("NAME", plan->names, HelpOnNames())->required();
  AddLoad(verb, *plan);
  AddRoots(verb, *plan);
  verb.add_option("-c,--config", plan->node.config, "config of the node that is started")
      ->type_name("FILE");
  AddSets(verb, plan->node.sets);
  return [plan](Invocation& invocation) { return RunBenchVerb(*plan, invocation); };
}

}  // namespace spillgate::cli
