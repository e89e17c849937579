#include "server/net/listener.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/format.h"
#include "core/base/log.h"

namespace spillgate::net {
namespace {

constexpr int kBacklog = 512;
constexpr Nanos kCheckPeriod = std::chrono::milliseconds(250);

std::uint32_t PeerUid(int fd) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0;
  return known ? credentials.uid : static_cast<std::uint32_t>(-1);
}

// A socket file that nobody answers at is what a killed node left behind.
bool SomebodyListens(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const bool listens = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return listens;
}

}  // namespace

Listener::Listener(Loop& loop, const Clock& clock, Door& door, ListenerOptions options)
    : loop_(loop), clock_(clock), door_(door), options_(std::move(options)), now_(clock.Now()) {
  loop_.AtTurnEnd([this](Instant now) { EndTurn(now); });
  loop_.Every(kCheckPeriod, [this](Instant now) { CheckVisitors(now); });
}

Listener::~Listener() {
  if (unix_open_ && !options_.unix_path.empty()) unlink(options_.unix_path.c_str());
}

Status Listener::Open() {
  if (!options_.unix_path.empty()) {
    if (Status status = OpenUnix(); !status.ok()) return status;
  }
  return options_.tcp_host.empty() ? Status() : OpenTcp();
}

Status Listener::OpenUnix() {
  const std::string& path = options_.unix_path;
  if (SomebodyListens(path)) {
    return Error{Code::kUnavailable,
                 Format("{}: another node listens there; stop it, or set listen.unix", path)};
  }
  unlink(path.c_str());
  uv_pipe_init(loop_.uv(), &unix_, 0);
  unix_.data = this;
  unix_open_ = true;
  // Created with the least rights: between bind and chmod nobody else gets in.
  const mode_t before = umask(0177);
  int status = uv_pipe_bind(&unix_, path.c_str());
  umask(before);
  if (status == 0 && chmod(path.c_str(), options_.unix_mode) != 0) status = -errno;
  if (status == 0) {
    status = uv_listen(reinterpret_cast<uv_stream_t*>(&unix_), kBacklog,
                       [](uv_stream_t* server, int failed) {
                         if (failed == 0)
                           static_cast<Listener*>(server->data)->Accept(server, true);
                       });
  }
  if (status == 0) return {};
  return Error{Code::kUnavailable,
               Format("{}: cannot listen: {}; set listen.unix", path, uv_strerror(status))};
}

Status Listener::OpenTcp() {
  uv_tcp_init(loop_.uv(), &tcp_);
  tcp_.data = this;
  tcp_open_ = true;
  sockaddr_storage address{};
  int status = uv_ip4_addr(options_.tcp_host.c_str(), options_.tcp_port,
                           reinterpret_cast<sockaddr_in*>(&address));
  if (status != 0) {
    status = uv_ip6_addr(options_.tcp_host.c_str(), options_.tcp_port,
                         reinterpret_cast<sockaddr_in6*>(&address));
  }
  if (status == 0) status = uv_tcp_bind(&tcp_, reinterpret_cast<sockaddr*>(&address), 0);
  if (status == 0) {
    status = uv_listen(reinterpret_cast<uv_stream_t*>(&tcp_), kBacklog,
                       [](uv_stream_t* server, int failed) {
                         if (failed == 0)
                           static_cast<Listener*>(server->data)->Accept(server, false);
                       });
  }
  if (status == 0) return {};
  return Error{Code::kUnavailable,
               Format("{}:{}: cannot listen: {}; set listen.tcp", options_.tcp_host,
                      options_.tcp_port, uv_strerror(status))};
}

void Listener::StopAccepting() {
  if (std::exchange(unix_open_, false)) {
    unlink(options_.unix_path.c_str());
    uv_close(reinterpret_cast<uv_handle_t*>(&unix_), nullptr);
  }
  if (std::exchange(tcp_open_, false)) uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), nullptr);
}

void Listener::Accept(uv_stream_t* server, bool is_unix) {
  const ConnectionId id = next_id_++;
  auto* connection =
      new Connection(id, *this, options_.connection);  // NOLINT: libuv's until closed
  const int status = is_unix ? connection->AcceptPipe(server) : connection->AcceptTcp(server);
  Visitor& visitor = visitors_[id];
  visitor.connection = connection;
  visitor.uid = is_unix && status == 0 ? PeerUid(connection->fd()) : static_cast<std::uint32_t>(-1);
  ++per_uid_[visitor.uid];
  count_.store(visitors_.size(), std::memory_order_relaxed);
  if (status != 0) return connection->Close(uv_strerror(status));
  if (const std::string_view why = WhyFull(visitor); !why.empty()) {
    wire::Encode(wire::Error{Reason::kTooManyConnections, std::string(why)}, 0, connection->out());
    connection->Flush();
    return connection->Close(why);
  }
  door_.Greet(visitor, clock_.Now());
  connection->Flush();
  connection->Start();
  loop_.NoteActivity();
}

std::string_view Listener::WhyFull(const Visitor& visitor) const {
  const bool own = visitor.uid == getuid();
  const std::size_t most = options_.connections - (own ? 0 : options_.connections_reserved);
  if (visitors_.size() > most)
    return "this node has as many connections as limits.connections allows";
  const bool reserved =
      own && visitors_.size() > options_.connections - options_.connections_reserved;
  if (!reserved && per_uid_.at(visitor.uid) > options_.connections_per_uid) {
    return "this user has as many connections as limits.connections_per_uid allows";
  }
  return {};
}

void Listener::OnFrame(Connection& connection, ByteView frame) {
  if (!reading_) {
    // One clock read for all that one read brought. The time of the last turn will not do: the loop
    // may have been blocked since, and a frame that seems to come before it was sent would make all
    // later ones of its connection look as if they had waited (Door::Transit).
    now_ = clock_.Now();
    reading_ = true;
  }
  const auto found = visitors_.find(connection.id());
  if (found != visitors_.end()) door_.OnFrame(found->second, frame, now_);
}

void Listener::OnReadEnd(Connection& connection) {
  reading_ = false;
  loop_.NoteActivity();
  dirty_.push_back(connection.id());
  if (!door_.HandOn(now_)) return;
  connection.PauseReading();
  paused_.push_back(connection.id());
}

void Listener::OnClosed(Connection& connection, std::string_view why) {
  const auto found = visitors_.find(connection.id());
  if (found == visitors_.end()) return;
  log::Debug("net", Format("connection {} closed: {}", connection.id(), why));
  door_.OnGone(found->second, now_);
  if (--per_uid_[found->second.uid] == 0) per_uid_.erase(found->second.uid);
  visitors_.erase(found);
  count_.store(visitors_.size(), std::memory_order_relaxed);
}

void Listener::OnDrained(Connection& connection) {
  const auto found = visitors_.find(connection.id());
  if (found != visitors_.end()) door_.OnDrained(found->second);
}

void Listener::Send(ConnectionId to, ByteView frames) {
  if ((to & kInternalBit) != 0) {
    if (internal_ != nullptr) internal_->Send(to, frames);
    return;
  }
  if (!loop_.OnThread()) {
    {
      MutexLock lock(mutex_);
      posted_.push_back({to, Buffer::CopyOf(frames)});
      has_posted_.store(true, std::memory_order_release);
    }
    loop_.Wake();
    return;
  }
  const auto found = visitors_.find(to);
  if (found == visitors_.end()) return;
  found->second.connection->out().Append(frames);
  dirty_.push_back(to);
}

bool Listener::TakesPushes(ConnectionId to) const {
  if ((to & kInternalBit) != 0 || !loop_.OnThread()) return true;
  const auto found = visitors_.find(to);
  return found != visitors_.end() && found->second.connection->takes_pushes();
}

void Listener::DeliverPosted() {
  std::vector<Outgoing> posted;
  {
    MutexLock lock(mutex_);
    posted.swap(posted_);
    has_posted_.store(false, std::memory_order_relaxed);
  }
  for (const Outgoing& outgoing : posted) Send(outgoing.to, outgoing.frames.view());
}

void Listener::EndTurn(Instant now) {
  now_ = now;
  reading_ = false;
  if (has_posted_.load(std::memory_order_acquire)) DeliverPosted();
  if (!dirty_.empty()) loop_.NoteActivity();
  for (const ConnectionId id : dirty_) {
    const auto found = visitors_.find(id);
    if (found != visitors_.end()) found->second.connection->Flush();
  }
  dirty_.clear();
  if (paused_.empty() || !door_.HasRoom()) return;
  for (const ConnectionId id : std::exchange(paused_, {})) {
    const auto found = visitors_.find(id);
    if (found != visitors_.end()) found->second.connection->ResumeReading();
  }
}

void Listener::CheckVisitors(Instant now) {
  std::vector<Connection*> late;
  for (const auto& [id, visitor] : visitors_) {
    if (visitor.hello_by <= now) late.push_back(visitor.connection);
  }
  for (Connection* connection : late) connection->Close("no Hello within limits.handshake");
  door_.ExpireSessions(now, options_.session_ttl);
}

void Listener::CloseAll(std::string_view why) {
  std::vector<Connection*> all;
  for (const auto& [id, visitor] : visitors_) all.push_back(visitor.connection);
  for (Connection* connection : all) {
    connection->Flush();
    connection->Close(why);
  }
}

}  // namespace spillgate::net
