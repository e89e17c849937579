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

std::optional<std::uint32_t> CpuDemand::Read(const Hosting& hosting, Instant now) {
  const bool first = last_.empty();
  const std::size_t of_workers =
      hosting.processes.empty() ? 0 : kMostLooks - std::min(hosting.threads.size(), kMostLooks / 2);
  std::map<pid_t, std::uint64_t> found;
  const auto one = [](pid_t thread, std::size_t) { return std::vector<pid_t>{thread}; };
  const auto all = [this](pid_t process, std::size_t most) { return ThreadsOf(process, most); };
  const double asked = Asked(hosting.threads, threads_, kMostLooks - of_workers, one, found) +
                       Asked(hosting.processes, processes_, of_workers, all, found);
  const Nanos passed = now - at_;
  last_ = std::move(found);
  at_ = now;
  if (first || last_.empty() || passed <= Nanos(0)) return std::nullopt;
  return static_cast<std::uint32_t>(asked / static_cast<double>(passed.count()) * 1000);
}

// What those of the sample asked for, times how many there are for each of them. Who is to be in
// the next sample is looked at as well, so that its figure of before is known by then.
template <class ThreadsOfOne>
double CpuDemand::Asked(std::span<const pid_t> hosts, Sample& sample, std::size_t most,
                        ThreadsOfOne threads_of, std::map<pid_t, std::uint64_t>& found) const {
  std::uint64_t asked = 0;
  const auto look_from = [&](std::size_t from) {
    std::size_t taken = 0;
    for (std::size_t looks = 0; taken < hosts.size() && looks < most; ++taken) {
      for (const pid_t thread : threads_of(hosts[(from + taken) % hosts.size()], most - looks)) {
        ++looks;
        const std::optional<std::uint64_t> sum = AskedBy(thread);
        if (!sum || !found.emplace(thread, *sum).second) continue;
        const auto before = last_.find(thread);
        // A number may be given again to a new thread.
        if (before != last_.end() && before->second <= *sum) asked += *sum - before->second;
      }
    }
    return taken;
  };
  const std::size_t taken = look_from(sample.from);
  if (taken == 0) return 0;
  const double times = static_cast<double>(hosts.size()) / static_cast<double>(taken);
  const double all = static_cast<double>(asked) * times;
  if (++sample.reads % kStays == 0 && taken < hosts.size()) {
    sample.from = (sample.from + taken) % hosts.size();
    look_from(sample.from);
  }
  return all;
}

// A worker process may compute on several threads. Those that it has now; of very many the first.
std::vector<pid_t> CpuDemand::ThreadsOf(pid_t process, std::size_t most) const {
  std::vector<pid_t> threads;
  std::error_code gone;
  std::size_t left = std::min(most, kMostOfOne);
  std::filesystem::directory_iterator at(Format("{}/{}/task", proc_, process), gone);
  for (; !gone && at != std::filesystem::directory_iterator() && left > 0; at.increment(gone)) {
    const std::string name = at->path().filename().string();
    pid_t thread = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), thread);
    if (error != std::errc()) continue;
    threads.push_back(thread);
    --left;
  }
  return threads;
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
