// ModelClient, first half: sessions, connections and what is sent again.
#include "tests/sim/model_client.h"

#include <algorithm>

#include "schema/resubmit.h"

namespace spillgate::sim {
namespace {

constexpr Nanos kPatience = std::chrono::milliseconds(2);

}  // namespace

ModelClient::ModelClient(Node& node, Mailroom& mail, Ledger& ledger, Options options,
                         std::uint64_t seed)
    : node_(node), mail_(mail), ledger_(ledger), options_(options), random_(seed) {
  clients_.resize(options.sessions);
  for (Client& client : clients_) {
    Open(client);
    Connect(client);
  }
}

void ModelClient::Open(Client& client) {
  client = {.id = (random_() & ~kChildBit) | 1};
  client.tenant = node_.shared().tenants.Find(
      "tenant-" + std::to_string(random_() % std::max(1U, options_.tenants)));
  MutexLock lock(node_.shared().table.mutex());
  node_.shared().table.NewSession(client.id).tenant = client.tenant;
}

void ModelClient::Act(Instant now) {
  const std::size_t at = random_() % clients_.size();
  Client& client = clients_[at];
  if (client.ended) return;
  if (client.connection == 0) {
    if (Chance(300)) Connect(client);
    return;
  }
  if (Chance(options_.breaks)) return Chance(50) ? End(client) : Break(client);
  const std::uint64_t choice = random_() % 100;
  if (choice < 42) return Submit(at, now);
  if (choice < 48) return Put(at, now);
  if (choice < 52) return OpenRoot(at, now);
  if (choice < 54) return CloseRoot(client, now);
  if (choice < 66) return Ask(client, wire::FrameType::kGet, now);
  if (choice < 71) return Ask(client, wire::FrameType::kWait, now);
  if (choice < 77) return Ask(client, wire::FrameType::kCancel, now);
  if (choice < 80) return Ask(client, wire::FrameType::kStatus, now);
  if (choice < 90) {
    if (!client.numbers.empty()) Release(client, random_() % client.numbers.size(), now);
    return;
  }
  if (choice < 93) return SendBroken(client, now);
  if (choice < 95) return Relieve(client);
  if (unsettled_.empty()) return;
  auto some = unsettled_.begin();
  std::advance(some, random_() % unsettled_.size());
  if (some->second.sent + kPatience <= now) SendAgain(some->first, now);
}

// Resumes the session; if the node has ended it, because nothing was ever accepted in it, begins a
// new one. What is unanswered of the old one is given up.
void ModelClient::Connect(Client& client) {
  if (IsOver(client)) {
    ledger_.OnSessionEnded(client.id);
    GiveUp(client);
    Open(client);
  }
  client.connection = next_connection_++;
  by_connection_[client.connection] = static_cast<std::size_t>(&client - clients_.data());
  {
    MutexLock lock(node_.shared().table.mutex());
    Session* session = node_.shared().table.FindSession(client.id);
    session->connection = client.connection;
    session->disconnected = kNever;
  }
  TellPublication(PushAgain{client.id, true}, client.id);
}

// As the door does it: behind what it has sent.
void ModelClient::Break(Client& client) {
  const ConnectionId connection = std::exchange(client.connection, 0);
  mail_.Close(connection);
  by_connection_.erase(connection);
  ledger_.OnConnectionGone(connection);
  const auto& shards = node_.submission();
  Submission::In event = ConnectionGone{connection, client.id};
  shards[Mix(client.id) % shards.size()]->Commit({&event, 1});
}

void ModelClient::End(Client& client) {
  if (client.connection != 0) Break(client);
  client.ended = true;
  ledger_.OnSessionEnded(client.id);
  TellPublication(SessionEnded{client.id}, client.id);
  GiveUp(client);
}

void ModelClient::GiveUp(const Client& client) {
  const auto at = static_cast<std::size_t>(&client - clients_.data());
  std::erase_if(unsettled_, [at](const auto& each) { return each.second.client == at; });
}

bool ModelClient::IsOver(const Client& client) {
  MutexLock lock(node_.shared().table.mutex());
  const Session* session = node_.shared().table.FindSession(client.id);
  return session == nullptr || session->ended;
}

// Its connection stops taking pushed results, or takes them again.
void ModelClient::Relieve(Client& client) {
  const bool full = mail_.IsFull(client.connection);
  mail_.SetFull(client.connection, !full);
  if (full) TellPublication(PushAgain{client.id, false}, client.id);
}

template <class E>
void ModelClient::TellPublication(E event, std::uint64_t route) {
  const auto& shards = node_.publication();
  Publication::In told = event;
  shards[Mix(route) % shards.size()]->CommitBack({&told, 1});
}

void ModelClient::Send(const Client& client, Buffer frame, Instant now) {
  const auto& shards = node_.submission();
  flow::Inbox<Submission::In>& inbox = *shards[Mix(client.id) % shards.size()];
  const auto bytes = static_cast<std::int64_t>(frame.size());
  Submission::In event = Received{.connection = client.connection,
                                  .session = client.id,
                                  .tenant = client.tenant,
                                  .frame = std::move(frame),
                                  .transit = std::chrono::microseconds(random_() % 20),
                                  .arrived = now};
  if (!inbox.Reserve(1, bytes)) inbox.credits().Force(1, bytes);
  inbox.Commit({&event, 1});
}

void ModelClient::Dispatch(std::size_t at, Unsettled unsettled, const wire::OutBuffer& frame,
                           Instant now) {
  Client& client = clients_[at];
  unsettled.client = at;
  unsettled.frame = Buffer::CopyOf(frame.view());
  unsettled.sent = now;
  unsettled.settled.assign(unsettled.sending.ids.size(), false);
  unsettled.sending.connection = client.connection;
  // Some frames never arrive: the connection breaks under them.
  const bool arrives = !Chance(options_.breaks / 2);
  if (arrives) {
    ledger_.OnSent(unsettled.sending);
    Send(client, unsettled.frame, now);
  }
  for (const TaskId id : unsettled.sending.ids) anybodys_.push_back(id);
  unsettled_.emplace(unsettled.sending.correlation, std::move(unsettled));
  if (!arrives) Break(client);
}

// The same ids, with attempt + 1 and what is left of the time; after the deadline it gives up.
void ModelClient::SendAgain(std::uint32_t correlation, Instant now) {
  Unsettled again = std::move(unsettled_.at(correlation));
  unsettled_.erase(correlation);
  Client& client = clients_[again.client];
  if (client.connection == 0 || (again.submit.has_value() && again.submit->attempt == 255) ||
      (again.deadline != kNever && again.deadline <= now + std::chrono::microseconds(1))) {
    if (client.connection == 0) unsettled_.emplace(correlation, std::move(again));
    return;
  }
  again.sending.correlation = next_correlation_++;
  again.sending.connection = client.connection;
  again.sent = now;
  Buffer frame = Buffer::CopyOf(again.frame.view());
  if (again.submit.has_value()) {
    wire::SubmitPreamble& preamble = *again.submit;
    ++preamble.attempt;
    if (again.deadline != kNever) {
      preamble.remaining_us = static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(again.deadline - now).count());
    }
    wire::ReviseSubmit(frame.data(), preamble, again.sending.correlation, 0);
  } else {
    wire::FrameHeader header = wire::View(frame.view()).header;
    header.correlation = again.sending.correlation;
    wire::WriteHeader(header, frame.data());
  }
  ledger_.OnSent(again.sending);
  Send(client, frame, now);
  unsettled_.emplace(again.sending.correlation, std::move(again));
}

void ModelClient::Receive(ConnectionId to, const Mailroom::Packet& packet, Instant) {
  if (!by_connection_.contains(to) || Chance(options_.lost)) return;
  Mailroom::EachFrame(packet, [&](const wire::FrameView& frame) { OnFrame(frame); });
}

void ModelClient::OnFrame(const wire::FrameView& frame) {
  if (frame.header.type != wire::FrameType::kVerdicts) return;  // the ledger has seen the others
  const auto verdicts = wire::ReadVerdicts(frame);
  if (!verdicts.has_value()) return;
  for (const wire::Verdict& verdict : *verdicts) OnVerdict(verdict);
}

void ModelClient::OnVerdict(const wire::Verdict& verdict) {
  const auto found = unsettled_.find(verdict.correlation);
  if (found == unsettled_.end()) return;
  Unsettled& unsettled = found->second;
  Client& client = clients_[unsettled.client];
  for (std::uint32_t i = 0; i < verdict.count; ++i) {
    const std::uint64_t seq = verdict.first_seq + i;
    const std::uint64_t at = seq - unsettled.sending.first_seq;
    if (at >= unsettled.settled.size() || unsettled.settled[at]) continue;
    unsettled.settled[at] = true;
    const bool known = verdict.status == wire::VerdictStatus::kAccepted ||
                       verdict.status == wire::VerdictStatus::kAcceptedEarlier ||
                       verdict.status == wire::VerdictStatus::kSettled;
    if (known) (unsettled.is_root ? client.roots : client.numbers).push_back(seq);
  }
  const bool all = std::find(unsettled.settled.begin(), unsettled.settled.end(), false) ==
                   unsettled.settled.end();
  if (all) unsettled_.erase(found);
}

void ModelClient::WindDown(Instant now) {
  options_.lost = options_.breaks = 0;
  for (Client& client : clients_) {
    if (client.ended) continue;
    if (client.connection == 0) Connect(client);
    if (mail_.IsFull(client.connection)) Relieve(client);
    while (!client.roots.empty()) CloseRoot(client, now);
  }
  Nudge(now);
}

void ModelClient::Nudge(Instant now) {
  std::vector<std::uint32_t> late;
  for (const auto& [correlation, unsettled] : unsettled_) {
    if (unsettled.sent + kPatience <= now) late.push_back(correlation);
  }
  for (const std::uint32_t correlation : late) SendAgain(correlation, now);
  for (Client& client : clients_) {
    while (!client.ended && !client.roots.empty()) CloseRoot(client, now);
  }
}

void ModelClient::AskForAll(Instant now) {
  for (Client& client : clients_) {
    std::vector<ObjectId> ids;
    for (const std::uint64_t number : client.numbers) ids.push_back({{client.id, number}, 0});
    if (!client.ended && !ids.empty()) {
      SendAsk(client, wire::FrameType::kGet, std::move(ids), Nanos(0), now);
    }
  }
}

void ModelClient::ReleaseHalf(Instant now) {
  for (Client& client : clients_) {
    if (client.ended) continue;
    for (std::size_t i = client.numbers.size() / 2; i > 0; --i) Release(client, 0, now);
  }
}

void ModelClient::EndSessions(Instant) {
  for (Client& client : clients_) {
    if (!client.ended) End(client);
  }
}

std::size_t ModelClient::live_sessions() const {
  return static_cast<std::size_t>(std::count_if(clients_.begin(), clients_.end(),
                                                [](const Client& each) { return !each.ended; }));
}

}  // namespace spillgate::sim
