#include "server/admin/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <string>

namespace spillgate::admin {
namespace {

// Fields of /proc/PID/stat, counted from 1 as proc(5) does.
constexpr int kUserTime = 14;
constexpr int kSystemTime = 15;
constexpr int kStartTime = 22;
constexpr int kResidentPages = 24;
constexpr int kFirstAfterName = 3;

std::string ReadWhole(const char* path) {
  std::string text;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return text;
  char part[4096];
  constexpr std::size_t kMost = 1 << 20;
  for (ssize_t got = 0; text.size() < kMost && (got = read(file, part, sizeof(part))) > 0;) {
    text.append(part, static_cast<std::size_t>(got));
  }
  close(file);
  return text;
}

std::uint64_t NumberAt(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::uint64_t Field(std::string_view after_name, int field) {
  std::size_t at = 0;
  for (int i = kFirstAfterName; i < field; ++i) {
    at = after_name.find(' ', at);
    if (at == std::string_view::npos) return 0;
    ++at;
  }
  return NumberAt(after_name.substr(at));
}

}  // namespace

ProcessFigures ReadProcess() {
  return ParseProcess(ReadWhole("/proc/self/stat"), ReadWhole("/proc/stat"), sysconf(_SC_CLK_TCK),
                      sysconf(_SC_PAGESIZE));
}

ProcessFigures ParseProcess(std::string_view process_stat, std::string_view system_stat, long ticks,
                            long page) {
  ProcessFigures figures;
  // The name stands in parentheses and may hold anything, parentheses and blanks too.
  const std::size_t name_end = process_stat.rfind(") ");
  if (name_end == std::string_view::npos || ticks <= 0 || page <= 0) return figures;
  const std::string_view rest = process_stat.substr(name_end + 2);
  const auto a_second = static_cast<double>(ticks);
  figures.cpu_s = static_cast<double>(Field(rest, kUserTime) + Field(rest, kSystemTime)) / a_second;
  figures.resident_bytes = Field(rest, kResidentPages) * static_cast<std::uint64_t>(page);
  constexpr std::string_view kBootTime = "\nbtime ";
  const std::size_t boot = system_stat.find(kBootTime);
  if (boot == std::string_view::npos) return figures;
  figures.start_time_s =
      static_cast<double>(NumberAt(system_stat.substr(boot + kBootTime.size()))) +
      static_cast<double>(Field(rest, kStartTime)) / a_second;
  return figures;
}

}  // namespace spillgate::admin
