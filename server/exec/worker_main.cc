// spillgate-worker: runs functions for a node, which starts it with a socket as descriptor 3 and
// its output on a pipe. `spillgate-worker --describe PATH` prints what is in a library instead.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "schema/text.h"
#include "server/exec/function_library.h"
#include "server/exec/worker_session.h"
#include "server/functions/builtins.h"

namespace spillgate {
namespace {

constexpr int kNodeSocket = 3;
constexpr int kUsage = 2;

struct Flags {
  std::string describe;
  std::uint64_t node_pid = 0;
  std::uint64_t memory = 0;
  std::uint64_t poll_us = 0;
  std::uint64_t patience_us = 0;
};

bool ParseFlags(int count, char** words, Flags& flags) {
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view flag = words[i];
    const std::string_view value = words[i + 1];
    if (flag == "--describe") {
      flags.describe = value;
      continue;
    }
    std::uint64_t* into = flag == "--node-pid"      ? &flags.node_pid
                          : flag == "--memory"      ? &flags.memory
                          : flag == "--poll-us"     ? &flags.poll_us
                          : flag == "--patience-us" ? &flags.patience_us
                                                    : nullptr;
    if (into == nullptr) return false;
    const char* begin = value.data();
    const char* end = begin + value.size();
    if (std::from_chars(begin, end, *into).ptr != end) return false;
  }
  return count % 2 == 1 && (!flags.describe.empty() || flags.node_pid != 0);
}

// What the library writes while it is loaded goes to stderr, so that the answer stands alone.
int DescribeTo(int answer, const std::string& path) {
  const Result<FunctionLibrary> library = LoadLibrary(path);
  const std::string text =
      (library.ok() ? Describe(library.value())
                    : Json{{"error", wire::Readable(library.error().message)}}.dump()) +
      "\n";
  const ssize_t written = write(answer, text.data(), text.size());
  return written == static_cast<ssize_t>(text.size()) && library.ok() ? 0 : 1;
}

void SetLimit(decltype(RLIMIT_CORE) what, std::uint64_t most) {
  const rlimit limit{.rlim_cur = most, .rlim_max = most};
  setrlimit(what, &limit);
}

// A function that should stop and does not look is interrupted by a signal before its process is
// killed: what it waits for in the kernel ends early, so that it may look then.
void OnInterruptSignal(int /*number*/) {}

void TakeInterrupts() {
  struct sigaction action{};
  action.sa_handler = OnInterruptSignal;  // without SA_RESTART
  sigaction(SIGINT, &action, nullptr);
}

// So that this process ends with its node, and is what the kernel ends first when memory runs out.
// False: the node has gone already.
bool BindToNode(const Flags& flags) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (static_cast<std::uint64_t>(getppid()) != flags.node_pid) return false;
  prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
  prctl(PR_SET_NAME, "sg-worker");
  prctl(PR_SET_TIMERSLACK, 1UL);
  fcntl(kNodeSocket, F_SETFD, FD_CLOEXEC);  // what a function starts shall not hold it
  SetLimit(RLIMIT_CORE, 0);
  if (flags.memory > 0) SetLimit(RLIMIT_AS, flags.memory);
  const int adjust = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (adjust >= 0) {
    [[maybe_unused]] const ssize_t written = write(adjust, "1000", 4);
    close(adjust);
  }
  return true;
}

int Main(int count, char** words) {
  Flags flags;
  if (!ParseFlags(count, words, flags)) {
    std::fputs("usage: spillgate-worker --describe PATH\nIs started by spillgated otherwise.\n",
               stderr);
    return kUsage;
  }
  if (!flags.describe.empty()) {
    const int answer = dup(STDOUT_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    return DescribeTo(answer, flags.describe);
  }
  if (!BindToNode(flags)) return 0;
  TakeInterrupts();
  const SteadyClock clock;
  WorkerSession session(kNodeSocket, functions::Builtins(), clock,
                        {.poll = std::chrono::microseconds(flags.poll_us),
                         .patience = std::chrono::microseconds(flags.patience_us)});
  session.Serve();
  return 0;
}

}  // namespace
}  // namespace spillgate

int main(int count, char** words) {
  return spillgate::Main(count, words);
}
