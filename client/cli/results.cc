// get, wait and cancel: tasks by their ids, of whatever session.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "client/cli/connection.h"
#include "client/cli/exits.h"
#include "client/cli/flags.h"
#include "client/cli/objects.h"
#include "client/cli/output_file.h"
#include "client/cli/report.h"
#include "client/cli/verbs.h"
#include "core/base/format.h"
#include "schema/messages.h"

namespace spillgate::cli {
namespace {

constexpr std::size_t kMostGets = 65536;  // asked for one after the other
constexpr std::string_view kIdsHelp =
    "ids as submit prints them, ID:2 for the third value; - reads "
    "them from stdin";

void AddIds(CLI::App& verb, std::vector<std::string>& ids) {
  verb.add_option("ID", ids, std::string(kIdsHelp))->required()->type_name("ID");
}

// ---- get

int GetOne(client::Client& client, const ObjectId& object, Nanos timeout, Json& values,
           const std::string& output, bool several, Console& console) {
  const auto value = client.Get(object, timeout);
  if (!value.ok()) {
    values.push_back({{"id", ToText(object)}, {"failure", ToJson(value.error())}});
    return console.Fail(ToText(object), value.error());
  }
  const ByteView bytes = value.value().view();
  if (console.json()) {
    Json one = {{"id", ToText(object)}};
    one.update(ToJson(bytes));
    values.push_back(std::move(one));
    return kOk;
  }
  if (!output.empty()) return WriteFile(output, bytes, console);
  console.Write(bytes);
  // One value is written as it is, for pipes; several, and people, need an end of the line.
  const bool ended = !bytes.empty() && bytes.back() == std::byte{'\n'};
  if (several || (console.out_is_terminal() && !ended)) console.Line("");
  return kOk;
}

int RunGet(const std::vector<std::string>& ids, const std::string& output, Invocation& invocation) {
  Console& console = invocation.console;
  const auto objects = ReadObjects(ids, kMostGets, std::cin);
  if (!objects.ok()) return console.Fail(kUsage, objects.error().message);
  const bool several = objects.value().size() > 1;
  if (several && !output.empty()) {
    return console.Fail(kUsage, "--output takes one value, so name one id");
  }
  const SteadyClock clock;
  const Patience patience(clock, invocation.globals.timeout);
  auto client = Connect(invocation.globals);
  if (!client.ok()) return console.Fail(client.error());
  int code = kOk;
  Json json = Heading("get");
  json["values"] = Json::array();
  for (const ObjectId& object : objects.value()) {
    const int one =
        GetOne(client.value(), object, patience.left(), json["values"], output, several, console);
    if (code == kOk) code = one;
    console.Flush();
  }
  if (console.json()) console.Print(json);
  return code;
}

// ---- wait

int RunWait(const std::vector<std::string>& ids, std::uint32_t needed, Invocation& invocation) {
  Console& console = invocation.console;
  const auto objects = ReadObjects(ids, wire::kMostObjects, std::cin);
  if (!objects.ok()) return console.Fail(kUsage, objects.error().message);
  const auto all = static_cast<std::uint32_t>(objects.value().size());
  if (needed > all) {
    return console.Fail(
        kUsage, Format("-k {} of {} ids: ask for as many as there are at most", needed, all));
  }
  if (needed == 0) needed = all;
  auto client = Connect(invocation.globals);
  if (!client.ok()) return console.Fail(client.error());
  const auto waited = client.value().Wait(objects.value(), needed, invocation.globals.timeout);
  if (!waited.ok()) return console.Fail(waited.error());
  const client::Ready& ready = waited.value();
  Json json = Heading("wait");
  json["timed_out"] = ready.timed_out;
  json["ready"] = Json::array();
  json["pending"] = Json::array();
  for (std::size_t i = 0; i < all; ++i) {
    const std::string id = ToText(objects.value()[i]);
    const bool is_ready = i < ready.ready.size() && ready.ready[i];
    json[is_ready ? "ready" : "pending"].push_back(id);
    if (is_ready && !console.json()) console.Line(id);
  }
  if (console.json()) console.Print(json);
  if (!ready.timed_out) return kOk;
  return console.Fail(kTimedOut,
                      Format("{} of the {} needed were ready in time: wait again, with a longer "
                             "--timeout",
                             ready.count, needed));
}

// ---- cancel

int RunCancel(const std::vector<std::string>& ids, Invocation& invocation) {
  Console& console = invocation.console;
  const auto tasks = ReadTasks(ids, wire::kMostObjects, std::cin);
  if (!tasks.ok()) return console.Fail(kUsage, tasks.error().message);
  auto client = Connect(invocation.globals);
  if (!client.ok()) return console.Fail(client.error());
  const auto cancelled = client.value().Cancel(std::span<const TaskId>(tasks.value()));
  if (!cancelled.ok()) return console.Fail(cancelled.error());
  const wire::Cancelled& counts = cancelled.value();
  if (console.json()) {
    Json json = Heading("cancel");
    json["asked_to_stop"] = counts.count;
    json["already_done"] = counts.already_done;
    console.Print(json);
  } else {
    console.Line(Format("{} asked to stop, {} already ended or not known", counts.count,
                        counts.already_done));
  }
  return counts.count > 0 ? kOk : kFailed;
}

}  // namespace

Run SetupGet(CLI::App& verb) {
  // Shared, here and below: the parser writes them, the verb reads them, both later than this.
  auto ids = std::make_shared<std::vector<std::string>>();
  auto output = std::make_shared<std::string>();
  AddIds(verb, *ids);
  verb.add_option("--output", *output, "write the bytes to a file")->type_name("FILE");
  return [ids, output](Invocation& invocation) { return RunGet(*ids, *output, invocation); };
}

Run SetupWait(CLI::App& verb) {
  auto ids = std::make_shared<std::vector<std::string>>();
  auto needed = std::make_shared<std::uint32_t>(0);
  AddIds(verb, *ids);
  verb.add_option("-k,--needed", *needed, "how many have to be ready [all]")
      ->type_name("N")
      ->check(CLI::Range(1U, static_cast<unsigned>(wire::kMostObjects)));
  return [ids, needed](Invocation& invocation) { return RunWait(*ids, *needed, invocation); };
}

Run SetupCancel(CLI::App& verb) {
  auto ids = std::make_shared<std::vector<std::string>>();
  AddIds(verb, *ids);
  return [ids](Invocation& invocation) { return RunCancel(*ids, invocation); };
}

}  // namespace spillgate::cli
