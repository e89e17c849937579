// The log: one line an event on stderr, human-readable on a terminal, JSON otherwise. Safe from any
// thread. For people and their tools, never on the path of a task. Messages name the thing
// concerned and what to do.
#pragma once

#include <string_view>

namespace spillgate::log {

enum class Level { kDebug, kInfo, kWarn, kError };

// `format` is "auto", "text" or "json". Call once, before the first line.
void Configure(Level least, std::string_view format);
// At any time, from any thread.
void SetLeast(Level least);

void Write(Level level, std::string_view area, std::string_view message);

inline void Debug(std::string_view area, std::string_view m) {
  Write(Level::kDebug, area, m);
}
inline void Info(std::string_view area, std::string_view m) {
  Write(Level::kInfo, area, m);
}
inline void Warn(std::string_view area, std::string_view m) {
  Write(Level::kWarn, area, m);
}
inline void Failure(std::string_view area, std::string_view m) {
  Write(Level::kError, area, m);
}

}  // namespace spillgate::log
