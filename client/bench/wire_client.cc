#include "client/bench/wire_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "client/bench/waiting_read.h"
#include "client/lib/address.h"
#include "client/lib/connect.h"
#include "core/base/format.h"

namespace spillgate::bench {
namespace {

constexpr std::size_t kReadSize = 256 << 10;
constexpr std::size_t kMostPayload = 64 << 20;
constexpr std::size_t kMostRanges = 2000;  // in a Release
constexpr std::uint64_t kMostReleased = 65'536;

Error ToError(const client::Failure& failure) {
  const bool invalid = failure.kind == client::FailureKind::kInvalid;
  return {invalid ? Code::kInvalid : Code::kUnavailable, failure.message};
}

}  // namespace

WireClient::~WireClient() {
  if (fd_ >= 0) close(fd_);
}

WireClient::WireClient(WireClient&& other) noexcept
    : options_(std::move(other.options_)),
      fd_(std::exchange(other.fd_, -1)),
      welcome_(std::move(other.welcome_)),
      out_(std::move(other.out_)),
      in_(std::move(other.in_)),
      taken_(other.taken_),
      correlation_(other.correlation_),
      bytes_sent_(other.bytes_sent_),
      bytes_received_(other.bytes_received_) {}

Result<WireClient> WireClient::Connect(const WireOptions& options) {
  const auto endpoint = client::ParseEndpoint(options.address);
  if (!endpoint.ok()) return ToError(endpoint.error());
  WireClient client(options);
  const Instant until = After(client.clock_.Now(), options.answer_within);
  const auto fd = client::Connect(endpoint.value(), client.clock_, until);
  if (!fd.ok()) return ToError(fd.error());
  client.fd_ = fd.value();
  if (const Status status = client.Handshake(); !status.ok()) {
    return Error{status.error().code, Format("{}: {}", options.address, status.error().message)};
  }
  return client;
}

Status WireClient::Handshake() {
  const Result<wire::FrameView> frame = Ask(wire::FrameType::kGreeting);
  if (!frame.ok()) return frame.error();
  const auto greeting = wire::DecodeGreeting(frame.value());
  if (!greeting.has_value()) return Error{Code::kCorrupt, "the greeting is malformed"};
  if (greeting->auth_required) {
    return Error{Code::kDenied,
                 "this node wants a token there; measure it over its Unix socket, or with "
                 "client-batch and client-rtt"};
  }
  wire::Hello hello{.software = "spillgate bench"};
  hello.name = options_.tenant;
  wire::Encode(hello, 0, out_);
  const Result<wire::FrameView> answer = Ask(wire::FrameType::kWelcome);
  if (!answer.ok()) return answer.error();
  auto welcome = wire::DecodeWelcome(answer.value());
  if (!welcome.has_value()) return Error{Code::kCorrupt, "the welcome is malformed"};
  welcome_ = std::move(*welcome);
  return {};
}

Result<std::uint32_t> WireClient::Find(std::string_view function) {
  wire::Encode(wire::Register{.name = std::string(function)}, NextCorrelation(), out_);
  const Result<wire::FrameView> frame = Ask(wire::FrameType::kRegistered);
  if (!frame.ok()) return frame.error();
  const auto registered = wire::DecodeRegistered(frame.value());
  if (!registered.has_value()) return Error{Code::kCorrupt, "the Registered is malformed"};
  if (registered->function == 0) return Error{Code::kNotFound, registered->detail};
  return registered->function;
}

Result<std::string> WireClient::Stats(std::string_view what) {
  AskStats(what);
  return TakeStats();
}

void WireClient::AskStats(std::string_view what) {
  wire::Encode(wire::Stats{.what = std::string(what)}, NextCorrelation(), out_);
  (void)Flush();  // who takes the answer notices that the connection is gone
}

Result<std::string> WireClient::TakeStats() {
  const Result<wire::FrameView> frame = Ask(wire::FrameType::kStatsReply);
  if (!frame.ok()) return frame.error();
  return std::string(AsText(frame.value().payload));
}

Result<wire::FrameView> WireClient::Ask(wire::FrameType answer) {
  const Instant until = After(clock_.Now(), options_.answer_within);
  wire::FrameView frame;
  while (true) {
    while (Next(frame)) {
      if (frame.header.type == answer) return frame;
      if (frame.header.type != wire::FrameType::kError) continue;
      const auto error = wire::DecodeError(frame);
      return Error{Code::kDenied, error.has_value() ? error->message : "an Error, malformed"};
    }
    const Instant now = clock_.Now();
    if (now >= until) {
      return Error{Code::kTimeout,
                   Format("no {} in time: is this a Spillgate node?", wire::ToString(answer))};
    }
    if (!Flush() || !Receive(until - now)) {
      return Error{Code::kUnavailable,
                   Format("the node hung up before its {}", wire::ToString(answer))};
    }
  }
}

void WireClient::Release(std::span<const wire::Range> ranges) {
  std::uint64_t count = 0;
  std::size_t some = 0;
  const auto send = [&] {
    if (some == 0) return;
    wire::Encode(wire::Release{.ranges = ranges.first(some)}, NextCorrelation(), out_);
    ranges = ranges.subspan(some);
    count = some = 0;
  };
  while (some < ranges.size()) {
    const std::uint64_t more = ranges[some].count;
    if (some == kMostRanges || (some > 0 && count + more > kMostReleased)) send();
    count += more;
    ++some;
  }
  send();
}

bool WireClient::Flush() {
  while (!out_.empty()) {
    const ssize_t sent = send(fd_, out_.view().data(), out_.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    bytes_sent_ += static_cast<std::uint64_t>(sent);
    out_.Consume(static_cast<std::size_t>(sent));
  }
  return true;
}

bool WireClient::Receive(Nanos at_most) {
  if (taken_ > 0) in_.Consume(std::exchange(taken_, 0));
  if (!out_.empty()) {  // the socket was full: what comes first, room or something to read
    AwaitEvents(fd_, POLLIN | POLLOUT, at_most);
    if (!Flush()) return false;
    at_most = Nanos(0);
  }
  const ReadResult read =
      WaitingRead(fd_, {in_.Extend(kReadSize), kReadSize}, options_.poll, at_most, clock_);
  in_.Truncate(kReadSize - read.size);
  bytes_received_ += read.size;
  return read.end != ReadEnd::kGone;
}

bool WireClient::Next(wire::FrameView& frame) {
  const ByteView bytes = in_.view().subspan(taken_);
  wire::FrameHeader header;
  if (bytes.size() < wire::kHeaderSize) return false;
  if (wire::ParseHeader(bytes, kMostPayload, header) != wire::HeaderError::kNone) return false;
  const std::size_t size = wire::WireSize(header);
  if (bytes.size() < size) return false;
  frame = wire::View(bytes.first(size));
  taken_ += size;
  return true;
}

pid_t WireClient::peer() const {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  const bool known = getsockopt(fd_, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0;
  return known ? credentials.pid : 0;
}

std::string ErrorIn(const wire::FrameView& frame) {
  const auto error = wire::DecodeError(frame);
  return error.has_value() ? "Error: " + error->message : "a malformed Error";
}

}  // namespace spillgate::bench
