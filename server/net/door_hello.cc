// Door, second half: Hello. Who it is, which tenant it may go by, and its session.
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "core/base/hash_map.h"
#include "schema/auth.h"
#include "server/net/door.h"

namespace spillgate::net {
namespace {

// Beyond the bound while the sessions that made room are being ended.
constexpr std::size_t kSessionsInPassing = 64;

bool SameToken(const wire::Token& a, const std::array<std::byte, 16>& b) {
  return wire::EqualInConstantTime(ByteView(a), ByteView(b));
}

}  // namespace

void Door::OnHello(Visitor& visitor, const wire::FrameView& frame, Instant) {
  const std::uint32_t correlation = frame.header.correlation;
  const auto hello = wire::DecodeHello(frame);
  std::string tenant;
  const std::string_view why_not =
      hello.has_value() ? WhyNot(visitor, *hello, tenant) : "malformed";
  if (!why_not.empty()) {
    Refuse(visitor, correlation, Reason::kUnauthenticated, "hello: " + std::string(why_not));
    return visitor.connection->FlushAndClose("its Hello was refused");
  }
  if (Welcome(visitor, *hello, tenant, correlation)) return;
  Refuse(visitor, correlation, Reason::kTooManyConnections,
         "hello: this node keeps as many sessions as it can; end some clients, or raise "
         "limits.connections");
  visitor.connection->FlushAndClose("too many sessions");
}

// True when there is room for one more session. Of those that nobody is connected to and that wait
// for nothing, the one left first has to go, of the tenant that has the most sessions: who opens
// many does not push out others.
bool Door::MakeRoomForSession() {
  if (shared_.table.sessions().size() < options_.sessions) return true;
  HashMap<TenantId, std::size_t> of_tenant;
  for (const auto& [id, session] : shared_.table.sessions()) ++of_tenant[session->tenant];
  Session* oldest = nullptr;
  std::size_t most = 0;
  for (const auto& [id, session] : shared_.table.sessions()) {
    const bool idle = session->connection == 0 && session->unfinished == 0 && !session->expired;
    const std::size_t siblings = of_tenant[session->tenant];
    if (!idle || siblings < most) continue;
    const bool first = siblings > most || session->disconnected < oldest->disconnected;
    if (!first) continue;
    most = siblings;
    oldest = session.get();
  }
  if (oldest == nullptr) return false;
  oldest->expired = true;
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
    const std::string_view secret =
        token == options_.tokens.end() ? std::string_view() : std::string_view(token->second);
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
    resumed = session != nullptr && !session->expired && !session->ended &&
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
    visitor.tenant = session->tenant;
    welcome.session = session->id;
    welcome.resume_token = session->resume_token;
    welcome.next_seq = std::max<std::uint64_t>(1, session->seen.end());
  }
  welcome.resumed = resumed;
  if (resumed) visitor.opened_until = std::numeric_limits<std::uint64_t>::max();
  visitor.session = welcome.session;
  visitor.shard = Mix(visitor.session) % submission_.size();
  visitor.welcome = true;
  wants_credit_ = true;  // what is sent without any may be more than there is room for
  visitor.hello_by = kNever;
  visitor.connection->SetLimits(options_.limits);
  wire::Encode(welcome, correlation, visitor.connection->out());
  if (resumed) Tell(PushAgain{visitor.session, true}, visitor.session);
  return true;
}

}  // namespace spillgate::net
