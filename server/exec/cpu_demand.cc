#include "server/exec/cpu_demand.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "core/base/format.h"

namespace spillgate {

std::optional<std::uint32_t> CpuDemand::Read(std::span<const pid_t> threads, Instant now) {
  const bool first = last_.empty();
  std::map<pid_t, std::uint64_t> found;
  const std::size_t looks = std::min(threads.size(), kMostLooks);
  std::uint64_t asked = 0;
  for (const pid_t thread : threads.first(looks)) {
    const std::optional<std::uint64_t> sum = AskedBy(thread);
    if (!sum) continue;  // it has ended
    found.emplace(thread, *sum);
    const auto before = last_.find(thread);
    // A number may be given again to a new thread.
    if (before != last_.end() && before->second <= *sum) asked += *sum - before->second;
  }
  const Nanos passed = now - at_;
  last_ = std::move(found);
  at_ = now;
  if (first || last_.empty() || passed <= Nanos(0)) return std::nullopt;
  const double times = static_cast<double>(threads.size()) / static_cast<double>(looks);
  const double cpus = static_cast<double>(asked) / static_cast<double>(passed.count());
  return static_cast<std::uint32_t>(cpus * times * 1000);
}

void CpuDemand::AddThreadsOf(pid_t process, std::vector<pid_t>& threads) const {
  std::error_code gone;
  std::size_t left = kMostOfOne;
  std::filesystem::directory_iterator at(Format("{}/{}/task", proc_, process), gone);
  for (; !gone && at != std::filesystem::directory_iterator() && left > 0; at.increment(gone)) {
    const std::string name = at->path().filename().string();
    pid_t thread = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), thread);
    if (error != std::errc()) continue;
    threads.push_back(thread);
    --left;
  }
}

// The file has the time that it ran, the time that it waited to run, and a count.
std::optional<std::uint64_t> CpuDemand::AskedBy(pid_t thread) const {
  const std::string path = Format("{}/{}/schedstat", proc_, thread);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  std::array<char, 128> text;
  const ssize_t got = read(file, text.data(), text.size());
  close(file);
  if (got <= 0) return std::nullopt;
  const char* end = text.data() + got;
  std::uint64_t ran = 0;
  std::uint64_t waited = 0;
  const auto [middle, error] = std::from_chars(text.data(), end, ran);
  if (error != std::errc() || middle == end || *middle != ' ') return std::nullopt;
  if (std::from_chars(middle + 1, end, waited).ec != std::errc()) return std::nullopt;
  return ran + waited;
}

}  // namespace spillgate
