// ModelClient, second half: what it submits and asks.
#include <algorithm>

#include "tests/sim/model_client.h"

namespace spillgate::sim {

// One of its own tasks as a rule; sometimes another session's, or one that nobody ever sent.
TaskId ModelClient::SomeTask(const Client& client) {
  const std::uint64_t choice = random_() % 20;
  if (choice == 0) return {client.id, client.next_seq + 1000 + random_() % 10};
  if (choice < 4 && !anybodys_.empty()) return anybodys_[random_() % anybodys_.size()];
  if (!client.numbers.empty() && choice < 14) {
    return {client.id, client.numbers[random_() % client.numbers.size()]};
  }
  if (client.next_seq == 1) return {client.id, 1000};
  return {client.id,
          std::max<std::uint64_t>(1, client.next_seq - 1 - random_() % 8 % client.next_seq)};
}

void ModelClient::AddTask(const Client& client, wire::SubmitWriter& writer, Sending& sending,
                          Name name) {
  Seeded seeded{.seed = random_(),
                .generations = static_cast<std::uint32_t>(random_() % 3),
                .flavour = kMixedWork};
  if (Chance(options_.tiny ? 300 : 150) && name == kThreadOne) {
    seeded.flavour = kRecursion;
    seeded.generations = 1 + random_() % (options_.tiny ? 3 : 4);
  } else if (name == kThreadLeaf) {
    seeded.flavour = kLeaf;
  } else if (Chance(25)) {
    seeded.flavour = kPoison;
  }
  writer.BeginTask(0, 0, Chance(100) ? 2 : 1);
  writer.AddInline(BytesOf(seeded));
  std::vector<ObjectId> args;
  if (Chance(350)) {
    for (std::uint64_t i = 1 + random_() % 3; i > 0; --i) {
      args.push_back({SomeTask(client), Chance(60) ? 1U : 0U});
      writer.AddObject(args.back());
    }
  }
  sending.args.push_back(std::move(args));
}

void ModelClient::Submit(std::size_t at, Instant now) {
  static constexpr Name kNamesOfRoots[] = {kInlineQuick, kThreadOne, kThreadOne, kThreadHalf,
                                           kThreadHalf,  kThreadTwo, kLimited,   kUnleased,
                                           kThreadLeaf,  kThreadLeaf};
  Client& client = clients_[at];
  Name name = kNamesOfRoots[random_() % std::size(kNamesOfRoots)];
  if (options_.gpu && Chance(150)) name = kNeedsGpu;
  wire::SubmitPreamble preamble{.cls = static_cast<TaskClass>(random_() % kClasses),
                                .function = name + 1,
                                .cost_hint_ns = Chance(300) ? random_() % 1'000'000 : 0,
                                .first_seq = client.next_seq};
  Unsettled unsettled;
  if (Chance(300)) {
    preamble.remaining_us = 1 + random_() % (Chance(600) ? 3000 : 200'000);
    unsettled.deadline = After(now, std::chrono::microseconds(preamble.remaining_us));
  }
  if (Chance(400)) preamble.flags |= wire::kPush;
  if (Chance(100)) preamble.flags |= wire::kDetach;
  Sending& sending = unsettled.sending;
  if (!client.roots.empty() && Chance(400)) {
    preamble.root = client.roots[random_() % client.roots.size()];
    sending.root = {client.id, preamble.root};
  } else if (const TaskId joined = SomeTask(client); joined.session == client.id && Chance(200)) {
    preamble.flags |= wire::kJoin;  // it may have ended, or never have been accepted
    preamble.root = joined.seq;
  }
  sending.correlation = next_correlation_++;
  sending.first_seq = client.next_seq;
  writer_.Begin(preamble);
  const std::uint64_t count = Chance(500) ? 1 : 1 + random_() % 6;
  for (std::uint64_t i = 0; i < count; ++i) {
    sending.ids.push_back({client.id, client.next_seq++});
    AddTask(client, writer_, sending, name);
  }
  preamble.count = static_cast<std::uint16_t>(count);
  unsettled.submit = preamble;
  wire::OutBuffer frame;
  writer_.Finish(sending.correlation, 0, frame);
  Dispatch(at, std::move(unsettled), frame, now);
}

void ModelClient::Put(std::size_t at, Instant now) {
  Client& client = clients_[at];
  Unsettled unsettled;
  Sending& sending = unsettled.sending;
  sending.correlation = next_correlation_++;
  sending.first_seq = client.next_seq;
  sending.ids.push_back({client.id, client.next_seq});
  sending.put = std::string(random_() % 64, 'p') + std::to_string(client.next_seq);
  wire::OutBuffer frame;
  wire::Encode(wire::Put{.seq = client.next_seq++}, AsBytes(*sending.put), sending.correlation,
               frame);
  Dispatch(at, std::move(unsettled), frame, now);
}

void ModelClient::OpenRoot(std::size_t at, Instant now) {
  Client& client = clients_[at];
  Unsettled unsettled{.is_root = true};
  Sending& sending = unsettled.sending;
  sending.is_root = true;
  sending.correlation = next_correlation_++;
  sending.first_seq = client.next_seq;
  sending.ids.push_back({client.id, client.next_seq});
  const wire::OpenRoot root{.seq = client.next_seq++,
                            .cls = static_cast<TaskClass>(random_() % kClasses),
                            .remaining_us = Chance(300) ? 1000 + random_() % 20'000 : 0,
                            .estimated_tasks = static_cast<std::uint32_t>(random_() % 20)};
  if (root.remaining_us != 0)
    unsettled.deadline = After(now, std::chrono::microseconds(root.remaining_us));
  wire::OutBuffer frame;
  wire::Encode(root, sending.correlation, frame);
  Dispatch(at, std::move(unsettled), frame, now);
}

void ModelClient::CloseRoot(Client& client, Instant now) {
  if (client.roots.empty()) return;
  wire::OutBuffer frame;
  wire::Encode(wire::CloseRoot{.seq = client.roots.back()}, next_correlation_++, frame);
  client.roots.pop_back();
  Send(client, Buffer::CopyOf(frame.view()), now);
}

void ModelClient::Release(Client& client, std::size_t which, Instant now) {
  const std::uint64_t number = client.numbers[which];
  client.numbers.erase(client.numbers.begin() + static_cast<std::ptrdiff_t>(which));
  const wire::Range range{.first = {client.id, number}, .count = 1};
  wire::OutBuffer frame;
  wire::Encode(wire::Release{.ranges = {&range, 1}}, next_correlation_++, frame);
  ledger_.OnReleased(range.first);
  Send(client, Buffer::CopyOf(frame.view()), now);
}

void ModelClient::Ask(Client& client, wire::FrameType type, Instant now) {
  std::vector<ObjectId> ids;
  const bool cancel = type == wire::FrameType::kCancel;
  if (cancel && !client.roots.empty() && Chance(200)) {
    ids.push_back({{client.id, client.roots[random_() % client.roots.size()]}, 0});
  } else {
    for (std::uint64_t i = cancel ? 1 : 1 + random_() % 5; i > 0; --i) {
      ids.push_back({SomeTask(client), !cancel && Chance(50) ? 1U : 0U});
    }
  }
  Nanos timeout = Nanos::max();
  if (Chance(600)) timeout = std::chrono::microseconds(Chance(200) ? 0 : random_() % 5000);
  SendAsk(client, type, std::move(ids), timeout, now);
}

void ModelClient::SendAsk(Client& client, wire::FrameType type, std::vector<ObjectId> ids,
                          Nanos timeout, Instant now) {
  Asking asking{.connection = client.connection,
                .correlation = next_correlation_++,
                .type = type,
                .ids = std::move(ids),
                .timeout = timeout};
  std::vector<wire::ObjectName> names;
  std::vector<TaskId> tasks;
  for (const ObjectId& id : asking.ids) {
    names.push_back({.task = id.task, .index = id.index});
    tasks.push_back(id.task);
  }
  const std::uint64_t timeout_us = timeout == Nanos::max()
                                       ? wire::kMostTime
                                       : static_cast<std::uint64_t>(timeout.count() / 1000);
  wire::OutBuffer frame;
  switch (type) {
    case wire::FrameType::kGet:
      wire::Encode(wire::Get{.ids = names, .timeout_us = timeout_us}, asking.correlation, frame);
      break;
    case wire::FrameType::kWait:
      asking.needed = static_cast<std::uint32_t>(1 + random_() % names.size());
      wire::Encode(wire::Wait{.ids = names, .needed = asking.needed, .timeout_us = timeout_us},
                   asking.correlation, frame);
      break;
    case wire::FrameType::kCancel:
      wire::Encode(wire::Cancel{.ids = tasks}, asking.correlation, frame);
      break;
    default: wire::Encode(wire::Status{.ids = tasks}, asking.correlation, frame); break;
  }
  ledger_.OnAsked(std::move(asking), now);
  Send(client, Buffer::CopyOf(frame.view()), now);
}

// A frame whose header is right and whose body is not.
void ModelClient::SendBroken(Client& client, Instant now) {
  const std::uint32_t correlation = next_correlation_++;
  wire::OutBuffer out;
  const std::uint64_t choice = random_() % 3;
  if (choice == 0) {
    const wire::ObjectName name{.task = {client.id, 1}};
    wire::Encode(wire::Get{.ids = {&name, 1}, .timeout_us = 1}, correlation, out);
  } else {
    writer_.Begin({.function = kThreadOne + 1, .first_seq = client.next_seq});
    writer_.BeginTask();
    writer_.Finish(correlation, 0, out);
  }
  Buffer frame = Buffer::CopyOf(out.view());
  const auto spoil = [&](std::size_t at) {
    for (std::size_t i = 0; i < 4; ++i) frame.data()[at + i] = std::byte{0xff};
  };
  if (choice == 0) {
    spoil(wire::kHeaderSize);  // where its table is
    ledger_.OnAsked({.connection = client.connection,
                     .correlation = correlation,
                     .type = wire::FrameType::kGet,
                     .ids = {{{client.id, 1}, 0}},
                     .broken = true},
                    now);
  } else {
    const bool fixed_part = choice == 1;
    spoil(wire::kHeaderSize + (fixed_part ? 0 : wire::kPreambleSize));
    ledger_.OnSent({.connection = client.connection,
                    .correlation = correlation,
                    .first_seq = client.next_seq,
                    .ids = {{client.id, client.next_seq}},
                    .args = {{}},
                    .broken = fixed_part ? Sending::Broken::kFixedPart : Sending::Broken::kBody});
    ++client.next_seq;
  }
  Send(client, frame, now);
}

}  // namespace spillgate::sim
