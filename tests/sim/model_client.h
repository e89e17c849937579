// ModelClient: a program that uses a node over some sessions, and that keeps to the protocol but is
// unlucky: its connections break, answers to it get lost, and some of what it sends is broken. It
// submits, puts, opens and closes roots, gets, waits, cancels, releases and asks for the status of
// tasks, all drawn from the seed. It stands where the door does: frames go straight into the
// submission stage. One thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "schema/messages.h"
#include "schema/submit.h"
#include "server/node.h"
#include "tests/sim/ledger.h"
#include "tests/sim/mailroom.h"
#include "tests/sim/program.h"

namespace spillgate::sim {

class ModelClient {
 public:
  struct Options {
    std::uint32_t sessions = 3;
    std::uint32_t tenants = 2;
    bool tiny = false;         // the node is: recursion deep enough to fill it
    bool gpu = false;          // ask for what this node does not have
    std::uint32_t lost = 50;   // answers, in a thousand
    std::uint32_t breaks = 8;  // connections, in a thousand acts
  };

  ModelClient(Node& node, Mailroom& mail, Ledger& ledger, Options options, std::uint64_t seed);

  // Does one thing.
  void Act(Instant now);
  // One packet for one of its connections; it may get lost.
  void Receive(ConnectionId to, const Mailroom::Packet& packet, Instant now);

  // ---- the end: nothing new, nothing gets lost any more.
  void WindDown(Instant now);
  // Sends again what has had no verdict.
  void Nudge(Instant now);
  [[nodiscard]] bool unsettled() const { return !unsettled_.empty(); }
  // Asks once more for all that it has not released.
  void AskForAll(Instant now);
  void ReleaseHalf(Instant now);
  void EndSessions(Instant now);
  [[nodiscard]] std::size_t live_sessions() const;

 private:
  struct Client {  // one session
    SessionId id = 0;
    TenantId tenant = 0;
    ConnectionId connection = 0;  // 0 while it is without
    bool ended = false;
    std::uint64_t next_seq = 1;
    std::vector<std::uint64_t> numbers;  // tasks and puts that were accepted and are not released
    std::vector<std::uint64_t> roots;    // open ones
  };
  struct Unsettled {  // a frame without all its verdicts
    std::size_t client = 0;
    Buffer frame;
    std::optional<wire::SubmitPreamble> submit;  // of a Submit: it is sent again revised
    Sending sending;
    std::vector<bool> settled;
    Instant sent;
    Instant deadline = kNever;
    bool is_root = false;
  };

  void Submit(std::size_t at, Instant now);
  void AddTask(const Client& client, wire::SubmitWriter& writer, Sending& sending, Name name);
  void Put(std::size_t at, Instant now);
  void OpenRoot(std::size_t at, Instant now);
  void CloseRoot(Client& client, Instant now);
  void Ask(Client& client, wire::FrameType type, Instant now);
  void SendAsk(Client& client, wire::FrameType type, std::vector<ObjectId> ids, Nanos timeout,
               Instant now);
  void SendBroken(Client& client, Instant now);
  void Release(Client& client, std::size_t which, Instant now);
  void Open(Client& client);
  void GiveUp(const Client& client);
  [[nodiscard]] bool IsOver(const Client& client);
  void Break(Client& client);
  void Connect(Client& client);
  void End(Client& client);
  void Relieve(Client& client);
  void SendAgain(std::uint32_t correlation, Instant now);

  void OnFrame(const wire::FrameView& frame);
  void OnVerdict(const wire::Verdict& verdict);
  void Dispatch(std::size_t at, Unsettled unsettled, const wire::OutBuffer& frame, Instant now);
  void Send(const Client& client, Buffer frame, Instant now);
  template <class E>
  void TellPublication(E event, std::uint64_t route);
  [[nodiscard]] TaskId SomeTask(const Client& client);
  [[nodiscard]] bool Chance(std::uint32_t in_a_thousand) {
    return random_() % 1000 < in_a_thousand;
  }

  Node& node_;
  Mailroom& mail_;
  Ledger& ledger_;
  Options options_;
  std::mt19937_64 random_;
  std::vector<Client> clients_;
  std::map<ConnectionId, std::size_t> by_connection_;
  std::map<std::uint32_t, Unsettled> unsettled_;  // by correlation
  std::vector<TaskId> anybodys_;                  // tasks that were sent, for others to name
  ConnectionId next_connection_ = 1;
  std::uint32_t next_correlation_ = 1;
  wire::SubmitWriter writer_;
};

}  // namespace spillgate::sim
