#include "stages/spillover.h"

#include "stages/ending.h"

namespace spillgate {

Spillover::Spillover(PeerLink& peers, Options options, Out out)
    : peers_(peers), options_(options), out_(std::move(out)) {}

void Spillover::Handle(std::span<In> batch, Instant now) {
  if (!kept_.empty()) std::swap(kept_, finished_);
  for (In& event : batch) {
    if (auto* spilled = std::get_if<Spilled>(&event)) {
      const TaskId id = spilled->task->id;
      Offer& offer = offers_[id];
      offer.task = std::move(spilled->task);
      OfferAgain(offer, now);
    } else if (const auto* answered = std::get_if<PeerAnswered>(&event)) {
      OnAnswer(answered->reply, now);
    } else {
      const auto found = offers_.find(std::get<CancelAsked>(event).task);
      if (found != offers_.end()) found.value().cancelled = true;
    }
  }
  EmitAll(now);
}

void Spillover::OfferAgain(Offer& offer, Instant now) {
  ++offer.times;
  offer.until = After(now, options_.answer_timeout);
  peers_.Offer(*offer.task, now);
}

void Spillover::OnAnswer(const PeerReply& reply, Instant now) {
  const auto found = offers_.find(reply.task);
  if (found == offers_.end()) return;  // a late answer to an offer that has ended
  Offer& offer = found.value();
  if (reply.answer == PeerAnswer::kUnknown && offer.times < options_.most_offers) {
    OfferAgain(offer, now);
    return;
  }
  TaskPtr task = std::move(offer.task);
  const bool cancelled = offer.cancelled;
  offers_.erase(found);
  if (reply.answer == PeerAnswer::kAccepted) {
    task->outcome.fate = Fate::kForwarded;
    finished_.push_back({std::move(task)});
  } else if (cancelled) {
    Cancel(*task);
    finished_.push_back({std::move(task)});
  } else {
    GiveBack(std::move(task), now);
  }
}

void Spillover::GiveBack(TaskPtr task, Instant now) {
  out_.departed.Note(MetaOf(task), now);
  returned_.push_back({std::move(task)});
}

void Spillover::Tick(Instant now) {
  if (!kept_.empty()) std::swap(kept_, finished_);
  // Few offers are open at a time: their number is this stage's capacity, and each lives a few
  // round trips.
  std::vector<TaskId> silent;
  for (auto it = offers_.begin(); it != offers_.end(); ++it) {
    if (it->second.until <= now) silent.push_back(it->first);
  }
  for (const TaskId id : silent) {
    Offer& offer = offers_.find(id).value();
    if (offer.times < options_.most_offers) {
      OfferAgain(offer, now);
      continue;
    }
    // Whether the peer has it cannot be learned; the task's id makes running it here as well
    // harmless.
    TaskPtr task = std::move(offer.task);
    offers_.erase(id);
    GiveBack(std::move(task), now);
  }
  EmitAll(now);
}

void Spillover::EmitAll(Instant now) {
  out_.departed.Settle();
  out_.returned(returned_, now);
  returned_.clear();
  std::vector<Finished> finished = std::exchange(finished_, {});
  out_.finished(finished, now);
}

void Spillover::Flush(Instant now) {
  while (!offers_.empty()) {
    const auto first = offers_.begin();
    TaskPtr task = std::move(first.value().task);
    offers_.erase(first);
    Abandon(*task);
    finished_.push_back({std::move(task)});
  }
  EmitAll(now);
}

}  // namespace spillgate
