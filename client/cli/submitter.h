// Submitter: tasks of one kind, handed to the node and followed until it has accepted them, or
// until they have ended. What it submits is the command's: a signal, or the end of the user's
// patience, cancels what has not ended, unless it was to be left alone. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/cli/arguments.h"
#include "client/cli/connection.h"
#include "client/cli/interrupt.h"
#include "client/lib/client.h"

namespace spillgate::cli {

struct SubmitPlan {
  std::string function;
  std::vector<ArgumentText> arguments;
  std::uint32_t count = 1;
  std::uint32_t retries = 0;
  std::string shape;
  client::SubmitOptions options;
  bool wait = false;
  bool detach = false;  // lives on when this command has ended
};

// What became of one task.
struct Ticket {
  TaskId id;  // none: it never got one
  bool accepted = false;
  std::optional<client::Failure> failure;
  std::vector<Value> values;  // one for each return, if it was waited for
};

// Of a submission that failed: "accepted", "rejected" (it did not run), or "unknown".
[[nodiscard]] std::string_view VerdictOf(const Ticket& ticket);

class Submitter {
 public:
  Submitter(client::Client& client, const SubmitPlan& plan, const Interrupt& interrupt,
            const Patience& patience)
      : client_(client), plan_(plan), interrupt_(interrupt), patience_(patience) {}

  // Finds function and shape, and reads the arguments.
  [[nodiscard]] client::Status Prepare(int stdin_fd);
  // The next of the plan's tasks, some thousand at a time; none: no more are sent.
  [[nodiscard]] std::vector<Ticket> Next();
  [[nodiscard]] std::uint32_t left() const { return plan_.count - submitted_; }
  // Stops what nobody will ask for: what was waited for in vain, and what may have been accepted.
  // How many were asked to stop.
  std::uint64_t CancelAbandoned() { return Cancel(abandoned_); }
  // And what was accepted, also by earlier calls.
  std::uint64_t CancelAll() { return Cancel(abandoned_) + Cancel(accepted_); }

 private:
  void AwaitVerdicts(std::span<const client::Future> futures, std::vector<Ticket>& tickets);
  void AwaitResults(std::span<const client::Future> futures, std::vector<Ticket>& tickets);
  // The tasks whose fate is not known yet; those that were refused get their failure, and those
  // that are not waited for are done with when they were accepted.
  [[nodiscard]] std::vector<std::size_t> Open(std::span<const client::Future> futures,
                                              std::vector<Ticket>& tickets);
  void GiveUp(std::span<const client::Future> futures, std::vector<Ticket>& tickets);
  [[nodiscard]] bool AwaitWhatWasSent();
  [[nodiscard]] client::Failure OutOfTime(const Ticket& ticket) const;
  std::uint64_t Cancel(std::vector<TaskId>& tasks);
  void Abandon(const client::Future& future);
  void Collect(const client::Future& future, Ticket& ticket);

  client::Client& client_;
  const SubmitPlan& plan_;
  const Interrupt& interrupt_;
  const Patience& patience_;
  client::Function function_;
  client::Shape shape_;
  client::SubmitOptions options_;
  LoadedArguments arguments_;
  std::uint32_t submitted_ = 0;
  bool gave_up_ = false;
  std::size_t given_up_ = 0;      // tasks of the one call after which no more are sent
  std::vector<TaskId> accepted_;  // and not waited for
  std::vector<TaskId> abandoned_;
};

}  // namespace spillgate::cli
