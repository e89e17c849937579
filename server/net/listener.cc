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
constexpr Nanos kDrainPeriod = std::chrono::milliseconds(5);
constexpr Nanos kFrameWithin = std::chrono::seconds(5);
constexpr Nanos kReadWithin = std::chrono::seconds(10);
// Of a peer that is refused so many frames are read in one turn, or a quarter of them if each is
// answered by an Error.
constexpr std::uint32_t kNoisyFrames = 256;
constexpr std::uint32_t kErrorFrames = 4;
constexpr std::size_t kSpareSlots = 64;  // for those who are told that there is no room

// Before its Hello a connection may send little, and no payload.
constexpr ConnectionLimits kStranger{.body = 4096, .payload = 0, .egress = 64 << 10};

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

Listener::Listener(Loop& loop, const Clock& clock, Door& door, SocketTally& tally,
                   ListenerOptions options)
    : loop_(loop),
      clock_(clock),
      door_(door),
      tally_(tally),
      options_(std::move(options)),
      behind_(std::min<std::size_t>(options_.connections + kSpareSlots, 1U << kSlotBits)),
      now_(clock.Now()) {
  loop_.AtTurnEnd([this](Instant now) { EndTurn(now); });
  loop_.Every(kCheckPeriod, [this](Instant now) { CheckVisitors(now); });
  loop_.WhenAwakeEvery(kDrainPeriod, [this](Instant now) { AnswerDrains(now); });
  for (std::size_t slot = behind_.size(); slot > 0; --slot) free_slots_.push_back(slot - 1);
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
  // The folder is made for its owner alone; one that is there is its owner's business.
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos && slash > 0 && mkdir(path.substr(0, slash).c_str(), 0700) != 0 &&
      errno != EEXIST) {
    return Error{Code::kUnavailable, Format("{}: cannot make its folder: {}; set listen.unix", path,
                                            std::strerror(errno))};
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

void Listener::Apply(ListenerOptions options) {
  options_ = std::move(options);
  for (auto& [id, visitor] : visitors_) {
    if (visitor.welcome) visitor.connection->SetLimits(door_.connection_limits());
  }
}

void Listener::StopAccepting() {
  if (std::exchange(unix_open_, false)) {
    unlink(options_.unix_path.c_str());
    uv_close(reinterpret_cast<uv_handle_t*>(&unix_), nullptr);
  }
  if (std::exchange(tcp_open_, false)) uv_close(reinterpret_cast<uv_handle_t*>(&tcp_), nullptr);
}

void Listener::Accept(uv_stream_t* server, bool is_unix) {
  if (free_slots_.empty()) return TurnAway(server, is_unix);
  const ConnectionId id = (next_id_++ << kSlotBits) | free_slots_.back();
  free_slots_.pop_back();
  auto* connection = new Connection(id, *this, kStranger);  // tidy: new: libuv's until it is closed
  const int status = is_unix ? connection->AcceptPipe(server) : connection->AcceptTcp(server);
  Visitor& visitor = visitors_[id];
  visitor.connection = connection;
  connection->set_visitor(&visitor);
  visitor.uid = is_unix && status == 0 ? PeerUid(connection->fd()) : static_cast<std::uint32_t>(-1);
  visitor.last_read = clock_.Now();
  count_.store(visitors_.size(), std::memory_order_relaxed);
  const std::string_view why = WhyFull(visitor);
  if (status != 0) return connection->Close(uv_strerror(status));
  if (!why.empty()) {
    wire::Encode(wire::Error{Reason::kTooManyConnections, std::string(why)}, 0, connection->out());
    return connection->FlushAndClose(why);
  }
  door_.Greet(visitor, clock_.Now());
  connection->Flush();
  connection->Start();
  loop_.NoteActivity();
}

// So many connections that there is no place even for saying so.
void Listener::TurnAway(uv_stream_t* server, bool is_unix) {
  auto* connection = new Connection(0, *this, kStranger);  // tidy: new: libuv's until it is closed
  if ((is_unix ? connection->AcceptPipe(server) : connection->AcceptTcp(server)) == 0) {
    log::Debug("net", "a connection too many was closed");
  }
  connection->Close("this node has as many connections as it can");
}

// Takes a place for it, a reserved one if no other is left; says why there is none.
std::string_view Listener::WhyFull(Visitor& visitor) {
  const std::size_t of_user = ++per_uid_[visitor.uid];
  const std::size_t most = options_.connections - options_.connections_reserved;
  const bool full = visitors_.size() - reserved_ > most;
  if (!full && of_user <= options_.connections_per_uid) return {};
  const bool own = visitor.uid == getuid() || visitor.uid == 0;
  if (own && reserved_ < options_.connections_reserved) {
    LeavePlace(visitor);
    visitor.reserved = true;
    ++reserved_;
    return {};
  }
  return full ? "this node has as many connections as limits.connections allows"
              : "this user has as many connections as limits.connections_per_uid allows";
}

void Listener::LeavePlace(const Visitor& visitor) {
  if (visitor.reserved) {
    --reserved_;
  } else if (--per_uid_[visitor.uid] == 0) {
    per_uid_.erase(visitor.uid);
  }
}

void Listener::OnFrame(Connection& connection, const wire::FrameView& frame, ByteView bytes) {
  if (read_.began == kNever) {
    // One clock read for all that one read brought. The time of the last turn will not do: the loop
    // may have been blocked since, and a frame that seems to come before it was sent would make all
    // later ones of its connection look as if they had waited (Transit).
    now_ = clock_.Now();
    read_.Begin(now_, refusals_.Active(now_));
    if (turn_.began == kNever) turn_ = read_;
  }
  ++read_.frames;
  if (connection.visitor() == nullptr) return;
  Visitor& visitor = *connection.visitor();
  refusals_.NoteFrame();
  const std::size_t verdicts = visitor.verdicts.size();
  door_.OnFrame(visitor, frame, bytes, now_);
  if (connection.closing()) return;
  HoldBack(visitor);
  // The answer to stats takes a hundred times as long as the reading of others, and to say no takes
  // ten times as long as it takes to ask for it, so that one read could hold a thousand of them up
  // the loop: the others have their turn first.
  const bool noisy = visitor.refused > 0 || visitor.refusals.noisy_until > now_;
  if (noisy) visitor.frames += visitor.verdicts.size() > verdicts ? 1 : kErrorFrames;
  const bool portion = visitor.frames >= kNoisyFrames;
  if (!portion && frame.header.type != wire::FrameType::kStats) return;
  connection.PauseReading();
  paused_.push_back(connection.id());
  yielded_ = true;
}

void Listener::OnReadEnd(Connection& connection) {
  if (connection.visitor() != nullptr) {
    Visitor& visitor = *connection.visitor();
    visitor.last_read = read_.began != kNever ? now_ : clock_.Now();
    visitor.frames = 0;
    door_.AnswerRefused(visitor);
    HoldBack(visitor);
    if (visitor.refused > 0) {
      refusals_.NoteRefusedAtDoor(visitor.refusals,
                                  {.busy = read_.Busy(now_),
                                   .frames = read_.frames,
                                   .refused = visitor.refused,
                                   .shed = visitor.shed},
                                  now_);
    }
    visitor.refused = visitor.shed = 0;
  }
  read_ = {};
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
  read_ = {};
  loop_.NoteActivity();
  door_.OnGone(found->second, now_);
  refusals_.Leave(found->second.refusals);
  ReadPauses& pauses = found->second.pauses;
  if (pauses.any()) pauses.EndAll(DeferralTally::kCancelled, clock_.Now(), tally_);
  behind_[SlotOf(connection.id())].store(false, std::memory_order_relaxed);
  free_slots_.push_back(SlotOf(connection.id()));
  LeavePlace(found->second);
  connection.set_visitor(nullptr);
  visitors_.erase(found);
  count_.store(visitors_.size(), std::memory_order_relaxed);
}

void Listener::OnWritten(Connection& connection) {
  const auto found = visitors_.find(connection.id());
  if (found != visitors_.end()) CatchUp(found->second);
}

void Listener::Send(ConnectionId to, ByteView frames, std::uint32_t refused) {
  if (!loop_.OnThread()) {
    {
      MutexLock lock(mutex_);
      posted_.push_back({to, Buffer::CopyOf(frames), refused});
      has_posted_.store(true, std::memory_order_release);
    }
    loop_.Wake();
    return;
  }
  Deliver(to, frames, refused);
}

void Listener::Deliver(ConnectionId to, ByteView frames, std::uint32_t refused) {
  const auto found = visitors_.find(to);
  if (found == visitors_.end()) return;
  found->second.connection->out().Append(frames);
  if (refused > 0) refusals_.NoteRefused(found->second.refusals, refused, now_);
  HoldBack(found->second);
  dirty_.push_back(to);
}

bool Listener::TakesPushes(ConnectionId to) const {
  return !behind_[SlotOf(to)].load(std::memory_order_relaxed);
}

void Listener::DeliverPosted() {
  std::vector<Outgoing> posted;
  {
    MutexLock lock(mutex_);
    posted.swap(posted_);
    has_posted_.store(false, std::memory_order_relaxed);
  }
  for (const Outgoing& outgoing : posted)
    Deliver(outgoing.to, outgoing.frames.view(), outgoing.refused);
}

void Listener::EndTurn(Instant now) {
  now_ = now;
  read_ = {};
  if (has_posted_.load(std::memory_order_acquire)) DeliverPosted();
  ShareRefusals(now);
  ResumePaused(now);
  RenewCredits(now);
  if (!dirty_.empty()) loop_.NoteActivity();
  for (std::size_t i = 0; i < dirty_.size(); ++i) {  // it grows when one of them catches up
    const auto found = visitors_.find(dirty_[i]);
    if (found == visitors_.end()) continue;
    Connection& connection = *found->second.connection;
    connection.Flush();
    if (connection.closing()) continue;
    HoldBack(found->second);
    CatchUp(found->second);
  }
  dirty_.clear();
}

void Listener::AnswerDrains(Instant now) {
  if (!door_.awaits_drain()) return;
  for (auto& [id, visitor] : visitors_) {
    if (door_.AnswerDrain(visitor, now)) dirty_.push_back(id);
  }
  if (door_.awaits_drain()) loop_.WakeBy(now + kDrainPeriod);
}

void Listener::CheckVisitors(Instant now) {
  std::vector<std::pair<Connection*, std::string_view>> late;
  for (auto& [id, visitor] : visitors_) {
    const bool waits = visitor.connection->partial() && visitor.connection->reading();
    const Instant unread = visitor.pauses.since(SocketTally::kUnread);
    if (visitor.hello_by <= now) {
      late.emplace_back(visitor.connection, "no Hello within limits.handshake");
    } else if (waits && now - visitor.last_read > kFrameWithin) {
      late.emplace_back(visitor.connection, "it began a frame and did not go on with it for 5 s");
    } else if (visitor.reserved && !visitor.drain.has_value() &&
               now - visitor.last_read > kFrameWithin) {
      late.emplace_back(visitor.connection,
                        "it kept an operator's place for 5 s and asked nothing");
    } else if (unread != kNever && now - unread > kReadWithin) {
      visitor.pauses.End(SocketTally::kUnread, DeferralTally::kExpired, now, tally_);
      late.emplace_back(visitor.connection, "it did not read its replies for 10 s");
    }
  }
  for (const auto& [connection, why] : late) connection->Close(why);
  door_.ExpireSessions(now, options_.session_ttl, options_.result_ttl);
}

}  // namespace spillgate::net
