#include "tests/sim/pair_link.h"

#include "schema/replies.h"

namespace spillgate::sim {

void PairLink::Offer(const Task& task, Instant now) {
  // The ids of children follow from their parents, so no client can submit one; and large values
  // do not travel inside.
  if (task.id.is_child() || TooLarge(task) || Chance(odds_.refused)) {
    return Answer(task.id, PeerAnswer::kRefused, now);
  }
  wire::SubmitPreamble preamble{.cls = task.cls,
                                .attempt = offered_[task.id]++,
                                .function = task.function->id,
                                .first_seq = task.id.seq};
  if (task.deadline != kNever) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(task.deadline - now);
    preamble.remaining_us = static_cast<std::uint64_t>(std::max<std::int64_t>(1, left.count()));
  }
  writer_.Begin(preamble);
  writer_.BeginTask(0, 0, task.returns);
  for (std::size_t i = 0; i < task.args.size(); ++i) {
    const ArgRef& arg = task.args[i];
    writer_.AddInline(arg.kind == ArgRef::kObject ? task.objects[i].view()
                                                  : task.payload.subspan(arg.offset, arg.size));
  }
  wire::OutBuffer frame;
  const std::uint32_t correlation = next_correlation_++;
  writer_.Finish(correlation, 0, frame);
  due_.emplace(now + std::chrono::microseconds(random_() % 200),
               Event{.sending = {.connection = kConnection,
                                 .correlation = correlation,
                                 .first_seq = task.id.seq,
                                 .ids = {task.id},
                                 .args = {{}}},
                     .frame = Buffer::CopyOf(frame.view()),
                     .reply = {}});
}

bool PairLink::TooLarge(const Task& task) const {
  const std::uint32_t most = other_.shared().limits.inline_value.load();
  for (std::size_t i = 0; i < task.args.size(); ++i) {
    if (task.args[i].kind == ArgRef::kObject && task.objects[i].size() > most) return true;
  }
  return false;
}

bool PairLink::RunDue(Instant now) {
  bool any = false;
  while (!due_.empty() && due_.begin()->first <= now) {
    Event event = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    any = true;
    if (event.sending.ids.empty()) {
      reply_(event.reply);
      continue;
    }
    const TaskId task = event.sending.ids.front();
    {
      TaskTable& table = other_.shared().table;
      MutexLock lock(table.mutex());
      if (table.FindSession(task.session) == nullptr) table.NewSession(task.session);
    }
    asked_[event.sending.correlation] = task;
    ledger_.OnSent(std::move(event.sending));
    const auto& shards = other_.submission();
    flow::Inbox<Submission::In>& inbox = *shards[Mix(task.session) % shards.size()];
    const auto bytes = static_cast<std::int64_t>(event.frame.size());
    Submission::In received = Received{.connection = kConnection,
                                       .session = task.session,
                                       .frame = std::move(event.frame),
                                       .transit = {},
                                       .arrived = now};
    inbox.credits().Force(1, bytes);
    inbox.Commit({&received, 1});
  }
  return any;
}

void PairLink::Deliver(const wire::FrameView& frame, Instant now) {
  if (frame.header.type != wire::FrameType::kVerdicts) return;
  const auto verdicts = wire::ReadVerdicts(frame);
  if (!verdicts.has_value()) return;
  for (const wire::Verdict& verdict : *verdicts) {
    const auto found = asked_.find(verdict.correlation);
    if (found == asked_.end()) continue;
    const TaskId task = found->second;
    asked_.erase(found);
    const bool has_it = verdict.status != wire::VerdictStatus::kRejected;
    if (Chance(odds_.silent)) continue;
    if (Chance(odds_.unknown)) {
      Answer(task, PeerAnswer::kUnknown, now);
      continue;
    }
    if (has_it) ++accepted_;
    Answer(task, has_it ? PeerAnswer::kAccepted : PeerAnswer::kRefused, now);
  }
}

void PairLink::Answer(TaskId task, PeerAnswer answer, Instant now) {
  due_.emplace(now + std::chrono::microseconds(random_() % 200),
               Event{.sending = {}, .frame = {}, .reply = {task, answer}});
}

}  // namespace spillgate::sim
