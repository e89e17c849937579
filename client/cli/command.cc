#include "client/cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "client/cli/exits.h"
#include "client/cli/flags.h"
#include "config/suggest.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

constexpr std::string_view kAbout =
    "Real-time tasks on a node that sheds load rather than grinding to a halt.";
constexpr std::string_view kExits =
    "Exit codes: 0 ok, 1 failed, 2 usage, 69 cannot connect, 75 shed (try again later),\n"
    "78 bad configuration, 124 timed out. Data is on stdout, messages are on stderr.";

void AddGlobals(CLI::App& app, Globals& globals) {
  app.add_option("-a,--address", globals.address,
                 "node: unix:///path or tcp://host:port [the user's own]")
      ->envname("SPILLGATE_ADDRESS")
      ->type_name("ADDRESS");
  app.add_option("-o,--format", globals.format, "table or json")
      ->envname("SPILLGATE_OUTPUT")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json"}));
  AddDuration(app, "--timeout", globals.timeout, "for all that is waited for [30s]")
      ->envname("SPILLGATE_TIMEOUT");
  app.add_option("--token-file", globals.token_file, "file with a line NAME TOKEN, for TCP")
      ->envname("SPILLGATE_TOKEN_FILE")
      ->type_name("FILE");
  app.add_option("--tenant", globals.tenant, "name to go by, where the node lets us choose")
      ->type_name("NAME");
}

// " (did you mean 'submit'?)", or nothing.
std::string Hint(std::string_view word) {
  std::vector<std::string> known;
  for (const Verb& verb : Verbs()) known.emplace_back(verb.name);
  const std::string nearest = config::Nearest(word, known);
  return nearest.empty() ? "" : Format(" (did you mean '{}'?)", nearest);
}

const CLI::App* Chosen(const CLI::App& app) {
  const std::vector<const CLI::App*> chosen =
      app.get_subcommands([](const CLI::App* verb) { return verb->parsed(); });
  return chosen.empty() ? nullptr : chosen.front();
}

// One sentence: what is wrong and where to read how it should be.
std::string Complaint(const CLI::ParseError& error, const CLI::App& app, const std::string& stray) {
  const CLI::App* verb = Chosen(app);
  if (verb == nullptr && !stray.empty()) {
    return Format("there is no verb '{}'{}; see spillgate --help", stray, Hint(stray));
  }
  if (verb == nullptr && dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return "what to do? Give a verb; see spillgate --help";
  }
  std::string what = error.what();
  std::replace(what.begin(), what.end(), '\n', ' ');
  const std::string see = verb == nullptr ? "" : verb->get_name() + " ";
  return Format("{}; see spillgate {}--help", what, see);
}

// The first word that is neither an option nor an option's value, if it names no verb.
std::string StrayVerb(const CLI::App& app, const std::vector<std::string>& words) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word.size() > 1 && word.front() == '-') {
      const std::string name = word.substr(0, word.find('='));
      const CLI::Option* option = app.get_option_no_throw(name);
      if (option != nullptr && option->get_items_expected_min() > 0 && name == word) ++i;
      continue;
    }
    const bool known = std::any_of(Verbs().begin(), Verbs().end(),
                                   [&](const Verb& verb) { return verb.name == word; });
    return known ? "" : word;
  }
  return "";
}

struct Parser {
  Parser() : app(std::string(kAbout), "spillgate") {
    app.require_subcommand(1);
    app.fallthrough();  // globals may stand after the verb
    app.footer(std::string(kExits));
    app.set_version_flag("--version", "spillgate " SPILLGATE_VERSION);
    AddGlobals(app, globals);
    for (const Verb& verb : Verbs()) {
      CLI::App& sub = *app.add_subcommand(std::string(verb.name), std::string(verb.help));
      runs.emplace_back(&sub, verb.setup(sub));
    }
  }

  CLI::App app;
  Globals globals;
  std::vector<std::pair<CLI::App*, Run>> runs;
};

// -1: go on; else exit with it.
int Parse(Parser& parser, const std::vector<std::string>& words, Console& console) {
  try {
    parser.app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    return -1;
  } catch (const CLI::CallForHelp&) {
    const CLI::App* verb = Chosen(parser.app);
    console.Write(verb == nullptr ? parser.app.help() : verb->help("spillgate"));
  } catch (const CLI::CallForVersion& version) {
    console.Line(version.what());
  } catch (const CLI::ParseError& error) {
    return console.Fail(kUsage, Complaint(error, parser.app, StrayVerb(parser.app, words)));
  }
  return kOk;
}

}  // namespace

int Main(int count, const char* const* words, std::FILE* out, std::FILE* err) {
  Console console(out, err);
  Parser parser;
  const std::vector<std::string> arguments(words + std::min(count, 1), words + count);
  int code = Parse(parser, arguments, console);
  if (code >= 0) return console.Close(code);
  console.set_json(parser.globals.format == "json");
  Invocation invocation{.globals = parser.globals, .console = console, .command = parser.app};
  for (const auto& [verb, run] : parser.runs) {
    if (verb->parsed()) code = run(invocation);
  }
  return console.Close(code);
}

int Main(int count, const char* const* words) {
  return Main(count, words, stdout, stderr);
}

}  // namespace spillgate::cli
