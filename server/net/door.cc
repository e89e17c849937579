#include "server/net/door.h"

#include <unistd.h>

#include <algorithm>

#include "core/base/format.h"
#include "schema/auth.h"
#include "schema/submit.h"

namespace spillgate::net {
namespace {

// What gets in when nothing else does: looking, and making room.
bool IsForOperators(wire::FrameType type) {
  return type == wire::FrameType::kStats || type == wire::FrameType::kStatus ||
         type == wire::FrameType::kCancel || type == wire::FrameType::kDrain ||
         type == wire::FrameType::kPing;
}

// What an honest client is refused that sends more than there is room for: its roots, the tasks of
// roots that were, and what has become too old meanwhile.
bool IsForLoad(Reason reason) {
  return Passes(reason) || reason == Reason::kExpired || reason == Reason::kUnknownRoot;
}

}  // namespace

Door::Door(Shared& shared, std::vector<flow::Inbox<Submission::In>*> submission,
           std::vector<Admission*> admission,
           std::vector<flow::Inbox<Publication::In>*> publication, DoorOptions options)
    : shared_(shared),
      submission_(std::move(submission)),
      admission_(std::move(admission)),
      publication_(std::move(publication)),
      asks_(shared, *submission_.front(), shared.tally.submission.front()),
      options_(std::move(options)),
      received_(submission_.size()),
      received_bytes_(submission_.size()) {}

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

void Door::OnFrame(Visitor& visitor, const wire::FrameView& frame, ByteView bytes, Instant now) {
  const wire::FrameType type = frame.header.type;
  if (!visitor.welcome) {
    if (type == wire::FrameType::kHello) return OnHello(visitor, frame, now);
    Refuse(visitor, frame.header.correlation, Reason::kUnauthenticated, "say Hello first");
    return visitor.connection->FlushAndClose("it did not say Hello first");
  }
  if (visitor.reserved && !IsForOperators(type)) {
    Refuse(visitor, frame.header.correlation, Reason::kTooManyConnections,
           "this node or this user has as many connections as it may; the few beyond are for "
           "status, stats, cancel and drain alone");
    return visitor.connection->FlushAndClose("it took an operator's place for work");
  }
  switch (type) {
    case wire::FrameType::kSubmit: return OnSubmit(visitor, frame, bytes, now);
    case wire::FrameType::kOpenRoot: return OnOpenRoot(visitor, frame, bytes, now);
    case wire::FrameType::kCloseRoot: return OnCloseRoot(visitor, frame, bytes, now);
    case wire::FrameType::kPut:
    case wire::FrameType::kGet:
    case wire::FrameType::kWait:
    case wire::FrameType::kCancel:
    case wire::FrameType::kRelease:
    case wire::FrameType::kStatus:
      return PassOn(visitor, bytes, now, visitor.transit.Of(frame.header.sent_us, now));
    case wire::FrameType::kRegister: return OnRegister(visitor, frame);
    case wire::FrameType::kShape: return OnShape(visitor, frame);
    case wire::FrameType::kStats: return OnStats(visitor, frame);
    case wire::FrameType::kDrain: return OnDrain(visitor, frame, now);
    case wire::FrameType::kPing:
      return wire::Encode(wire::Pong{}, frame.header.correlation, visitor.connection->out());
    default:
      Refuse(visitor, frame.header.correlation, Reason::kUnsupported,
             "a client does not send frames of this type");
  }
}

// New roots are decided on at once, where that is this thread's to do. An id that may have been
// accepted before is looked up first, which is not.
void Door::OnSubmit(Visitor& visitor, const wire::FrameView& frame, ByteView bytes, Instant now) {
  const Nanos transit = visitor.transit.Of(frame.header.sent_us, now);
  const auto ask = wire::ReadPreamble(frame);
  if (!ask.has_value()) return PassOn(visitor, bytes, now, transit);
  const bool exceeds_credit = ExceedsCredit(visitor, *ask, bytes.size(), transit, now);
  const Asking asking{.ask = *ask,
                      .tenant = visitor.tenant,
                      .transit = transit,
                      .bytes = bytes.size(),
                      .exceeds_credit = exceeds_credit};
  const bool is_lost = visitor.refused_roots.Has(ask->root) && (ask->flags & wire::kJoin) == 0;
  visitor.refused_roots.Forget(ask->first_seq, ask->count);
  Admission* admission = AdmissionFor(visitor);
  if (admission == nullptr || ask->attempt > 0 || !(asking.roots() || is_lost)) {
    return PassOn(visitor, bytes, now, transit, exceeds_credit);
  }
  Ruling ruling;
  if (is_lost) {
    ruling.refusal = Reason::kUnknownRoot;
    ruling.load_level = admission->LevelOfPlaces(visitor.tenant, ask->cls);
  } else {
    admission->Judge(asking, ask->count, ruling, now);
  }
  if (ruling.admitted > 0) {
    admission->OnTheWay(ruling.admitted);
    return PassOn(visitor, bytes, now, transit, exceeds_credit, &ruling);
  }
  admission->CountRefused(ruling.refusal, ask->count);
  Refuse(visitor, VerdictOn(*ask, frame.header.correlation, ask->first_seq, ask->count,
                            wire::VerdictStatus::kRejected, ruling.refusal, ruling.retry_after,
                            ruling.load_level));
}

// As a new root is; one that may be there already is submission's to look up.
void Door::OnOpenRoot(Visitor& visitor, const wire::FrameView& frame, ByteView bytes, Instant now) {
  const Nanos transit = visitor.transit.Of(frame.header.sent_us, now);
  Admission* admission = AdmissionFor(visitor);
  const bool drains = shared_.signals.draining.load(std::memory_order_relaxed);
  const auto asked = wire::DecodeOpenRoot(frame);
  if (!asked.has_value()) return PassOn(visitor, bytes, now, transit);
  const bool crowds_out = CrowdsOut(visitor, *asked, transit, now);
  const bool may_be_open = asked->seq <= visitor.opened_until;
  if (admission == nullptr || drains || may_be_open) {
    visitor.opened_until = std::max(visitor.opened_until, asked->seq);
    if (!crowds_out) visitor.credits.NoteLetIn(asked->cls, now);  // as far as is known here
    return PassOn(visitor, bytes, now, transit, crowds_out);
  }
  visitor.refused_roots.Forget(asked->seq, 1);
  Ruling ruling;
  admission->Judge(*asked, visitor.tenant, transit, ruling, now, crowds_out);
  if (ruling.admitted > 0) {
    admission->LetThrough(*asked, visitor.tenant, ruling, now);
    visitor.credits.NoteLetIn(asked->cls, now);
    visitor.opened_until = asked->seq;
    return PassOn(visitor, bytes, now, transit, false, &ruling);
  }
  visitor.refused_roots.Add(asked->seq);
  admission->CountRefused(ruling.refusal, 1);
  Refuse(visitor, RefusalOf(*asked, frame.header.correlation, ruling));
}

void Door::OnCloseRoot(Visitor& visitor, const wire::FrameView& frame, ByteView bytes,
                       Instant now) {
  const Nanos transit = visitor.transit.Of(frame.header.sent_us, now);
  if (visitor.refused_roots.never()) return PassOn(visitor, bytes, now, transit);
  const auto asked = wire::DecodeCloseRoot(frame);
  if (!asked.has_value() || !visitor.refused_roots.Has(asked->seq)) {
    return PassOn(visitor, bytes, now, transit);
  }
  visitor.refused_roots.Forget(asked->seq, 1);
  ++visitor.refused;
  ++visitor.shed;
}

Admission* Door::AdmissionFor(const Visitor& visitor) {
  const bool here = !admission_.empty() && submission_[visitor.shard]->runnable()->OnOwnThread();
  return here ? admission_[visitor.shard] : nullptr;
}

void Door::Refuse(Visitor& visitor, const wire::Verdict& verdict) {
  ++visitor.refused;
  visitor.shed += IsForLoad(verdict.reason) ? 1 : 0;
  visitor.verdicts.push_back(verdict);
}

void Door::AnswerRefused(Visitor& visitor) {
  if (visitor.verdicts.empty()) return;
  wire::WriteVerdicts(visitor.verdicts, 0, visitor.connection->out());
  visitor.verdicts.clear();
}

// To submission, in order, at the end of the read.
void Door::PassOn(Visitor& visitor, ByteView bytes, Instant now, Nanos transit, bool exceeds_credit,
                  const Ruling* ruling) {
  received_[visitor.shard].emplace_back(Received{.connection = visitor.connection->id(),
                                                 .session = visitor.session,
                                                 .tenant = visitor.tenant,
                                                 .frame = Buffer::CopyOf(bytes),
                                                 .transit = transit,
                                                 .arrived = now,
                                                 .exceeds_credit = exceeds_credit,
                                                 .ruling = ruling == nullptr ? Ruling() : *ruling});
  received_bytes_[visitor.shard] += static_cast<std::int64_t>(bytes.size());
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

void Door::OnDrain(Visitor& visitor, const wire::FrameView& frame, Instant now) {
  const auto request = wire::DecodeDrain(frame);
  const bool own = visitor.connection->is_unix() && (visitor.uid == getuid() || visitor.uid == 0);
  if (!request.has_value() || !own) {
    return Refuse(visitor, frame.header.correlation, Reason::kUnauthenticated,
                  "drain: only the node's own user may ask for it, over its socket");
  }
  // Asking how far it is does not end it at once, as a second signal would.
  const bool begins = !shared_.signals.draining.load(std::memory_order_relaxed);
  if (begins && options_.drain) options_.drain(visitor.connection->id());
  static_cast<void>(AnswerDrain(visitor, kNever));  // an earlier one, which this one replaces
  visitor.drain = {.correlation = frame.header.correlation,
                   .until = After(now, std::chrono::microseconds(request->timeout_us))};
  ++drains_;
  static_cast<void>(AnswerDrain(visitor, now));
}

bool Door::AnswerDrain(Visitor& visitor, Instant now) {
  if (!visitor.drain.has_value()) return false;
  const auto left = static_cast<std::uint64_t>(shared_.unfinished());
  if (left > 0 && now < visitor.drain->until) return false;
  wire::Encode(wire::Drained{left}, visitor.drain->correlation, visitor.connection->out());
  visitor.drain.reset();
  --drains_;
  return true;
}

void Door::OnGone(const Visitor& visitor, Instant now) {
  if (visitor.drain.has_value()) --drains_;
  if (!visitor.welcome) return;
  (void)HandOn(now);
  // Behind what it has sent, or requests of it would be answered for ever.
  Submission::In event = ConnectionGone{visitor.connection->id(), visitor.session};
  submission_[visitor.shard]->Commit({&event, 1});
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
      if (!gone || session->expired || now - session->disconnected <= ttl) continue;
      session->expired = true;
      over.push_back(id);
    }
  }
  for (const SessionId id : over) {
    Tell(SessionEnded{id}, id);
  }
}

}  // namespace spillgate::net
