// mcts: see README.md beside it, or mcts --help.
#include <cstdio>
#include <string>
#include <utility>

#include "client/examples/mcts/cores.h"
#include "client/examples/mcts/match.h"
#include "client/examples/mcts/options.h"
#include "client/examples/mcts/player.h"
#include "client/examples/mcts/report.h"
#include "client/lib/spillgate.h"

namespace spillgate::mcts {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr std::uint32_t kGamesBetween = 5;  // measurements of the machine

int Fail(const client::Failure& failure) {
  std::fprintf(stderr, "mcts: %s\n", failure.message.c_str());
  return client::ExitCodeOf(failure.kind);
}

// Nobody wants to hear of a lost warm-up but whoever waits for a library that is not there.
client::Status WarmUp(client::Client& client, const client::Function& expand,
                      const SearchOptions& search) {
  constexpr Nanos kWithin = std::chrono::seconds(30);
  const std::string question = Encode(Question{Board(), 0, search.moves, search.parts});
  client::Result<Value> answer =
      client.Submit(expand, {question}, {.deadline = kWithin}).Get(kWithin);
  if (!answer.ok()) return answer.error();
  return {};
}

int Main(int count, char** words) {
  Options options;
  if (const std::string problem = Parse(count, words, options); !problem.empty()) {
    std::fprintf(stderr, "mcts: %s\n%s", problem.c_str(), Usage());
    return kUsage;
  }
  if (options.help) {
    std::fputs(Usage(), stdout);
    return 0;
  }
  client::ClientOptions connect;
  connect.address = options.address;
  connect.software = "mcts";
  client::Result<client::Client> client = client::Client::Connect(std::move(connect));
  if (!client.ok()) return Fail(client.error());
  client::Result<client::Function> expand = client.value().Find("mcts_expand");
  if (!expand.ok()) return Fail(expand.error());
  const client::Status warm = WarmUp(client.value(), expand.value(), options.search);
  if (!warm.ok()) return Fail(warm.error());

  const SteadyClock clock;
  const std::uint64_t seed = options.match.seed;
  OverTasks first(client.value(), expand.value(), clock, options.search, 2 * seed);
  OneThread second(clock, options.search, 2 * seed + 1);
  Cores cores(clock);
  cores.Measure();
  MatchReport report = PlayMatch(first, second, options.match, [&](const MatchReport& so_far) {
    std::fprintf(stderr, "\rmcts: %u won, %u lost, %u drawn", so_far.won, so_far.lost,
                 so_far.drawn);
    if ((so_far.won + so_far.lost + so_far.drawn) % kGamesBetween == 0) cores.Measure();
  });
  report.cores = cores.ratio();
  std::fputc('\n', stderr);
  if (report.first.failed > 0) {
    std::fprintf(stderr, "mcts: %llu evaluations failed, the last one: %s\n",
                 static_cast<unsigned long long>(report.first.failed),
                 first.last_problem().c_str());
  }
  std::fputs((options.json ? ToJson : ToTable)(report, options).c_str(), stdout);
  if (report.first.answers == 0) {
    std::fprintf(stderr, "mcts: no evaluation ever came back: %s\n", first.last_problem().c_str());
    return kFailed;
  }
  const std::string complaint = options.check ? Complaint(report, options) : std::string();
  if (complaint.empty()) return 0;
  std::fprintf(stderr, "mcts: --check: %s\n", complaint.c_str());
  return kFailed;
}

}  // namespace
}  // namespace spillgate::mcts

int main(int count, char** words) {
  return spillgate::mcts::Main(count, words);
}
