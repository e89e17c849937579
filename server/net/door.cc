#include "server/net/door.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "core/base/format.h"
#include "schema/auth.h"
#include "schema/submit.h"

namespace spillgate::net {
namespace {

// Beyond the bound while the sessions that made room are being ended.
constexpr std::size_t kSessionsInPassing = 64;

// What gets in when nothing else does: looking, and making room.
bool IsForOperators(wire::FrameType type) {
  return type == wire::FrameType::kStats || type == wire::FrameType::kStatus ||
         type == wire::FrameType::kCancel || type == wire::FrameType::kDrain ||
         type == wire::FrameType::kPing;
}

bool SameToken(const wire::Token& a, const std::array<std::byte, 16>& b) {
  return wire::EqualInConstantTime(ByteView(a), ByteView(b));
}

}  // namespace

Door::Door(Shared& shared, std::vector<flow::Inbox<Submission::In>*> submission,
           std::vector<flow::Inbox<Publication::In>*> publication, DoorOptions options)
    : shared_(shared),
      submission_(std::move(submission)),
      publication_(std::move(publication)),
      options_(std::move(options)),
      received_(submission_.size()),
      received_bytes_(submission_.size()) {}

template <class E>
void Door::Tell(E event, std::uint64_t route) {
  Publication::In for_publication = event;
  publication_[Mix(route) % publication_.size()]->CommitBack({&for_publication, 1});
}

void Door::Greet(Visitor& visitor, Instant now) {
  if (!wire::FillRandom(visitor.nonce)) return visitor.connection->Close("there is no randomness");
  visitor.hello_by = After(now, options_.handshake);
  const bool needs_token = !visitor.connection->is_unix() && options_.tcp_needs_token;
  wire::Encode(wire::Greeting{.auth_required = needs_token, .nonce = visitor.nonce}, 0,
               visitor.connection->out());
}

void Door::Refuse(Visitor& visitor, std::uint32_t correlation, Reason reason, std::string message) {
  ++visitor.refused;
  wire::Encode(wire::Error{reason, std::move(message)}, correlation, visitor.connection->out());
}

void Door::OnFrame(Visitor& visitor, ByteView bytes, Instant now) {
  const wire::FrameView frame = wire::View(bytes);
  const wire::FrameType type = frame.header.type;
  if (!visitor.welcome) {
    if (type == wire::FrameType::kHello) return OnHello(visitor, frame, now);
    Refuse(visitor, frame.header.correlation, Reason::kUnauthenticated, "say Hello first");
    visitor.connection->Flush();
    return visitor.connection->Close("it did not say Hello first");
  }
  if (visitor.reserved && !IsForOperators(type)) {
    Refuse(visitor, frame.header.correlation, Reason::kTooManyConnections,
           "this node or this user has as many connections as it may; the few beyond are for "
           "status, stats, cancel and drain alone");
    visitor.connection->Flush();
    return visitor.connection->Close("it took an operator's place for work");
  }
  switch (type) {
    case wire::FrameType::kSubmit: {
      const auto ask = wire::ReadPreamble(frame);
      if (ask.has_value() && ask->root == 0) visitor.credits.NoteSent(ask->cls, ask->count);
      const bool exceeded =
          ask.has_value() && ask->root == 0 && visitor.credits.Exceeded(ask->cls, now) && IsTight();
      return PassOn(visitor, frame, bytes, exceeded, now);
    }
    case wire::FrameType::kPut:
    case wire::FrameType::kOpenRoot:
    case wire::FrameType::kCloseRoot:
    case wire::FrameType::kGet:
    case wire::FrameType::kWait:
    case wire::FrameType::kCancel:
    case wire::FrameType::kRelease:
    case wire::FrameType::kStatus: return PassOn(visitor, frame, bytes, false, now);
    case wire::FrameType::kRegister: return OnRegister(visitor, frame);
    case wire::FrameType::kShape: return OnShape(visitor, frame);
    case wire::FrameType::kStats: return OnStats(visitor, frame);
    case wire::FrameType::kDrain: return OnDrain(visitor, frame);
    case wire::FrameType::kPing:
      return wire::Encode(wire::Pong{}, frame.header.correlation, visitor.connection->out());
    default:
      Refuse(visitor, frame.header.correlation, Reason::kUnsupported,
             "a client does not send frames of this type");
  }
}

// To submission, in order, at the end of the read.
void Door::PassOn(Visitor& visitor, const wire::FrameView& frame, ByteView bytes,
                  bool exceeds_credit, Instant now) {
  const std::size_t shard = Mix(visitor.session) % submission_.size();
  received_[shard].emplace_back(Received{.connection = visitor.connection->id(),
                                         .session = visitor.session,
                                         .frame = Buffer::CopyOf(bytes),
                                         .transit = Transit(visitor, frame.header.sent_us, now),
                                         .arrived = now,
                                         .exceeds_credit = exceeds_credit});
  received_bytes_[shard] += static_cast<std::int64_t>(bytes.size());
}

// What one connection sends beyond its window takes nothing from the others while there is plenty.
bool Door::IsTight() const {
  return shared_.in_flight.count() * 2 > shared_.in_flight.count_limit() ||
         shared_.in_flight.bytes() * 2 > shared_.in_flight.bytes_limit();
}

Room Door::RoomFor(std::size_t senders) const {
  // As the bound before submission shares it among the classes.
  constexpr std::array<std::int64_t, kClasses> kShareTenths{10, 9, 8, 5};
  const flow::Credits& places = shared_.in_flight;
  Room room{.senders = std::max<std::size_t>(1, senders)};
  for (std::size_t cls = 0; cls < kClasses; ++cls) {
    const std::int64_t share = places.count_limit() * kShareTenths[cls] / 10;
    room.tasks[cls] = static_cast<std::uint64_t>(std::max<std::int64_t>(0, share - places.count()));
  }
  const std::int64_t limit = std::max<std::int64_t>(1, places.count_limit());
  room.load_level =
      static_cast<std::uint8_t>(std::min<std::int64_t>(255, places.count() * 255 / limit));
  return room;
}

void Door::Tell(Visitor& visitor, const wire::Credits& credits) {
  wire::Encode(credits, 0, visitor.connection->out());
}

// How long the frame waited in the kernel: what it took beyond the least that a frame of this
// connection ever took. That least is let grow slowly, so that two clocks that drift apart do not
// look like a queue for ever.
Nanos Door::Transit(Visitor& visitor, std::uint64_t sent_us, Instant now) const {
  if (sent_us == 0) return Nanos(0);
  const auto received_us =
      std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch());
  const std::int64_t lag = received_us.count() - static_cast<std::int64_t>(sent_us);
  if (!visitor.lag_known || lag < visitor.best_lag_us) {
    visitor.best_lag_us = lag;
    visitor.lag_known = true;
  }
  const std::int64_t waited = lag - visitor.best_lag_us;
  visitor.best_lag_us += waited / 4096;
  return std::chrono::microseconds(waited);
}

bool Door::HandOn(Instant) {
  bool full = false;
  for (std::size_t shard = 0; shard < submission_.size(); ++shard) {
    std::vector<Submission::In>& frames = received_[shard];
    if (frames.empty()) continue;
    const auto count = static_cast<std::int64_t>(frames.size());
    flow::Inbox<Submission::In>& inbox = *submission_[shard];
    if (!inbox.Reserve(count, received_bytes_[shard])) {
      // What was read is taken in, at most one read a connection; no more is read until there is
      // room.
      inbox.credits().Force(count, received_bytes_[shard]);
      full = true;
    }
    inbox.Commit(frames);
    frames.clear();
    received_bytes_[shard] = 0;
  }
  return full;
}

bool Door::HasRoom() const {
  return std::all_of(
      submission_.begin(), submission_.end(), [](flow::Inbox<Submission::In>* inbox) {
        const flow::Load load = inbox->load();
        return load.queued + load.held < load.capacity && load.bytes < load.capacity_bytes;
      });
}

void Door::OnHello(Visitor& visitor, const wire::FrameView& frame, Instant) {
  const std::uint32_t correlation = frame.header.correlation;
  const auto hello = wire::DecodeHello(frame);
  std::string tenant;
  const std::string_view why_not =
      hello.has_value() ? WhyNot(visitor, *hello, tenant) : "malformed";
  if (!why_not.empty()) {
    Refuse(visitor, correlation, Reason::kUnauthenticated, "hello: " + std::string(why_not));
    visitor.connection->Flush();
    return visitor.connection->Close("its Hello was refused");
  }
  if (Welcome(visitor, *hello, tenant, correlation)) return;
  Refuse(visitor, correlation, Reason::kTooManyConnections,
         "hello: this node keeps as many sessions as it can; end some clients, or raise "
         "limits.connections");
  visitor.connection->Flush();
  visitor.connection->Close("too many sessions");
}

// True when there is room for one more session. Of those that nobody is connected to and that wait
// for nothing, the one left first has to go.
bool Door::MakeRoomForSession() {
  if (shared_.table.sessions().size() < options_.sessions) return true;
  const Session* oldest = nullptr;
  for (const auto& [id, session] : shared_.table.sessions()) {
    const bool idle = session->connection == 0 && session->unfinished == 0 && !session->ended;
    if (!idle) continue;
    if (oldest == nullptr || session->disconnected < oldest->disconnected) oldest = session.get();
  }
  if (oldest == nullptr) return false;
  Tell(SessionEnded{oldest->id}, oldest->id);
  return shared_.table.sessions().size() < options_.sessions + kSessionsInPassing;
}

// Empty when the visitor may come in.
std::string_view Door::WhyNot(const Visitor& visitor, const wire::Hello& hello,
                              std::string& tenant) const {
  if (hello.version_min > wire::kProtocolVersion || hello.version_max < wire::kProtocolVersion) {
    return "this node speaks version 1 of the protocol only";
  }
  if (!visitor.connection->is_unix()) {
    const auto token = options_.tokens.find(hello.name);
    if (!options_.tcp_needs_token) {
      tenant = hello.name;
      return {};
    }
    const std::string_view secret = token == options_.tokens.end() ? "" : token->second;
    const wire::Mac expected = wire::HelloMac(secret, visitor.nonce, hello.session, hello.name);
    const bool same = wire::EqualInConstantTime(ByteView(expected), ByteView(hello.mac));
    if (secret.empty() || !same) return "unknown name or wrong token; see auth.token_file";
    tenant = hello.name;
    return {};
  }
  const bool own = visitor.uid == getuid() || visitor.uid == 0;
  const bool allowed = own || std::find(options_.allow_uids.begin(), options_.allow_uids.end(),
                                        visitor.uid) != options_.allow_uids.end();
  if (!allowed) return "this user may not use this node; see auth.allow_uids";
  tenant = MayName(visitor.uid, hello.name) ? hello.name : "uid-" + std::to_string(visitor.uid);
  return {};
}

bool Door::MayName(std::uint32_t uid, const std::string& tenant) const {
  if (tenant.empty()) return false;
  if (options_.tenants_by_name) return true;
  const auto found = options_.tenant_uids.find(tenant);
  return found != options_.tenant_uids.end() &&
         std::find(found->second.begin(), found->second.end(), uid) != found->second.end();
}

bool Door::Welcome(Visitor& visitor, const wire::Hello& hello, const std::string& tenant,
                   std::uint32_t correlation) {
  wire::Welcome welcome{.node = options_.node_name,
                        .epoch = options_.epoch,
                        .max_payload = options_.max_payload,
                        .ids_per_get = shared_.limits.ids_per_get.load(),
                        .deps_per_task = shared_.limits.deps_per_task.load(),
                        .inline_value = shared_.limits.inline_value.load()};
  bool resumed = false;
  {
    MutexLock lock(shared_.table.mutex());
    Session* session = hello.session == 0 ? nullptr : shared_.table.FindSession(hello.session);
    resumed = session != nullptr && !session->ended &&
              SameToken(hello.resume_token, session->resume_token);
    if (!resumed) {
      if (!MakeRoomForSession()) return false;
      SessionId id = 0;
      while (id == 0 || shared_.table.FindSession(id) != nullptr) {
        if (!wire::FillRandom(std::as_writable_bytes(std::span(&id, 1)))) return false;
        id &= ~kChildBit;
      }
      session = &shared_.table.NewSession(id);
      if (!wire::FillRandom(session->resume_token)) {
        shared_.table.EndSession(*session);
        return false;
      }
      session->name = tenant;
      session->tenant = options_.tenant ? options_.tenant(tenant) : 0;
    }
    session->connection = visitor.connection->id();
    session->disconnected = kNever;
    welcome.session = session->id;
    welcome.resume_token = session->resume_token;
    welcome.next_seq = std::max<std::uint64_t>(1, session->seen.end());
  }
  welcome.resumed = resumed;
  visitor.session = welcome.session;
  visitor.welcome = true;
  visitor.hello_by = kNever;
  visitor.connection->SetLimits(options_.limits);
  wire::Encode(welcome, correlation, visitor.connection->out());
  if (resumed) Tell(PushAgain{visitor.session, true}, visitor.session);
  return true;
}

void Door::OnRegister(Visitor& visitor, const wire::FrameView& frame) {
  const auto request = wire::DecodeRegister(frame);
  wire::Registered answer;
  if (!request.has_value()) {
    answer.reason = Reason::kMalformed;
  } else {
    answer.function = shared_.functions.Find(request->name);
    const Function* function = shared_.functions.At(answer.function);
    if (function == nullptr) {
      answer.reason = Reason::kUnknownFunction;
      answer.detail =
          Format("no library of this node has a function '{}'; see [library] in its config",
                 request->name);
    } else {
      answer.host = static_cast<std::uint8_t>(function->host);
    }
  }
  wire::Encode(answer, frame.header.correlation, visitor.connection->out());
}

void Door::OnShape(Visitor& visitor, const wire::FrameView& frame) {
  const auto request = wire::DecodeShape(frame);
  wire::Shaped answer;
  if (!request.has_value()) {
    answer.reason = Reason::kMalformed;
  } else {
    answer.shape = options_.add_shape(request->text, answer.detail);
    if (answer.shape == 0) answer.reason = Reason::kBadRequest;
  }
  wire::Encode(answer, frame.header.correlation, visitor.connection->out());
}

void Door::OnStats(Visitor& visitor, const wire::FrameView& frame) {
  const auto request = wire::DecodeStats(frame);
  if (!request.has_value() || !options_.stats) {
    return Refuse(visitor, frame.header.correlation, Reason::kMalformed, "stats: malformed body");
  }
  wire::Encode(wire::StatsReply{}, options_.stats(request->what), frame.header.correlation,
               visitor.connection->out());
}

void Door::OnDrain(Visitor& visitor, const wire::FrameView& frame) {
  const auto request = wire::DecodeDrain(frame);
  const bool own = visitor.connection->is_unix() && (visitor.uid == getuid() || visitor.uid == 0);
  if (!request.has_value() || !own) {
    return Refuse(visitor, frame.header.correlation, Reason::kUnauthenticated,
                  "drain: only the node's own user may ask for it, over its socket");
  }
  std::uint64_t left = static_cast<std::uint64_t>(shared_.in_flight.count());
  wire::Encode(wire::Drained{left}, frame.header.correlation, visitor.connection->out());
  if (options_.drain) options_.drain(visitor.connection->id());
}

void Door::OnGone(const Visitor& visitor, Instant) {
  if (!visitor.welcome) return;
  for (flow::Inbox<Publication::In>* shard : publication_) {
    Publication::In event = ConnectionGone{visitor.connection->id(), visitor.session};
    shard->CommitBack({&event, 1});
  }
}

void Door::OnDrained(const Visitor& visitor) {
  if (visitor.welcome) Tell(PushAgain{visitor.session, false}, visitor.session);
}

void Door::ExpireSessions(Instant now, Nanos session_ttl, Nanos result_ttl) {
  std::vector<SessionId> over;
  {
    MutexLock lock(shared_.table.mutex());
    for (const auto& [id, session] : shared_.table.sessions()) {
      const bool gone = session->connection == 0 && session->disconnected != kNever;
      const Nanos ttl = session->unfetched > 0 ? std::max(session_ttl, result_ttl) : session_ttl;
      if (gone && !session->ended && now - session->disconnected > ttl) over.push_back(id);
    }
  }
  for (const SessionId id : over) {
    Tell(SessionEnded{id}, id);
  }
}

}  // namespace spillgate::net
