// spillgated: the node's daemon.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "config/load.h"
#include "config/print.h"
#include "core/base/log.h"
#include "server/daemon.h"

namespace spillgate {
namespace {

constexpr int kUsage = 2;
constexpr int kCannotStart = 1;
constexpr int kBadConfig = 78;

constexpr char kHelp[] =
    "usage: spillgated [-c FILE] [--set KEY=VALUE]... [--salvage] [--check-config | "
    "--print-config]\n"
    "\n"
    "Serves tasks over a socket until SIGTERM or Ctrl-C; SIGHUP reloads the config file.\n"
    "  -c FILE          config file (TOML); without one, the defaults\n"
    "  --set KEY=VALUE  one setting, over the file: --set stage.scheduling.batch=128\n"
    "  --check-config   say what is wrong with the config and exit: 0 or 78\n"
    "  --print-config   print the config in effect, and where each value comes from\n"
    "  --salvage        start without what is damaged of the journal; what was lost is logged\n"
    "  --version        print the version\n";

struct Arguments {
  std::string path;
  config::Overrides overrides;
  bool check = false;
  bool print = false;
  bool salvage = false;
};

// -1: go on; else exit with it.
int Parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    const bool takes_value = word == "-c" || word == "--config" || word == "--set";
    if (takes_value && i + 1 == count) {
      std::fprintf(stderr, "spillgated: %s needs a value\n", words[i]);
      return kUsage;
    }
    if (word == "-c" || word == "--config") {
      arguments.path = words[++i];
    } else if (word == "--set") {
      arguments.overrides.flags.emplace_back(words[++i]);
    } else if (word == "--check-config") {
      arguments.check = true;
    } else if (word == "--print-config") {
      arguments.print = true;
    } else if (word == "--salvage") {
      arguments.salvage = true;
    } else if (word == "--version") {
      std::puts("spillgated " SPILLGATE_VERSION);
      return 0;
    } else if (word == "-h" || word == "--help") {
      std::fputs(kHelp, stdout);
      return 0;
    } else {
      std::fprintf(stderr, "spillgated: unknown argument %s\n%s", words[i], kHelp);
      return kUsage;
    }
  }
  return -1;
}

std::string_view FormatName(config::LogFormat format) {
  switch (format) {
    case config::LogFormat::kText: return "text";
    case config::LogFormat::kJson: return "json";
    case config::LogFormat::kAuto: break;
  }
  return "auto";
}

int Main(int count, char** words) {
  Arguments arguments;
  if (const int code = Parse(count, words, arguments); code >= 0) return code;
  arguments.overrides.environment = config::VariablesFrom(environ);
  Result<config::Loaded> loaded = config::Load(arguments.path, arguments.overrides);
  if (!loaded.ok()) {
    std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
    return kBadConfig;
  }
  if (arguments.print) {
    const config::Loaded& all = loaded.value();
    std::fputs(config::PrintEffective(all.config, all.origins).c_str(), stdout);
  }
  if (arguments.check || arguments.print) return 0;
  log::Configure(loaded.value().config.node.log_level,
                 FormatName(loaded.value().config.node.log_format));
  std::signal(SIGPIPE, SIG_IGN);  // a peer that went away is an error of that write
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;  // connections and workers need them
    setrlimit(RLIMIT_NOFILE, &files);
  }
  Daemon daemon(std::move(loaded).value(), arguments.path, std::move(arguments.overrides),
                arguments.salvage);
  if (const Status status = daemon.Open(); !status.ok()) {
    log::Failure("node", "cannot start: " + status.error().message);
    return kCannotStart;
  }
  daemon.Run();
  return 0;
}

}  // namespace
}  // namespace spillgate

int main(int count, char** words) {
  return spillgate::Main(count, words);
}
