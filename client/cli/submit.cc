// submit and run: tasks from the command line.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "client/cli/exits.h"
#include "client/cli/flags.h"
#include "client/cli/objects.h"
#include "client/cli/output_file.h"
#include "client/cli/report.h"
#include "client/cli/submitter.h"
#include "client/cli/verbs.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr std::uint32_t kMostTasks = 1'000'000;
constexpr std::uint32_t kMostReturns = 255;
constexpr std::uint32_t kMostRetries = 100;
constexpr std::size_t kFailuresShown = 3;

void AddArgument(CLI::App& verb, SubmitPlan& plan, const std::string& option,
                 ArgumentText::Kind kind, const std::string& type, const std::string& help) {
  // Each is taken when it is met, so that options of different names stay in order.
  const auto take = [&plan, kind](const std::string& text) {
    plan.arguments.push_back({kind, text});
  };
  verb.add_option_function<std::string>(option, take, help)->type_name(type)->trigger_on_parse();
}

void AddPlan(CLI::App& verb, SubmitPlan& plan) {
  using Kind = ArgumentText::Kind;
  verb.add_option("FUNCTION", plan.function, "name of a function of the node")->required();
  AddArgument(verb, plan, "--arg", Kind::kSource, "TEXT|@FILE|-",
              "an argument: text, a file's bytes, or stdin; repeat it for more");
  AddArgument(verb, plan, "--text", Kind::kText, "TEXT", "an argument exactly as it stands");
  AddArgument(verb, plan, "--future", Kind::kObject, "ID",
              "an argument: the result of another task, ended or not");
  AddClass(verb, plan.options.cls);
  AddLevel(verb, plan.options.level);
  AddDuration(verb, "--deadline", plan.options.deadline, "the result is of no use after it");
  AddDuration(verb, "--cost-hint", plan.options.cost_hint, "how long one task runs");
  verb.add_option("--returns", plan.options.returns, "values that the task returns [1]")
      ->type_name("N")
      ->check(CLI::Range(1U, kMostReturns));
  verb.add_option("--shape", plan.shape, "resources, such as cpu=1,gpu=0.5 [the function's]")
      ->type_name("SHAPE");
  verb.add_option("--retries", plan.retries,
                  "try again when the node sheds it, and wait for its leave as long as there is "
                  "time [0: tell of the first refusal]")
      ->type_name("N")
      ->check(CLI::Range(0U, kMostRetries));
}

// Tells of failures as they come: the first few in full, the others as a number at the end.
class FailureReport {
 public:
  explicit FailureReport(Console& console) : console_(console) {}

  void Add(const Ticket& ticket) {
    const client::Failure& failure = *ticket.failure;
    if (code_ == kOk) code_ = ExitOf(failure);
    if (++count_ > kFailuresShown) return;
    console_.Fail(ticket.id.is_none() ? "" : ToString(ticket.id), failure);
  }
  // The exit code: that of the first failure.
  [[nodiscard]] int Close() {
    if (count_ > kFailuresShown) {
      console_.Say(Format("{} more tasks failed; -o json tells of each", count_ - kFailuresShown));
    }
    return code_;
  }

 private:
  Console& console_;
  std::uint64_t count_ = 0;
  int code_ = kOk;
};

Json Describe(const Ticket& ticket) {
  Json json = Json::object();
  if (!ticket.id.is_none()) json["id"] = ToString(ticket.id);
  json["verdict"] = VerdictOf(ticket);
  if (ticket.failure.has_value()) json["failure"] = ToJson(*ticket.failure);
  for (const Value& value : ticket.values) json["values"].push_back(ToJson(value.view()));
  return json;
}

void Show(const Ticket& ticket, bool waited, Console& console) {
  if (ticket.failure.has_value()) return;
  if (!waited) return console.Line(ToString(ticket.id));
  for (const Value& value : ticket.values) {
    console.Write(value.view());
    console.Line("");
  }
}

// Cancels what nobody waits for any more. The exit code.
int TidyUp(Submitter& submitter, const Interrupt& interrupt, int code, Console& console) {
  if (!interrupt.requested()) {
    submitter.CancelAbandoned();
    return code;
  }
  console.Say(
      Format("interrupted; {} of this command's tasks were asked to stop", submitter.CancelAll()));
  return interrupt.exit_code();
}

int RunSubmit(const SubmitPlan& plan, Invocation& invocation) {
  Console& console = invocation.console;
  const SteadyClock clock;
  const Patience patience(clock, invocation.globals.timeout);
  auto client = Connect(invocation.globals, plan.retries);
  if (!client.ok()) return console.Fail(client.error());
  const Interrupt interrupt;
  Submitter submitter(client.value(), plan, interrupt, patience);
  if (const auto ready = submitter.Prepare(STDIN_FILENO); !ready.ok()) {
    return console.Fail(ready.error());
  }
  FailureReport failures(console);
  Json json = Heading("submit");
  json["tasks"] = Json::array();
  while (!interrupt.requested() && !patience.over()) {
    const std::vector<Ticket> tickets = submitter.Next();
    if (tickets.empty()) break;
    for (const Ticket& ticket : tickets) {
      if (ticket.failure.has_value()) failures.Add(ticket);
      console.json() ? json["tasks"].push_back(Describe(ticket)) : Show(ticket, plan.wait, console);
    }
    console.Flush();
  }
  json["not_submitted"] = submitter.left();
  if (console.json()) console.Print(json);
  int code = failures.Close();
  if (submitter.left() > 0 && !interrupt.requested()) {
    const std::string what = Format("{} more tasks were not submitted", submitter.left());
    if (code != kOk) {
      console.Say(what);
    } else {
      code = console.Fail(kTimedOut, what + " in time; allow more with --timeout");
    }
  }
  return TidyUp(submitter, interrupt, code, console);
}

int RunOne(const SubmitPlan& plan, const std::string& output, Invocation& invocation) {
  Console& console = invocation.console;
  const SteadyClock clock;
  const Patience patience(clock, invocation.globals.timeout);
  auto client = Connect(invocation.globals, plan.retries);
  if (!client.ok()) return console.Fail(client.error());
  const Interrupt interrupt;
  Submitter submitter(client.value(), plan, interrupt, patience);
  if (const auto ready = submitter.Prepare(STDIN_FILENO); !ready.ok()) {
    return console.Fail(ready.error());
  }
  const Ticket ticket = std::move(submitter.Next().front());
  int code = kOk;
  if (ticket.failure.has_value()) code = console.Fail(plan.function, *ticket.failure);
  if (console.json()) {
    Json json = Heading("run");
    json.update(Describe(ticket));
    console.Print(json);
  } else if (code == kOk && !output.empty()) {
    code = WriteFile(output, ticket.values.front().view(), console);
  } else {
    Show(ticket, true, console);
  }
  return TidyUp(submitter, interrupt, code, console);
}

}  // namespace

Run SetupSubmit(CLI::App& verb) {
  // Shared: the parser's callbacks write it, and what runs the verb reads it, both later than this.
  auto plan = std::make_shared<SubmitPlan>();
  AddPlan(verb, *plan);
  verb.add_option("-n,--count", plan->count, "how many such tasks [1]")
      ->type_name("N")
      ->check(CLI::Range(1U, kMostTasks));
  verb.add_flag("--wait", plan->wait,
                "print the values; what has not ended when the command does is cancelled");
  verb.add_flag("--detach", plan->detach,
                "let tasks run on when the command ends (without --wait they always do)");
  return [plan](Invocation& invocation) { return RunSubmit(*plan, invocation); };
}

Run SetupRun(CLI::App& verb) {
  auto plan = std::make_shared<SubmitPlan>();  // shared: as above
  auto output = std::make_shared<std::string>();
  plan->wait = true;
  AddPlan(verb, *plan);
  verb.add_option("--output", *output, "write the value's bytes, and nothing else, to a file")
      ->type_name("FILE");
  return [plan, output](Invocation& invocation) { return RunOne(*plan, *output, invocation); };
}

}  // namespace spillgate::cli
