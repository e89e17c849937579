#include "core/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "core/base/json.h"

namespace spillgate::log {
namespace {

struct Sink {
  std::shared_ptr<spdlog::logger> logger = spdlog::stderr_color_mt("spillgate");
  bool json = false;
};

// The one process-wide object here: a log that had to be passed to every constructor would be one
// that nobody writes to. All but its level is set once, before threads start.
Sink& TheSink() {
  static Sink sink;
  return sink;
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void Configure(Level least, std::string_view format) {
  Sink& sink = TheSink();
  sink.json = format == "json" || (format == "auto" && isatty(STDERR_FILENO) == 0);
  SetLeast(least);
  sink.logger->set_pattern(
      sink.json ? R"({"ts":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})" : "%H:%M:%S.%e %^%-5l%$ %v",
      sink.json ? spdlog::pattern_time_type::utc : spdlog::pattern_time_type::local);
}

void SetLeast(Level least) {
  TheSink().logger->set_level(ToSpdlog(least));
}

void Write(Level level, std::string_view area, std::string_view message) {
  Sink& sink = TheSink();
  if (!sink.json) {
    sink.logger->log(ToSpdlog(level), "{}: {}", area, message);
    return;
  }
  const auto quoted = [](std::string_view text) {
    return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  sink.logger->log(ToSpdlog(level), "\"area\":{},\"msg\":{}", quoted(area), quoted(message));
}

}  // namespace spillgate::log
