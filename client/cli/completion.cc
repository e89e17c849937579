// completion: scripts for shells, made from the parser itself, so they know every verb and option.
#include <CLI/CLI.hpp>
#include <memory>

#include "client/cli/exits.h"
#include "client/cli/verbs.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

std::vector<const CLI::App*> VerbsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<const CLI::Option*> OptionsOf(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) {
    return option->nonpositional() && !option->get_group().empty();
  });
}

// The words that may follow: verbs below it and its options.
std::string WordsOf(const CLI::App& app) {
  std::string words;
  for (const CLI::App* verb : VerbsOf(app)) words += verb->get_name() + " ";
  for (const CLI::Option* option : OptionsOf(app)) {
    for (const std::string& name : option->get_snames()) words += Format("-{} ", name);
    for (const std::string& name : option->get_lnames()) words += Format("--{} ", name);
  }
  if (!words.empty()) words.pop_back();
  return words;
}

std::string ForBash(const CLI::App& app) {
  std::string verbs;
  std::string cases;
  const std::string globals = WordsOf(app);
  for (const CLI::App* verb : VerbsOf(app)) {
    verbs += (verbs.empty() ? "" : "|") + verb->get_name();
    cases += Format("    {}) words=\"{}\" ;;\n", verb->get_name(), WordsOf(*verb));
  }
  return Format(
      "_spillgate() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} verb= word words\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case $word in {}) verb=$word; break ;; esac\n"
      "  done\n"
      "  case $verb in\n"
      "    \"\") words=\"{}\" ;;\n"
      "{}"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}}\n"
      "complete -o default -F _spillgate spillgate\n",
      verbs, globals, cases);
}

std::string ForZsh(const CLI::App& app) {
  return "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n" + ForBash(app);
}

std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

void AddFishOptions(const CLI::App& app, const std::string& when, std::string& script) {
  for (const CLI::Option* option : OptionsOf(app)) {
    script += "complete -c spillgate" + when;
    for (const std::string& name : option->get_snames()) script += " -s " + name;
    for (const std::string& name : option->get_lnames()) script += " -l " + name;
    if (option->get_items_expected_max() > 0) script += " -r";
    script += " -d " + Quoted(option->get_description()) + "\n";
  }
}

std::string ForFish(const CLI::App& app) {
  std::string script;
  AddFishOptions(app, "", script);
  for (const CLI::App* verb : VerbsOf(app)) {
    script += Format("complete -c spillgate -f -n __fish_use_subcommand -a {} -d {}\n",
                     verb->get_name(), Quoted(verb->get_description()));
    AddFishOptions(*verb, Format(" -n '__fish_seen_subcommand_from {}'", verb->get_name()), script);
  }
  return script;
}

int RunCompletion(const std::string& shell, Invocation& invocation) {
  const CLI::App& app = invocation.command;
  if (shell == "bash") invocation.console.Write(ForBash(app));
  if (shell == "zsh") invocation.console.Write(ForZsh(app));
  if (shell == "fish") invocation.console.Write(ForFish(app));
  return kOk;
}

}  // namespace

Run SetupCompletion(CLI::App& verb) {
  // Shared: the parser writes it, the verb reads it, both later than this.
  auto shell = std::make_shared<std::string>();
  verb.add_option("SHELL", *shell, "bash, zsh or fish; source <(spillgate completion bash)")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  return [shell](Invocation& invocation) { return RunCompletion(*shell, invocation); };
}

}  // namespace spillgate::cli
