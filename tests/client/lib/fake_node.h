// FakeNode: speaks the protocol from a thread of the test's, one connection at a time. It greets,
// registers every function, accepts every task and answers it with its first argument; a test's own
// `on_frame` may do otherwise. It keeps no state but what the test gives it.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "tests/client/lib/session_fixture.h"

namespace spillgate::client {

class FakeNode {
 public:
  // What it says to one frame; true: that was all, else the usual answer follows.
  using OnFrame = std::function<bool(const Sent& frame, wire::OutBuffer& out)>;

  explicit FakeNode(OnFrame on_frame = nullptr) : on_frame_(std::move(on_frame)) {
    std::string folder = testing::TempDir() + "sg-client-XXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof(address.sun_path) - 1);
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    EXPECT_EQ(pipe(stop_), 0);
  }
  ~FakeNode() {
    Stop();
    close(listener_);
    close(stop_[0]);
    close(stop_[1]);
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    thread_ = std::thread([this] { Run(); });
  }
  void Stop() {
    if (!thread_.joinable()) return;
    EXPECT_EQ(write(stop_[1], "x", 1), 1);
    thread_.join();
  }
  [[nodiscard]] std::string path() const { return folder_ + "/node.sock"; }
  [[nodiscard]] std::string address() const { return "unix://" + path(); }

  // Before Start.
  bool resumes = true;
  std::uint64_t epoch = 1;
  bool auth_required = false;
  bool greets = true;
  // 0: never. Else it hangs up after so many reads, in the middle of what it says; and says again,
  // to who comes back, what was not released, as a node does.
  int reads_a_connection = 0;
  // Any time: the connection ends after the next frame.
  std::atomic<bool> hang_up{false};
  std::atomic<int> connections{0};
  std::atomic<int> submits{0};
  wire::Token nonce{std::byte{1}, std::byte{2}};
  std::optional<wire::Hello> hello;  // the last one; read it after Stop

 private:
  // False: told to stop.
  bool Await(int fd) {
    pollfd watched[2] = {{.fd = fd, .events = POLLIN, .revents = 0},
                         {.fd = stop_[0], .events = POLLIN, .revents = 0}};
    while (poll(watched, 2, -1) < 0) {
    }
    return watched[1].revents == 0;
  }

  void Run() {
    while (Await(listener_)) {
      const int fd = accept(listener_, nullptr, nullptr);
      ++connections;
      wire::OutBuffer greeting;
      if (greets) {
        wire::Encode(wire::Greeting{.auth_required = auth_required, .nonce = nonce}, 0, greeting);
      }
      const bool more = Say(fd, greeting) && Serve(fd);
      close(fd);
      if (!more && stopped_) return;
    }
  }

  // False: the connection is over.
  bool Serve(int fd) {
    std::vector<std::byte> bytes;
    int reads = 0;
    while (true) {
      if (!Await(fd)) {
        stopped_ = true;
        return false;
      }
      std::byte some[65536];
      const ssize_t got = recv(fd, some, sizeof(some), 0);
      if (got <= 0) return false;
      bytes.insert(bytes.end(), some, some + got);
      std::size_t used = 0;
      wire::OutBuffer out;
      while (bytes.size() - used >= wire::kHeaderSize) {
        const ByteView rest(bytes.data() + used, bytes.size() - used);
        wire::FrameHeader header;
        EXPECT_EQ(wire::ParseHeader(rest, 16 << 20, header), wire::HeaderError::kNone);
        if (wire::WireSize(header) > rest.size()) break;
        Answer(Sent(rest.first(wire::WireSize(header))), out);
        used += wire::WireSize(header);
      }
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(used));
      if (reads_a_connection > 0 && ++reads > reads_a_connection) {
        out.Truncate(out.size() / 3);
        hang_up = true;
      }
      if (!Say(fd, out) || hang_up.exchange(false)) return false;
    }
  }

  static bool Say(int fd, wire::OutBuffer& out) {
    while (!out.empty()) {
      const ssize_t sent = send(fd, out.view().data(), out.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      out.Consume(static_cast<std::size_t>(sent));
    }
    return true;
  }

  void Answer(const Sent& frame, wire::OutBuffer& out) {
    if (frame.type() == wire::FrameType::kSubmit) ++submits;
    if (on_frame_ && on_frame_(frame, out)) return;
    const std::uint32_t correlation = frame.correlation();
    switch (frame.type()) {
      case wire::FrameType::kHello: return Welcome(frame, out);
      case wire::FrameType::kRegister:
        return wire::Encode(wire::Registered{.function = kSum}, correlation, out);
      case wire::FrameType::kShape: return wire::Encode(wire::Shaped{.shape = 3}, correlation, out);
      case wire::FrameType::kPing: return wire::Encode(wire::Pong{}, correlation, out);
      case wire::FrameType::kCancel:
        return wire::Encode(wire::Cancelled{.count = 1}, correlation, out);
      case wire::FrameType::kStats:
        return wire::Encode(wire::StatsReply{}, "{\"ok\":true}", correlation, out);
      case wire::FrameType::kDrain: return wire::Encode(wire::Drained{}, correlation, out);
      case wire::FrameType::kSubmit: return Remember(frame, out);
      case wire::FrameType::kRelease: return Forget(frame);
      case wire::FrameType::kOpenRoot: {
        const auto ask = wire::DecodeOpenRoot(frame.view());
        return Accept(ask->seq, 1, correlation, out);
      }
      case wire::FrameType::kPut: {
        const auto put = wire::DecodePut(frame.view());
        return Accept(put->seq, 1, correlation, out);
      }
      case wire::FrameType::kGet: return GetAll(frame, out);
      case wire::FrameType::kWait: {
        const auto wait = wire::DecodeWait(frame.view());
        const std::vector<bool> all(wait->ids.size(), true);
        return wire::Encode(wire::WaitDone{.ready = all}, correlation, out);
      }
      default: return;
    }
  }

  void Welcome(const Sent& frame, wire::OutBuffer& out) {
    const auto said = wire::DecodeHello(frame.view());
    hello = *said;
    const bool resumed = resumes && said->session != 0;
    wire::Encode(wire::Welcome{.resumed = resumed,
                               .session = resumed ? said->session : kSession + connections - 1,
                               .node = "fake",
                               .epoch = epoch,
                               .max_payload = 16 << 20,
                               .ids_per_get = 2048,
                               .deps_per_task = 1000,
                               .inline_value = 100 << 10},
                 frame.correlation(), out);
    if (resumed) out.Append(Kept().view());
  }

  // Everything that was not released.
  wire::OutBuffer Kept() {
    wire::OutBuffer out;
    wire::ResultsWriter writer;
    for (const auto& [seq, value] : kept_) {
      writer.Add({.task = {kSession, seq}, .fate = Fate::kDone}, AsBytes(value), out);
    }
    writer.Finish(out);
    return out;
  }

  void Remember(const Sent& frame, wire::OutBuffer& out) {
    Echo(frame, out);
    if (reads_a_connection == 0) return;
    const wire::SubmitView tasks = frame.tasks();
    for (std::size_t i = 0; i < tasks.heads.size(); ++i) {
      const ArgRef& arg = tasks.args[tasks.heads[i].first_arg];
      const ByteView value = frame.view().payload.subspan(arg.offset, arg.size);
      const bool again = !runs_.insert(frame.ask().first_seq + i).second;
      EXPECT_TRUE(!again || frame.ask().attempt > 0);
      kept_[frame.ask().first_seq + i] = AsText(value);
    }
  }

  void Forget(const Sent& frame) {
    const auto release = wire::DecodeRelease(frame.view());
    for (const wire::Range& range : release->ranges) {
      for (std::uint64_t i = 0; i < range.count; ++i) kept_.erase(range.first.seq + i);
    }
  }

  static void Accept(std::uint64_t seq, std::uint32_t count, std::uint32_t correlation,
                     wire::OutBuffer& out) {
    const wire::Verdict verdict{.first_seq = seq, .count = count, .correlation = correlation};
    wire::WriteVerdicts({&verdict, 1}, 0, out);
  }

 public:
  static void Echo(const Sent& frame, wire::OutBuffer& out, SessionId session = kSession) {
    const wire::SubmitPreamble ask = frame.ask();
    const wire::SubmitView tasks = frame.tasks();
    Accept(ask.first_seq, ask.count, frame.correlation(), out);
    if ((ask.flags & wire::kPush) == 0) return;
    wire::ResultsWriter writer;
    for (std::size_t i = 0; i < tasks.heads.size(); ++i) {
      const wire::TaskHead& head = tasks.heads[i];
      ByteView value;
      if (head.arg_count > 0 && tasks.args[head.first_arg].kind == ArgRef::kInline) {
        const ArgRef& arg = tasks.args[head.first_arg];
        value = frame.view().payload.subspan(arg.offset, arg.size);
      }
      writer.Add({.task = {session, ask.first_seq + i}, .fate = Fate::kDone}, value, out);
    }
    writer.Finish(out);
  }

 private:
  static void GetAll(const Sent& frame, wire::OutBuffer& out) {
    const auto get = wire::DecodeGet(frame.view());
    wire::ResultsWriter writer;
    for (const wire::ObjectName& id : get->ids) {
      writer.Add({.task = id.task,
                  .index = id.index,
                  .correlation = frame.correlation(),
                  .fate = Fate::kDone},
                 AsBytes(id.index == 0 ? "fetched" : "further"), out);
    }
    writer.Finish(out);
  }

  OnFrame on_frame_;
  std::map<std::uint64_t, std::string> kept_;
  std::set<std::uint64_t> runs_;
  std::string folder_;
  int listener_ = -1;
  int stop_[2] = {-1, -1};
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace spillgate::client
