// Session: what is said on a connection besides tasks, and what a new connection changes.
#include <algorithm>

#include "client/lib/session.h"
#include "core/base/format.h"

namespace spillgate::client {
namespace {

constexpr std::size_t kPayloadAFrame = 1 << 20;  // of inline arguments
constexpr std::size_t kManyReleases = 64;        // ranges that go without company
constexpr std::uint64_t kMostReleased = 65536;   // numbers in one frame

std::uint64_t TimeoutMicros(Instant until, Instant now) {
  if (until == kNever) return wire::kMostTime;
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(until - now).count();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, left));
}

}  // namespace

void Session::Collect(Instant now, bool idle, wire::OutBuffer& out) {
  TakeDropped();
  DropUnsent(now);
  if (!renaming_.under_way) outbox_.Send(now, out);
  if (!closing_.empty()) WriteCloses();
  if (!fetches_.empty() && now >= fetch_not_before_) WriteFetches(now);
  out.Append(control_.view());
  control_.Clear();
  const bool company = idle || !out.empty() || releases_.size() >= kManyReleases;
  if (!releases_.empty() && company) WriteReleases(out);
  if (unconfirmed_.WantsAnswer()) wire::Encode(wire::Ping{}, outbox_.NextCorrelation(), out);
}

void Session::WriteFetches(Instant now) {
  std::vector<wire::ObjectName> names;
  for (std::size_t next = 0; next < fetches_.size();) {
    names.clear();
    FetchFrame frame;
    Instant until{};
    const std::size_t most = std::min<std::size_t>(welcome_.ids_per_get, wire::kMostObjects);
    for (; next < fetches_.size() && names.size() < most; ++next) {
      names.push_back({.task = {welcome_.session, fetches_[next].seq}});
      frame.seqs.push_back(fetches_[next].seq);
      until = std::max(until, fetches_[next].until);
    }
    frame.open = names.size();
    const std::uint32_t correlation = outbox_.NextCorrelation();
    wire::Encode(wire::Get{.ids = names, .timeout_us = TimeoutMicros(until, now)}, correlation,
                 control_);
    fetch_frames_[correlation] = std::move(frame);
  }
  fetches_.clear();
}

void Session::WriteReleases(wire::OutBuffer& out) {
  const std::size_t most = std::min<std::size_t>(welcome_.ids_per_get, wire::kMostObjects);
  for (std::size_t next = 0; next < releases_.size();) {
    const std::size_t first = next;
    std::uint64_t numbers = 0;
    while (next < releases_.size() && next - first < most &&
           numbers + releases_[next].count <= kMostReleased) {
      numbers += releases_[next++].count;
    }
    const auto some = std::span<const wire::Range>(releases_).subspan(first, next - first);
    const std::uint32_t correlation = outbox_.NextCorrelation();
    wire::Encode(wire::Release{.ranges = some}, correlation, out);
    unconfirmed_.Released(correlation, some);
  }
  releases_.clear();
}

// A root is closed once all of its tasks have verdicts: those refused for its window go again.
void Session::WriteCloses() {
  const std::vector<Parcel*> parcels = outbox_.Everything();
  std::erase_if(closing_, [&](std::uint64_t root) {
    const bool needed = std::any_of(parcels.begin(), parcels.end(), [&](const Parcel* parcel) {
      return parcel->open > 0 && parcel->terms.root == root;
    });
    if (!needed) {
      const std::uint32_t correlation = outbox_.NextCorrelation();
      wire::Encode(wire::CloseRoot{.seq = root}, correlation, control_);
      unconfirmed_.Closed(correlation, root);
    }
    return !needed;
  });
}

// ---- the connection's life

void Session::OnWelcome(const wire::Welcome& welcome, Instant now) {
  const bool first = !has_session();
  const bool resumed = !first && welcome.resumed && welcome.session == welcome_.session;
  if (!first && !resumed) {
    FailAll({.kind = FailureKind::kUnavailable,
             .message = "the node does not know this session any more; it did not run"});
    releases_.clear();
    closing_.clear();
    unconfirmed_.Clear();
    detached_.clear();
  }
  welcome_ = welcome;
  outbox_.SetBounds({.batch = std::clamp(options_.max_batch, 1U, welcome.max_batch),
                     .payload = std::min<std::size_t>(kPayloadAFrame, welcome.max_payload),
                     .waits = options_.wait_for_credit});
  if (first) handles_epoch_ = welcome.epoch;
  if (!resumed) outbox_.Begin(welcome.session, welcome.next_seq);
  if (!first) Reconnect(now);
  connected_ = true;
}

// What the old connection was asked and has not answered is asked again, and what it may not have
// heard is said again.
void Session::Reconnect(Instant) {
  ++stats_.reconnects;
  outbox_.Connected();
  control_.Clear();
  std::vector<Request*> requests;
  for (const auto& [correlation, request] : requests_) requests.push_back(request);
  std::sort(requests.begin(), requests.end(),
            [](const Request* a, const Request* b) { return a->correlation < b->correlation; });
  if (handles_epoch_ != welcome_.epoch) StartRenaming();
  for (const Request* request : requests) control_.Append(request->bytes.view());
  fetches_.clear();
  fetch_frames_.clear();
  unconfirmed_.TakeAll(releases_, closing_);
  outbox_.tasks().ForEach([&](TaskState& state) {
    const bool cancels = state.cancel_wanted && state.accepted && state.pending();
    if (state.fetching) fetches_.push_back({.seq = SeqOf(state), .until = kNever});
    if (cancels) OnAccepted(state);
  });
}

void Session::OnLost(Instant) {
  connected_ = false;
  renaming_ = Renaming();
}

// ---- handles, after the node has started again

void Session::StartRenaming() {
  renaming_ = Renaming();
  for (const auto& [name, id] : functions_) {
    const std::uint32_t correlation = outbox_.NextCorrelation();
    renaming_.functions[correlation] = name;
    wire::Encode(wire::Register{.name = name}, correlation, control_);
  }
  for (const auto& [text, id] : shapes_) {
    const std::uint32_t correlation = outbox_.NextCorrelation();
    renaming_.shapes[correlation] = text;
    wire::Encode(wire::Shape{.text = text}, correlation, control_);
  }
  renaming_.under_way = true;
  FinishRenaming();
}

bool Session::OnRenamed(const wire::FrameView& frame) {
  const std::uint32_t correlation = frame.header.correlation;
  if (frame.header.type == wire::FrameType::kRegistered) {
    const auto answer = wire::DecodeRegistered(frame);
    if (!answer.has_value()) return Wrong("a malformed registered");
    OnRenamed(*answer, correlation);
  } else if (frame.header.type == wire::FrameType::kShaped) {
    const auto answer = wire::DecodeShaped(frame);
    if (!answer.has_value()) return Wrong("a malformed shaped");
    OnRenamed(*answer, correlation);
  }
  return true;
}

void Session::OnRenamed(const wire::Registered& answer, std::uint32_t correlation) {
  const auto name = renaming_.functions.find(correlation);
  if (name == renaming_.functions.end()) return;
  renaming_.new_functions[FindFunction(name->second)] =
      answer.reason == Reason::kNone ? answer.function : 0;
  renaming_.functions.erase(name);
  FinishRenaming();
}

void Session::OnRenamed(const wire::Shaped& answer, std::uint32_t correlation) {
  const auto text = renaming_.shapes.find(correlation);
  if (text == renaming_.shapes.end()) return;
  renaming_.new_shapes[FindShape(text->second)] = answer.reason == Reason::kNone ? answer.shape : 0;
  renaming_.shapes.erase(text);
  FinishRenaming();
}

// Once all are known: what waits to be sent gets the new handles, or fails for want of them.
void Session::FinishRenaming() {
  if (!renaming_.under_way || !renaming_.functions.empty() || !renaming_.shapes.empty()) return;
  renaming_.under_way = false;
  handles_epoch_ = welcome_.epoch;
  const auto renamed = [](const auto& map, auto id) {
    const auto found = map.find(id);
    return found == map.end() ? decltype(id){0} : found->second;
  };
  for (auto& [name, id] : functions_) id = renamed(renaming_.new_functions, id);
  for (auto& [text, id] : shapes_) id = renamed(renaming_.new_shapes, id);
  std::erase_if(functions_, [](const auto& entry) { return entry.second == 0; });
  std::erase_if(shapes_, [](const auto& entry) { return entry.second == 0; });
  for (Parcel* parcel : outbox_.Everything()) {
    if (parcel->kind != Parcel::Kind::kSubmit) continue;
    Terms& terms = parcel->terms;
    const bool had_shape = terms.shape != 0;
    terms.function = renamed(renaming_.new_functions, terms.function);
    if (had_shape) terms.shape = renamed(renaming_.new_shapes, terms.shape);
    if (terms.function != 0 && (!had_shape || terms.shape != 0)) continue;
    if (parcel->open == 0) continue;
    FailOpen(
        *parcel,
        {.kind = parcel->was_sent ? FailureKind::kOutcomeUnknown : FailureKind::kRefused,
         .reason = had_shape && terms.shape == 0 ? Reason::kUnknownShape : Reason::kUnknownFunction,
         .message = "the node has started again, and does not know its function or "
                    "shape any more"});
  }
  LetGoAll();
}

}  // namespace spillgate::client
