// replay: a recorded workflow, run as the dataflow that it is.
#include <CLI/CLI.hpp>
#include <memory>

#include "client/cli/connection.h"
#include "client/cli/exits.h"
#include "client/cli/figures.h"
#include "client/cli/flags.h"
#include "client/cli/interrupt.h"
#include "client/cli/report.h"
#include "client/cli/table.h"
#include "client/cli/verbs.h"
#include "client/replay/replay.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr std::uint32_t kRetries = 3;
constexpr std::uint32_t kMostWindow = 1U << 20;

struct ReplayPlan {
  std::string file;
  std::string work = "sleep";
  replay::ReplayOptions options;
};

double Seconds(Nanos time) {
  return std::chrono::duration<double>(time).count();
}

Json ToJson(const replay::ReplayReport& report, const replay::ReplayOptions& options) {
  Json json = Heading("replay");
  json["workflow"] = report.name;
  json["time_scale"] = options.scale.time;
  json["data_scale"] = options.scale.data;
  json["level"] = std::string(ToString(options.level));
  json["tasks"] = report.tasks;
  json["edges"] = report.edges;
  json["verified"] = report.verified;
  json["bytes"] = report.bytes;
  json["makespan_s"] = Seconds(report.makespan);
  json["critical_path_s"] = Seconds(report.critical_path);
  json["work_s"] = Seconds(report.work);
  json["ratio"] = report.ratio();
  json["tasks_per_s"] = report.tasks_per_s();
  json["refused"] = report.refused;
  json["reconnects"] = report.reconnects;
  return json;
}

std::string ToText(const replay::ReplayReport& report, bool verify) {
  const auto time = [](Nanos nanos) { return FormatMicros(Seconds(nanos) * 1e6); };
  Table table({{""}, {""}});
  table.Add({"workflow", report.name});
  table.Add({"tasks", Format("{}, {} edges", report.tasks, report.edges)});
  table.Add({"makespan", time(report.makespan)});
  table.Add({"critical path", Format("{}; the makespan is {:.2f} times as long",
                                     time(report.critical_path), report.ratio())});
  table.Add({"work", time(report.work)});
  table.Add({"tasks/s", FormatAmount(report.tasks_per_s())});
  table.Add({"results", FormatSize(static_cast<double>(report.bytes))});
  if (report.refused > 0) table.Add({"refused at first", Format("{}", report.refused)});
  if (report.reconnects > 0) table.Add({"reconnects", Format("{}", report.reconnects)});
  table.Add({"verified", verify ? Format("{} results, each right", report.verified)
                                : std::string("no: --verify compares each result")});
  return table.Render();
}

int RunReplay(const ReplayPlan& plan, Invocation& invocation) {
  Console& console = invocation.console;
  const Result<replay::Workflow> workflow = replay::ReadWorkflow(plan.file);
  if (!workflow.ok()) return console.Fail(kFailed, workflow.error().message);
  auto client = Connect(invocation.globals, kRetries);
  if (!client.ok()) return console.Fail(client.error());
  const Interrupt interrupt;
  replay::ReplayOptions options = plan.options;
  options.spin = plan.work == "spin";
  options.timeout = invocation.globals.timeout;
  options.stop = [&interrupt] { return interrupt.requested(); };
  const auto report = replay::Replay(client.value(), workflow.value(), options);
  if (!report.ok()) {
    const int code = console.Fail(plan.file, report.error());
    return interrupt.requested() ? interrupt.exit_code() : code;
  }
  if (console.json()) {
    console.Print(ToJson(report.value(), options));
  } else {
    console.Write(ToText(report.value(), options.verify));
  }
  return kOk;
}

}  // namespace

Run SetupReplay(CLI::App& verb) {
  // Shared: the parser writes it, and what runs the verb reads it, both later than this.
  auto plan = std::make_shared<ReplayPlan>();
  replay::ReplayOptions& options = plan->options;
  verb.add_option("FILE", plan->file, "a workflow in WfFormat 1.5")->required();
  verb.add_option("--time-scale", options.scale.time,
                  "of the recorded run times; --timeout has to allow for it [1]")
      ->type_name("S")
      ->check(CLI::NonNegativeNumber);
  verb.add_option("--data-scale", options.scale.data, "of the recorded sizes of results [0.001]")
      ->type_name("D")
      ->check(CLI::NonNegativeNumber);
  verb.add_flag("--verify", options.verify,
                "compare each result with what it has to be; fail if one is not");
  verb.add_option("--work", plan->work, "what tasks do with their time: sleep or spin [sleep]")
      ->type_name("HOW")
      ->check(CLI::IsMember({"sleep", "spin"}));
  AddClass(verb, options.cls);
  AddLevel(verb, options.level);
  verb.add_flag("--slots-hint", options.hints, "tell the node how long each task will take");
  verb.add_option("--window", options.window, "tasks submitted and not ended, at most [1024]")
      ->type_name("N")
      ->check(CLI::Range(1U, kMostWindow));
  verb.add_option("--function", options.function, "function that tasks run [step]")
      ->type_name("NAME");
  return [plan](Invocation& invocation) { return RunReplay(*plan, invocation); };
}

}  // namespace spillgate::cli
