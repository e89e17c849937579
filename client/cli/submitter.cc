#include "client/cli/submitter.h"

#include <algorithm>

#include "core/base/format.h"

namespace spillgate::cli {
namespace {

using client::Failure;
using client::FailureKind;

constexpr std::uint32_t kAtOnce = 1024;
constexpr Nanos kLookAgain = std::chrono::milliseconds(5);

Failure Invalid(std::string message) {
  return {.kind = FailureKind::kInvalid, .message = std::move(message)};
}

}  // namespace

std::string_view VerdictOf(const Ticket& ticket) {
  if (ticket.accepted || !ticket.failure.has_value()) return "accepted";
  switch (ticket.failure->kind) {
    case FailureKind::kShed:
    case FailureKind::kRefused:
    case FailureKind::kInvalid:
    case FailureKind::kExhausted:
    case FailureKind::kDenied: return "rejected";
    case FailureKind::kExpired:
      return ticket.failure->reason == Reason::kExpired ? "rejected" : "accepted";
    case FailureKind::kOutcomeUnknown:
    case FailureKind::kUnavailable:
    case FailureKind::kTimeout:
    case FailureKind::kProtocol: return "unknown";
    default: return "accepted";
  }
}

client::Status Submitter::Prepare(int stdin_fd) {
  Result<LoadedArguments> arguments = LoadedArguments::Load(plan_.arguments, stdin_fd);
  if (!arguments.ok()) return Invalid(arguments.error().message);
  arguments_ = std::move(arguments).value();
  auto function = client_.Find(plan_.function);
  if (!function.ok()) return function.error();
  function_ = std::move(function).value();
  options_ = plan_.options;
  options_.detach = plan_.detach || !plan_.wait;
  options_.push = plan_.wait;
  if (plan_.shape.empty()) return {};
  auto shape = client_.MakeShape(plan_.shape);
  if (!shape.ok()) return shape.error();
  shape_ = std::move(shape).value();
  options_.shape = &shape_;
  return {};
}

std::vector<Ticket> Submitter::Next() {
  const std::uint32_t count = std::min(kAtOnce, plan_.count - submitted_);
  if (count == 0 || gave_up_) return {};
  submitted_ += count;
  const std::vector<client::Arg> args = arguments_.View();
  const std::vector<client::Args> tasks(count, client::Args(args));
  std::vector<client::Future> futures(count);
  client_.SubmitBatch(function_, tasks, futures, options_);
  client_.Flush();
  std::vector<Ticket> tickets(count);
  plan_.wait ? AwaitResults(futures, tickets) : AwaitVerdicts(futures, tickets);
  for (std::size_t i = 0; i < futures.size(); ++i) tickets[i].id = futures[i].id();
  return tickets;
}

std::vector<std::size_t> Submitter::Open(std::span<const client::Future> futures,
                                         std::vector<Ticket>& tickets) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < futures.size(); ++i) {
    Ticket& ticket = tickets[i];
    if (ticket.failure.has_value() || (ticket.accepted && !plan_.wait)) continue;
    ticket.id = futures[i].id();  // a retry has changed it
    if (futures[i].failure() != nullptr) {
      ticket.failure = *futures[i].failure();
    } else if (!plan_.wait && futures[i].accepted()) {
      ticket.accepted = true;
      accepted_.push_back(ticket.id);
    } else if (!futures[i].ready()) {
      open.push_back(i);
    }
  }
  return open;
}

void Submitter::AwaitVerdicts(std::span<const client::Future> futures,
                              std::vector<Ticket>& tickets) {
  std::vector<std::size_t> open;
  std::optional<Failure> problem;
  for (std::size_t before = futures.size();; before = open.size()) {
    const auto most = static_cast<std::uint32_t>(futures.size() - given_up_);
    const auto told =
        client_.WaitAccepted(futures, most, std::min(Interrupt::kLook, patience_.left()));
    if (!told.ok()) problem = told.error();
    GiveUp(futures, tickets);
    open = Open(futures, tickets);
    if (open.empty()) return;
    if (problem.has_value() || patience_.over() || interrupt_.requested()) break;
    // Those that were given up count, too, if the node hears of them after all.
    if (open.size() == before && !told.value().timed_out) interrupt_.Pause(kLookAgain);
  }
  for (const std::size_t i : open) {
    tickets[i].failure = problem.has_value() ? *problem : OutOfTime(tickets[i]);
    Abandon(futures[i]);
  }
}

// What the node does not have by now was refused, or waits here for leave to be sent.
void Submitter::GiveUp(std::span<const client::Future> futures, std::vector<Ticket>& tickets) {
  if (plan_.retries > 0 || gave_up_) return;
  std::vector<std::size_t> open = Open(futures, tickets);
  const auto shed = std::find_if(tickets.begin(), tickets.end(), [](const Ticket& ticket) {
    return ticket.failure.has_value() && ticket.failure->kind == FailureKind::kShed;
  });
  if (shed == tickets.end()) return;
  gave_up_ = true;
  Failure failure = *shed->failure;
  failure.message = Format("not sent, because the node refused others of these tasks for now ({})",
                           ToString(failure.reason));
  if (!AwaitWhatWasSent()) return;
  open = Open(futures, tickets);
  for (const std::size_t i : open) {
    if (futures[i].accepted()) continue;
    // It may be sent in this very moment: then it is cancelled as soon as it is accepted.
    if (!client_.Cancel(futures[i]).ok()) continue;
    tickets[i].failure = failure;
    ++given_up_;
  }
}

// The node gives its verdicts in the order in which it was asked: once it has one on a value that
// was put now, it has one on each task that was sent before. True: it has.
bool Submitter::AwaitWhatWasSent() {
  const client::Future mark = client_.Put({}, {.level = plan_.options.level});
  return client_.WaitAccepted({&mark, 1}, 1, patience_.left()).ok() && mark.ready();
}

void Submitter::AwaitResults(std::span<const client::Future> futures,
                             std::vector<Ticket>& tickets) {
  std::size_t open = futures.size();
  while (open > 0 && !interrupt_.requested() && !patience_.over()) {
    const std::size_t before = open;
    const auto most = static_cast<std::uint32_t>(futures.size() - given_up_);
    const auto ready = client_.Wait(futures, most, std::min(Interrupt::kLook, patience_.left()));
    if (!ready.ok()) break;
    GiveUp(futures, tickets);
    open = Open(futures, tickets).size();
    // Those that were given up count as ready, too, if the node hears of them after all.
    if (open == before && !ready.value().timed_out) interrupt_.Pause(kLookAgain);
  }
  for (std::size_t i = 0; i < futures.size(); ++i) {
    tickets[i].id = futures[i].id();
    if (tickets[i].failure.has_value()) continue;
    if (futures[i].ready()) {
      Collect(futures[i], tickets[i]);
    } else {
      tickets[i].failure = OutOfTime(tickets[i]);
      if (!plan_.detach) Abandon(futures[i]);
    }
  }
}

// It is cancelled by its number, with others; and by its future, as it may yet go again under
// another number.
void Submitter::Abandon(const client::Future& future) {
  abandoned_.push_back(future.id());
  if (!future.accepted()) (void)client_.Cancel(future);
}

void Submitter::Collect(const client::Future& future, Ticket& ticket) {
  for (std::uint32_t index = 0; index < options_.returns; ++index) {
    auto value = future.Get(patience_.left(), index);
    if (!value.ok()) {
      ticket.failure = value.error();
      return;
    }
    ticket.values.push_back(std::move(value).value());
  }
  ticket.accepted = true;
}

Failure Submitter::OutOfTime(const Ticket& ticket) const {
  if (interrupt_.requested()) {
    return {.kind = FailureKind::kCancelled,
            .reason = Reason::kCancelled,
            .message = plan_.wait && plan_.detach ? "not waited for any longer; it runs on"
                                                  : "cancelled by a signal"};
  }
  Failure failure{.kind = FailureKind::kTimeout, .reason = Reason::kTimeout};
  if (!plan_.wait) {
    failure.message =
        "the node did not say in time whether it accepted this; it was cancelled, "
        "allow more time with --timeout";
  } else if (plan_.detach) {
    failure.message =
        Format("no result in time; it runs on: spillgate get {}", ToString(ticket.id));
  } else {
    failure.message =
        "no result in time, so it was cancelled: allow more with --timeout, or let it "
        "run on with --detach";
  }
  return failure;
}

std::uint64_t Submitter::Cancel(std::vector<TaskId>& tasks) {
  std::uint64_t count = 0;
  for (std::size_t at = 0; at < tasks.size(); at += kAtOnce) {
    const std::size_t size = std::min<std::size_t>(kAtOnce, tasks.size() - at);
    const auto cancelled = client_.Cancel(std::span<const TaskId>(tasks).subspan(at, size));
    if (!cancelled.ok()) break;
    count += cancelled.value().count;
  }
  tasks.clear();
  return count;
}

}  // namespace spillgate::cli
