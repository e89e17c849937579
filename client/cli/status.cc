// status: the node, or some tasks.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "client/cli/connection.h"
#include "client/cli/exits.h"
#include "client/cli/figures_json.h"
#include "client/cli/objects.h"
#include "client/cli/report.h"
#include "client/cli/status_table.h"
#include "client/cli/verbs.h"

namespace spillgate::cli {
namespace {

int ShowNode(client::Client& client, Console& console) {
  const auto text = client.StatsOf("status");
  if (!text.ok()) return console.Fail(text.error());
  auto figures = ParseFigures(text.value());
  if (!figures.ok()) return console.Fail(figures.error());
  if (console.json()) {
    Json json = Heading("status");
    json.update(figures.value());
    console.Print(json);
    return kOk;
  }
  const std::string table = StatusTable(figures.value());
  table.empty() ? console.Say("the node answers, but gives no figures") : console.Write(table);
  return kOk;
}

int ShowTasks(client::Client& client, std::span<const TaskId> tasks, Console& console) {
  const auto statuses = client.StatusOf(tasks);
  if (!statuses.ok()) return console.Fail(statuses.error());
  if (console.json()) {
    Json json = Heading("status");
    json["statuses"] = ToJson(statuses.value());
    console.Print(json);
  } else {
    console.Write(TaskTable(statuses.value()));
  }
  const bool all = std::none_of(
      statuses.value().begin(), statuses.value().end(),
      [](const wire::TaskStatus& task) { return task.state == wire::TaskState::kUnknown; });
  return all ? kOk : kFailed;
}

int RunStatus(const std::vector<std::string>& ids, Invocation& invocation) {
  Console& console = invocation.console;
  std::vector<TaskId> tasks;
  if (!ids.empty()) {
    auto read = ReadTasks(ids, wire::kMostObjects, std::cin);
    if (!read.ok()) return console.Fail(kUsage, read.error().message);
    tasks = std::move(read).value();
  }
  auto client = Connect(invocation.globals);
  if (!client.ok()) return console.Fail(client.error());
  return tasks.empty() ? ShowNode(client.value(), console)
                       : ShowTasks(client.value(), tasks, console);
}

}  // namespace

Run SetupStatus(CLI::App& verb) {
  // Shared: the parser writes it, the verb reads it, both later than this.
  auto ids = std::make_shared<std::vector<std::string>>();
  verb.add_option("ID", *ids, "tasks; - reads their ids from stdin [none: the node itself]")
      ->type_name("ID");
  return [ids](Invocation& invocation) { return RunStatus(*ids, invocation); };
}

}  // namespace spillgate::cli
