// Door: who comes in, and to which session.
#include "server/net/door.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "core/flow/pipeline.h"
#include "tests/server/net/connections.h"
#include "tests/stages/bench.h"

namespace spillgate::net {
namespace {

using testing::Bench;

class NoOwner final : public ConnectionOwner {
 public:
  void OnFrame(Connection&, ByteView) override {}
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
    door.OnFrame(visitor, frame.view(), bench.now());
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
  Door door{
      bench.shared,
      {&submission},
      {&publication},
      DoorOptions{.node_name = "n",
                  .tenants_by_name = true,
                  .sessions = kSessions,
                  .tenant = [this](std::string_view name) { return bench.tenants.Find(name); }}};
};

TEST_F(DoorTest, ASessionIsResumedByWhoHasItsToken) {
  Visitor first = Visit();
  const wire::Welcome welcome = Hello(first, {});
  EXPECT_FALSE(welcome.resumed);
  Disconnect(welcome.session);
  Visitor second = Visit();
  const wire::Welcome again = Hello(second, Resume(welcome));
  EXPECT_TRUE(again.resumed);
  EXPECT_EQ(again.session, welcome.session);
  wire::Hello guess = Resume(welcome);
  guess.resume_token[0] ^= std::byte{1};
  Visitor third = Visit();
  EXPECT_FALSE(Hello(third, guess).resumed);
}

TEST_F(DoorTest, NobodyResumesASessionThatIsBeingEnded) {
  Visitor first = Visit();
  const wire::Welcome welcome = Hello(first, {});
  Disconnect(welcome.session);
  bench.clock.Advance(kTtl + Nanos(1));
  door.ExpireSessions(bench.now(), kTtl, kTtl);
  door.ExpireSessions(bench.now(), kTtl, kTtl);
  EXPECT_EQ(publication.waiting(), 1U) << "told once";
  Visitor second = Visit();
  const wire::Welcome fresh = Hello(second, Resume(welcome));
  EXPECT_FALSE(fresh.resumed);
  EXPECT_NE(fresh.session, welcome.session);
}

TEST_F(DoorTest, TheSessionThatMakesRoomIsNotResumed) {
  Visitor first = Visit();
  const wire::Welcome oldest = Hello(first, {});
  Disconnect(oldest.session);
  bench.clock.Advance(Nanos(1));
  for (std::size_t i = 2; i < kSessions; ++i) {
    Visitor next = Visit();
    Disconnect(Hello(next, {}).session);
    bench.clock.Advance(Nanos(1));
  }
  Visitor one_more = Visit();
  EXPECT_NE(Hello(one_more, {}).session, 0U);
  Visitor back = Visit();
  EXPECT_FALSE(Hello(back, Resume(oldest)).resumed);
}

TEST_F(DoorTest, WhoOpensManySessionsPushesOutTheirOwn) {
  Visitor alone = Visit();
  wire::Hello by_name;
  by_name.name = "ada";
  const wire::Welcome ada = Hello(alone, by_name);
  Disconnect(ada.session);
  bench.clock.Advance(Nanos(1));
  SessionId latest = 0;
  for (int i = 0; i < 2; ++i) {
    Visitor again = Visit();
    by_name.name = "bob";
    latest = Hello(again, by_name).session;
    Disconnect(latest);
    bench.clock.Advance(Nanos(1));
  }
  Visitor one_more = Visit();
  EXPECT_NE(Hello(one_more, by_name).session, 0U);
  Visitor back = Visit();
  EXPECT_TRUE(Hello(back, Resume(ada)).resumed) << "although it was away for longer";
}

}  // namespace
}  // namespace spillgate::net
