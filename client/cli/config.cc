// config: what spillgated would say of a configuration, without starting it.
#include <CLI/CLI.hpp>
#include <memory>
#include <sstream>

#include "client/cli/exits.h"
#include "client/cli/flags.h"
#include "client/cli/report.h"
#include "client/cli/verbs.h"
#include "config/knobs.h"
#include "config/load.h"
#include "config/print.h"
#include "config/read.h"
#include "config/sections.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

struct ConfigOptions {
  std::string path;
  std::vector<std::string> sets;
  CLI::App* print = nullptr;  // the parser's own
};

Json Problems(const std::string& message) {
  Json problems = Json::array();
  std::istringstream lines(message);
  for (std::string line; std::getline(lines, line);) problems.push_back(line);
  return problems;
}

Json Settings(const config::Loaded& loaded) {
  Json settings = Json::array();
  for (const config::Section& section : config::Sections()) {
    for (const std::string& name : config::InstancesOf(section, loaded.config)) {
      for (const config::Knob& knob : config::KnobsOf(section.name)) {
        const std::string key = config::PathOf(knob, name);
        settings.push_back({{"key", key},
                            {"value", config::Print(knob, knob.access.get(loaded.config, name))},
                            {"origin", config::Describe(config::OriginOf(loaded.origins, key))}});
      }
    }
  }
  return settings;
}

int RunConfig(const ConfigOptions& options, Invocation& invocation) {
  Console& console = invocation.console;
  const bool print = options.print->parsed();
  const auto loaded = config::Load(
      options.path, {.environment = config::VariablesFrom(environ), .flags = options.sets});
  Json json = Heading("config");
  json["ok"] = loaded.ok();
  if (!loaded.ok()) {
    json["problems"] = Problems(loaded.error().message);
    if (console.json()) console.Print(json);
    return console.Fail(kBadConfig, loaded.error().message);
  }
  if (console.json()) {
    if (print) json["settings"] = Settings(loaded.value());
    console.Print(json);
  } else if (print) {
    console.Write(config::PrintEffective(loaded.value().config, loaded.value().origins));
  } else {
    console.Line(Format("{}: ok", options.path.empty() ? "the defaults" : options.path));
  }
  return kOk;
}

}  // namespace

Run SetupConfig(CLI::App& verb) {
  // Shared: the parser writes it, the verb reads it, both later than this.
  auto options = std::make_shared<ConfigOptions>();
  verb.require_subcommand(1);
  CLI::App* check = verb.add_subcommand("check", "say what is wrong with it: exit 0 or 78");
  options->print = verb.add_subcommand("print", "the values in effect, and where each comes from");
  for (CLI::App* action : {check, options->print}) {
    action->add_option("-c,--config", options->path, "config file [the defaults]")
        ->type_name("FILE");
    AddSets(*action, options->sets);
  }
  return [options](Invocation& invocation) { return RunConfig(*options, invocation); };
}

}  // namespace spillgate::cli
