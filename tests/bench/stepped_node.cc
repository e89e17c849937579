#include "tests/bench/stepped_node.h"

#include <vector>

#include "core/base/check.h"
#include "schema/messages.h"
#include "schema/replies.h"
#include "server/functions/builtins.h"

namespace spillgate::bench {
namespace {

constexpr SessionId kSession = 42;
constexpr ConnectionId kConnection = 1;
constexpr std::size_t kBatchesATurn = 256;   // as the event loop gives them
constexpr std::uint64_t kReleaseAfter = 64;  // results, as a client would
constexpr config::HostLimits kHost{.cpu = 2000, .memory = config::MiB(1024)};

NodePorts PortsOf(Node& node) {
  return {.report = [&node](RunReport&& report) { node.OnReport(std::move(report)); },
          .notice = [&node](const RunNotice& notice) { node.OnNotice(notice); },
          .ask = [&node](ConnectionId connection, SessionId session,
                         Buffer frame) { node.Ask(connection, session, std::move(frame)); },
          .find_function =
              [&node](std::string_view name) { return node.shared().functions.Find(name); },
          .gone = [&node](ConnectionId connection) { node.OnTaskConnectionGone(connection); }};
}

}  // namespace

SteppedNode::SteppedNode(const Clock& clock, std::uint32_t batch) : clock_(clock), batch_(batch) {
  const config::Config config;
  node_ = std::make_unique<Node>(clock, config, kHost, replies_, journal_);
  auto library = FromTable(functions::Builtins(), "");
  SG_CHECK(library.ok());
  library_ = std::move(library).value();
  for (const Function& function : library_.functions) {
    SG_CHECK(node_->AddFunction(function).ok());
  }
  noop_ = node_->shared().functions.Find("noop");
  executor_ = std::make_unique<ThreadExecutor>(clock, ThreadExecutorOptions{.threads = 1},
                                               PortsOf(*node_), ancestry_);
  node_->Wire(*executor_, peers_, 1);
  pool_ = node_->flow().FindPool(config::kLoopPool);
  pool_->BindToThread();
  MutexLock lock(node_->shared().table.mutex());
  Session& session = node_->shared().table.NewSession(kSession);
  session.connection = kConnection;
  session.disconnected = kNever;
  session.tenant = node_->shared().tenants.Find("bench");
}

SteppedNode::~SteppedNode() {
  executor_->Stop();
  node_->flow().Flush(clock_.Now());
}

void SteppedNode::Encode() {
  frames_.Clear();
  writer_.Begin({.flags = wire::kPush, .function = noop_, .first_seq = next_seq_});
  for (std::uint32_t i = 0; i < batch_; ++i) writer_.BeginTask();
  writer_.Finish(++correlation_, 0, frames_);
  if (next_seq_ - released_ >= kReleaseAfter) {
    const wire::Range before{.first = {kSession, released_}, .count = next_seq_ - released_};
    wire::Encode(wire::Release{.ranges = {&before, 1}}, ++correlation_, frames_);
    released_ = next_seq_;
  }
  next_seq_ += batch_;
}

void SteppedNode::TakeIn(ByteView frame, Instant now) {
  flow::Inbox<Submission::In>& inbox = *node_->submission().front();
  Submission::In event = Received{.connection = kConnection,
                                  .session = kSession,
                                  .frame = Buffer::CopyOf(frame),
                                  .transit = Nanos(0),
                                  .arrived = now};
  SG_CHECK(inbox.Reserve(1, static_cast<std::int64_t>(frame.size())));
  inbox.Commit({&event, 1});
}

void SteppedNode::Run() {
  const Instant now = clock_.Now();
  ByteView left = frames_.view();
  while (!left.empty()) {
    wire::FrameHeader header;
    SG_CHECK(wire::ParseHeader(left, wire::kMostPayload, header) == wire::HeaderError::kNone);
    TakeIn(left.first(wire::WireSize(header)), now);
    left = left.subspan(wire::WireSize(header));
  }
  while (pool_->Turn(kBatchesATurn) > 0) continue;
}

bool SteppedNode::Check() {
  ByteView left = replies_.out.view();
  std::uint64_t accepted = 0;
  std::vector<bool> done(batch_);
  std::uint64_t count = 0;
  const std::uint64_t first = next_seq_ - batch_;
  wire::FrameHeader header;
  while (!left.empty() &&
         wire::ParseHeader(left, wire::kMostPayload, header) == wire::HeaderError::kNone) {
    const wire::FrameView frame = wire::View(left.first(wire::WireSize(header)));
    left = left.subspan(wire::WireSize(header));
    if (header.type == wire::FrameType::kVerdicts) {
      const auto verdicts = wire::ReadVerdicts(frame);
      if (!verdicts.has_value()) return false;
      for (const wire::Verdict& verdict : *verdicts) {
        if (verdict.status == wire::VerdictStatus::kAccepted) accepted += verdict.count;
      }
    } else if (header.type == wire::FrameType::kResults) {
      const auto results = wire::ReadResults(frame);
      if (!results.has_value()) return false;
      for (const wire::ResultHead& head : *results) {
        const std::uint64_t at = head.task.seq - first;
        if (at >= batch_ || done[at] || head.fate != Fate::kDone) return false;
        done[at] = true;
        ++count;
      }
    } else {
      return false;
    }
  }
  replies_.out.Clear();
  return left.empty() && accepted == batch_ && count == batch_;
}

}  // namespace spillgate::bench
