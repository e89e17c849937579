// stages: the node's stages, once or again and again.
#include <CLI/CLI.hpp>
#include <memory>

#include "client/cli/connection.h"
#include "client/cli/exits.h"
#include "client/cli/figures_json.h"
#include "client/cli/flags.h"
#include "client/cli/interrupt.h"
#include "client/cli/report.h"
#include "client/cli/stages_table.h"
#include "client/cli/verbs.h"

namespace spillgate::cli {
namespace {

constexpr Nanos kLeastPause = std::chrono::milliseconds(10);
constexpr std::string_view kClearScreen = "\x1b[H\x1b[2J";

void ShowTable(const Json& figures, bool clear, Console& console) {
  if (clear) console.Write(kClearScreen);
  const std::string table = StagesTable(figures);
  table.empty() ? console.Say("this node gives no figures of its stages") : console.Write(table);
  console.Flush();  // before the hint, which goes another way
  const std::string hint = StagesHint(figures);
  if (!hint.empty()) console.Say("hint: " + hint);
}

int ShowOnce(client::Client& client, bool clear, Console& console) {
  const auto text = client.StatsOf("stages");
  if (!text.ok()) return console.Fail(text.error());
  auto figures = ParseFigures(text.value());
  if (!figures.ok()) return console.Fail(figures.error());
  if (!console.json()) {
    ShowTable(figures.value(), clear, console);
    return kOk;
  }
  Json json = Heading("stages");
  json.update(figures.value());
  console.Print(json);
  console.Flush();
  return kOk;
}

int RunStages(Nanos pause, Invocation& invocation) {
  Console& console = invocation.console;
  auto client = Connect(invocation.globals);
  if (!client.ok()) return console.Fail(client.error());
  if (pause == Nanos(0)) return ShowOnce(client.value(), false, console);
  const Interrupt interrupt;
  const bool clear = console.out_is_terminal() && !console.json();
  int code = kOk;
  do {
    code = ShowOnce(client.value(), clear, console);
  } while (code == kOk && console.good() && !interrupt.Pause(std::max(pause, kLeastPause)));
  return code;  // Ctrl-C is how one leaves
}

}  // namespace

Run SetupStages(CLI::App& verb) {
  // Shared: the parser writes it, the verb reads it, both later than this.
  auto pause = std::make_shared<Nanos>(0);
  AddWatch(verb, *pause);
  return [pause](Invocation& invocation) { return RunStages(*pause, invocation); };
}

}  // namespace spillgate::cli
