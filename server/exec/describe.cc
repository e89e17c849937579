// Asking a worker process what a library has in it.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "core/base/format.h"
#include "core/base/json.h"
#include "schema/text.h"
#include "server/exec/function_library.h"
#include "server/exec/spawn.h"
#include "server/exec/worker_options.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostDescription = 4 << 20;

// Reads until the other side closes; false when the time is over or there is too much.
bool ReadAll(int fd, Instant until, const Clock& clock, std::string& into) {
  char bytes[4096];
  while (into.size() <= kMostDescription) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - clock.Now()).count();
    if (left <= 0) return false;
    pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&watched, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000))) <= 0) continue;
    const ssize_t got = read(fd, bytes, sizeof(bytes));
    if (got == 0) return true;
    if (got < 0 && errno != EINTR) return true;
    if (got > 0) into.append(bytes, static_cast<std::size_t>(got));
  }
  return false;
}

}  // namespace

Result<FunctionLibrary> DescribeLibrary(const std::string& worker_program, const std::string& path,
                                        Nanos at_most) {
  const SteadyClock clock;
  Result<DescriptorPair> pipe = MakePipe();
  if (!pipe.ok()) return pipe.error();
  const Result<Descriptor> null = OpenNull();
  if (!null.ok()) return null.error();
  const Result<pid_t> pid =
      Spawn({.program = worker_program,
             .arguments = {"--describe", path},
             .descriptors = {&null.value(), &pipe.value().second, &null.value()},
             .environment = WorkerOptions().environment});
  if (!pid.ok()) return pid.error();
  pipe.value().second.Close();
  std::string text;
  const bool whole = ReadAll(pipe.value().first.get(), clock.Now() + at_most, clock, text);
  kill(-pid.value(), SIGKILL);  // it has said what it had to say
  siginfo_t end{};
  waitid(P_PID, static_cast<id_t>(pid.value()), &end, WEXITED);
  if (!whole) {
    return Error{Code::kTimeout,
                 Format("{}: loading it to see what is in it took too long, or it has too much to "
                        "say",
                        path)};
  }
  const Json answer = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (answer.is_object() && answer.contains("error") && answer["error"].is_string()) {
    return Error{Code::kInvalid, wire::Readable(answer["error"].get<std::string>())};
  }
  if (!answer.is_object()) {
    return Error{Code::kInvalid, Format("{}: the process that loaded it to see what is in it was "
                                        "{}",
                                        path, DescribeEnd(end.si_code, end.si_status))};
  }
  return FromDescription(text, path);
}

}  // namespace spillgate
