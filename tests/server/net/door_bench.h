// DoorTest: a door with a connection that goes nowhere, and stages of which only the inboxes
// matter.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "core/flow/pipeline.h"
#include "server/net/door.h"
#include "tests/server/net/connections.h"
#include "tests/stages/bench.h"

namespace spillgate::net {

using testing::Bench;

class NoOwner final : public ConnectionOwner {
 public:
  void OnFrame(Connection&, const wire::FrameView&, ByteView) override {}
  bool MayTake(Connection&, std::size_t) override { return true; }
  void OnTaken(std::size_t) override {}
  void OnReadEnd(Connection&) override {}
  void OnClosed(Connection&, std::string_view) override {}
  void OnWritten(Connection&) override {}
};

// A stage of which only the inbox matters.
template <class Event>
struct Nowhere {
  using In = Event;
  void Handle(std::span<In>, Instant) {}
  void Flush(Instant) {}
};

class DoorTest : public ::testing::Test {
 protected:
  static constexpr Nanos kTtl = std::chrono::seconds(30);
  static constexpr std::size_t kSessions = 4;  // one of which the bench has

  Visitor Visit() {
    Visitor visitor;
    visitor.connection = &connections_.Open();
    visitor.uid = getuid();
    return visitor;
  }
  wire::Welcome Hello(Visitor& visitor, const wire::Hello& hello) {
    wire::OutBuffer frame;
    wire::Encode(hello, 1, frame);
    const std::size_t before = visitor.connection->out().size();
    door.OnFrame(visitor, wire::View(frame.view()), frame.view(), bench.now());
    const auto welcome =
        wire::DecodeWelcome(wire::View(visitor.connection->out().view().subspan(before)));
    EXPECT_TRUE(welcome.has_value());
    return welcome.has_value() ? *welcome : wire::Welcome{};
  }
  // As publication does when the connection of a session that has work is gone.
  void Disconnect(SessionId id) {
    MutexLock lock(bench.table.mutex());
    Session* session = bench.table.FindSession(id);
    session->connection = 0;
    session->disconnected = bench.now();
  }
  wire::Hello Resume(const wire::Welcome& welcome) {
    wire::Hello hello;
    hello.session = welcome.session;
    hello.resume_token = welcome.resume_token;
    return hello;
  }

  template <class In>
  flow::Inbox<In>& OpenInto(std::string name) {
    flow::Inbox<In>& inbox =
        pipeline.Open<In>(name, 0, {.back_capacity = 100}, flow::MakeController("none"));
    pipeline.Run(inbox, pipeline.AddPool(std::move(name), {}), 64, std::make_unique<Nowhere<In>>());
    return inbox;
  }

  NoOwner owner_;
  Connections connections_{owner_};
  Bench bench;
  flow::Pipeline pipeline{bench.clock};
  flow::Inbox<Submission::In>& submission = OpenInto<Submission::In>("submission");
  flow::Inbox<Publication::In>& publication = OpenInto<Publication::In>("publication");
  Admission admission{bench.shared, submission, bench.tally.submission[0]};
  Door door{
      bench.shared,
      {&submission},
      {&admission},
      {&publication},
      DoorOptions{.node_name = "n",
                  .tenants_by_name = true,
                  .sessions = kSessions,
                  .tenant = [this](std::string_view name) { return bench.tenants.Find(name); }}};
};

}  // namespace spillgate::net
