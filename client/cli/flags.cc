#include "client/cli/flags.h"

#include <algorithm>
#include <array>

#include "config/units.h"
#include "core/base/format.h"

namespace spillgate::cli {
namespace {

// An option whose value is one of `names`, by its place there.
template <class Enum, std::size_t kSize>
CLI::Option* AddChoice(CLI::App& app, const std::string& option,
                       const std::array<std::string_view, kSize>& names, Enum& into,
                       const std::string& help) {
  const auto read = [&names, &into, option](const std::string& text) {
    const auto* found = std::find(names.begin(), names.end(), text);
    if (found == names.end()) {
      std::string all;
      for (const std::string_view name : names)
        all += Format("{}{}", all.empty() ? "" : ", ", name);
      throw CLI::ValidationError(Format("{} is \"{}\"; it has to be one of {}", option, text, all));
    }
    into = static_cast<Enum>(found - names.begin());
  };
  return app.add_option_function<std::string>(option, read, help);
}

Nanos ReadDuration(const std::string& option, const std::string& text) {
  const auto parsed = config::ParseDuration(text);
  if (parsed.has_value() && *parsed > Nanos(0)) return *parsed;
  throw CLI::ValidationError(
      Format("{} is \"{}\"; it has to be a time such as 20ms, 1.5s or 2min", option, text));
}

}  // namespace

CLI::Option* AddDuration(CLI::App& app, const std::string& name, Nanos& into,
                         const std::string& help) {
  const auto read = [&into, name](const std::string& text) { into = ReadDuration(name, text); };
  return app.add_option_function<std::string>(name, read, help)->type_name("TIME");
}

CLI::Option* AddWatch(CLI::App& app, Nanos& into) {
  const auto read = [&into](const std::vector<std::string>& texts) {
    const bool bare = texts.empty() || texts.front().empty();
    into = bare ? Nanos(std::chrono::seconds(1)) : ReadDuration("--watch", texts.front());
  };
  return app
      .add_option_function<std::vector<std::string>>("-w,--watch", read,
                                                     "again and again, this long apart [1s]")
      ->type_name("TIME")
      ->expected(0, 1);
}

CLI::Option* AddSets(CLI::App& app, std::vector<std::string>& into) {
  // One at a time: the parser would take a list in brackets apart.
  const auto take = [&into](const std::string& text) { into.push_back(text); };
  return app
      .add_option_function<std::string>("--set", take,
                                        "one setting, over the file: limits.in_flight=128")
      ->type_name("KEY=VALUE")
      ->trigger_on_parse();
}

CLI::Option* AddClass(CLI::App& app, TaskClass& into) {
  return AddChoice(app, "--class", kClassNames, into,
                   "critical, high, normal or sheddable [normal]")
      ->type_name("CLASS");
}

CLI::Option* AddLevel(CLI::App& app, Level& into) {
  return AddChoice(
             app, "--level", kLevelNames, into,
             "none: in memory; async: survives the node's process; sync: on disk first [none]")
      ->type_name("LEVEL");
}

}  // namespace spillgate::cli
