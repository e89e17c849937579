// A user's library with a function that asks something outside: a database, as it were, of so many
// servers, which serve one caller each at a time. Who asks more at once waits for longer.
#include <spillgate/function.h>

#include <semaphore.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace {

using spillgate::sdk::Context;

constexpr unsigned kServers = 4;
constexpr long kLookNs = 5'000'000;

struct Servers {
  Servers() { sem_init(&free, 0, kServers); }
  sem_t free;
} servers;

// One of the servers, as long as there is an object of it.
class Server {
 public:
  explicit Server(const Context& context) {
    while (!served_ && !context.Cancelled()) {
      timespec until{};
      clock_gettime(CLOCK_MONOTONIC, &until);  // tidy: clock: what sem_clockwait goes by
      until.tv_nsec += kLookNs;
      until.tv_sec += until.tv_nsec / 1'000'000'000;
      until.tv_nsec %= 1'000'000'000;
      served_ = sem_clockwait(&servers.free, CLOCK_MONOTONIC, &until) == 0;
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    if (served_) sem_post(&servers.free);
  }
  [[nodiscard]] bool served() const { return served_; }

 private:
  bool served_ = false;
};

// ask(microseconds, bytes…): waits for a server, and then so long for its answer; returns its
// arguments from the second on.
void Ask(Context& context) {
  const Server server(context);
  if (!server.served()) return;
  context.Sleep(std::chrono::microseconds(std::stoll(std::string(context.Arg(0)))));
  for (std::uint32_t i = 1; i < context.arg_count(); ++i) context.Return(i - 1, context.Arg(i));
}

}  // namespace

SPILLGATE_LIBRARY("outside", spillgate::sdk::Export<Ask>("ask"))
