#include "stages/answers.h"

#include <utility>

#include "schema/messages.h"

namespace spillgate {

void Answers::Batch::Close() {
  if (!verdicts.empty()) wire::WriteVerdicts(verdicts, 0, frames);
  verdicts.clear();
  results.Finish(frames);
}

Answers::Batch& Answers::For(ConnectionId to) {
  // A pass serves few connections, and mostly the same one several times running.
  for (std::size_t i = used_; i-- > 0;) {
    if (batches_[i]->to == to) return *batches_[i];
  }
  if (used_ == batches_.size()) batches_.push_back(std::make_unique<Batch>());
  Batch& batch = *batches_[used_++];
  batch.to = to;
  return batch;
}

std::size_t Answers::Result(ConnectionId to, const Record& record, std::uint32_t index,
                            std::uint32_t correlation) {
  Batch& batch = For(to);
  const Outcome& outcome = record.outcome;
  wire::ResultHead head{.task = record.id,
                        .index = index,
                        .correlation = correlation,
                        .reason = outcome.reason,
                        .fate = outcome.fate,
                        .returns = record.returns};
  if (outcome.fate != Fate::kDone) {
    const bool told = outcome.failure != nullptr;
    batch.results.AddFailure(head, told ? outcome.failure->root_cause : TaskId{},
                             told ? std::string_view(outcome.failure->message) : "", batch.frames);
    return batch.bytes();
  }
  const std::size_t further = outcome.further == nullptr ? 0 : outcome.further->size();
  if (index > further) {
    head.fate = Fate::kOpen;
    head.reason = Reason::kNotFound;
    batch.results.Add(head, {}, batch.frames);
    return batch.bytes();
  }
  const Value& value = index == 0 ? outcome.value : (*outcome.further)[index - 1];
  batch.results.Add(head, value.view(), batch.frames);
  return batch.bytes();
}

void Answers::NoResult(ConnectionId to, ObjectId id, Reason reason, std::uint32_t correlation) {
  Batch& batch = For(to);
  batch.results.Add(
      {.task = id.task, .index = id.index, .correlation = correlation, .reason = reason}, {},
      batch.frames);
}

void Answers::Verdict(ConnectionId to, const wire::Verdict& verdict) {
  Batch& batch = For(to);
  if (verdict.status == wire::VerdictStatus::kRejected) ++batch.refused;
  batch.verdicts.push_back(verdict);
}

void Answers::Error(ConnectionId to, std::uint32_t correlation, Reason reason,
                    std::string_view message) {
  wire::Encode(wire::Error{.reason = reason, .message = std::string(message)}, correlation,
               Raw(to));
  ++For(to).refused;
}

wire::OutBuffer& Answers::Raw(ConnectionId to) {
  Batch& batch = For(to);
  batch.Close();
  return batch.frames;
}

void Answers::Flush() {
  for (std::size_t i = 0; i < used_; ++i) {
    Batch& batch = *batches_[i];
    batch.Close();
    sink_.Send(batch.to, batch.frames.view(), std::exchange(batch.refused, 0));
    batch.frames.Clear();
  }
  used_ = 0;
}

}  // namespace spillgate
