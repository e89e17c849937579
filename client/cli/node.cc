// drain and version: small questions to the node as a whole.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "client/cli/connection.h"
#include "client/cli/exits.h"
#include "client/cli/figures_json.h"
#include "client/cli/report.h"
#include "client/cli/table.h"
#include "client/cli/verbs.h"
#include "client/lib/address.h"
#include "core/base/format.h"
#include "schema/frame.h"

namespace spillgate::cli {
namespace {

constexpr Nanos kVersionTimeout = std::chrono::seconds(2);  // nobody waits for a version

int RunDrain(Invocation& invocation) {
  Console& console = invocation.console;
  client::ClientOptions options = OptionsFor(invocation.globals);
  options.is_operator = true;
  auto client = client::Client::Connect(std::move(options));
  if (!client.ok()) return console.Fail(client.error());
  const auto drained = client.value().Drain(invocation.globals.timeout);
  if (!drained.ok()) return console.Fail(drained.error());
  if (console.json()) {
    Json json = Heading("drain");
    json["left"] = drained.value().left;
    json["handed_over"] = drained.value().handed_over;
    console.Print(json);
  } else {
    console.Line(Format("the node is draining: {} tasks left, {} handed over", drained.value().left,
                        drained.value().handed_over));
  }
  return kOk;
}

// What the node says of itself, or why there is no node; neither is a failure of this verb.
Json AskNode(const Globals& globals) {
  Globals quick = globals;
  quick.timeout = std::min(quick.timeout, kVersionTimeout);
  auto client = Connect(quick);
  if (!client.ok()) return {{"reachable", false}, {"why", client.error().message}};
  Json node = {{"reachable", true}, {"node", client.value().node().name}};
  const auto text = client.value().StatsOf("status");
  if (!text.ok()) return node;
  const auto figures = ParseFigures(text.value());
  const std::string version = figures.ok() ? TextAt(figures.value(), {"version"}) : "";
  if (!version.empty()) node["version"] = version;
  return node;
}

int RunVersion(Invocation& invocation) {
  Console& console = invocation.console;
  const std::string address =
      invocation.globals.address.empty() ? client::DefaultAddress() : invocation.globals.address;
  Json node = AskNode(invocation.globals);
  node["address"] = address;
  if (console.json()) {
    Json json = Heading("version");
    json["version"] = SPILLGATE_VERSION;
    json["protocol"] = wire::kProtocolVersion;
    json["node"] = node;
    console.Print(json);
    return kOk;
  }
  Table table({{""}, {""}});
  table.Add({"spillgate", SPILLGATE_VERSION});
  table.Add({"protocol", Format("{}", wire::kProtocolVersion)});
  if (IsTrueAt(node, {"reachable"})) {
    const std::string version = TextAt(node, {"version"});
    table.Add({"node", Format("{} ({} at {})", version.empty() ? "unknown" : version,
                              TextAt(node, {"node"}), address)});
  } else {
    table.Add({"node", "none: " + TextAt(node, {"why"})});
  }
  console.Write(table.Render());
  return kOk;
}

}  // namespace

Run SetupDrain(CLI::App& /*verb*/) {
  return RunDrain;
}

Run SetupVersion(CLI::App& /*verb*/) {
  return RunVersion;
}

}  // namespace spillgate::cli
