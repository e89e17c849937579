#include "client/replay/run.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "core/base/format.h"

namespace spillgate::replay {
namespace {

constexpr Nanos kLeastPause = std::chrono::milliseconds(1);  // before a refused step comes again
constexpr Nanos kLook = std::chrono::milliseconds(100);      // between two looks at `stop`

// All that could be submitted was refused for now, so there is nothing to wait for but time.
void Pause(Nanos time) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time);
  (void)poll(nullptr, 0, static_cast<int>(ms.count()));
}

}  // namespace

Run::Run(client::Client& client, client::Function function, const Workflow& workflow,
         const Plan& plan, const ReplayOptions& options)
    : client_(client),
      function_(std::move(function)),
      workflow_(workflow),
      plan_(plan),
      options_(options),
      random_(options.seed),
      states_(workflow.steps.size(), State::kWaiting),
      unended_(plan.children),
      results_(workflow.steps.size()),
      places_(workflow.steps.size(), kNone) {
  if (options.verify) expected_.emplace(workflow, plan);
}

client::Status Run::ToTheEnd(const client::Root& root, Instant until) {
  while (done_ < workflow_.steps.size()) {
    const Instant now = clock_.Now();
    if (now >= until) return TooLate();
    if (options_.stop && options_.stop()) return Stopped();
    SubmitWhatFits(root, now);
    Instant wake = std::min(until, After(now, kLook));
    if (!again_.empty()) wake = std::min(wake, std::max(not_before_, now + kLeastPause));
    if (futures_.empty()) {
      Pause(wake - now);
      continue;
    }
    const client::Result<client::Ready> ready = client_.Wait(futures_, 1, wake - now);
    if (!ready.ok()) return ready.error();
    if (client::Status status = TakeReady(clock_.Now()); !status.ok()) return status;
  }
  return {};
}

// Its parents have results, or will.
bool Run::CanSubmit(std::uint32_t step) const {
  const std::vector<std::uint32_t>& parents = workflow_.steps[step].parents;
  return std::none_of(parents.begin(), parents.end(),
                      [&](std::uint32_t parent) { return states_[parent] == State::kWaiting; });
}

void Run::SubmitWhatFits(const client::Root& root, Instant now) {
  const auto has_room = [&] { return futures_.size() < options_.window; };
  if (now >= not_before_) {
    for (auto step = again_.begin(); step != again_.end() && has_room();) {
      if (CanSubmit(*step)) {
        Submit(*step, root);
        step = again_.erase(step);
      } else {
        ++step;
      }
    }
  }
  while (next_ < workflow_.steps.size() && has_room() && CanSubmit(next_)) Submit(next_++, root);
}

void Run::Submit(std::uint32_t step, const client::Root& root) {
  const std::string_view work = options_.spin ? "spin" : "sleep";
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(plan_.times[step]);
  const std::string micros = Format("{}", time.count());
  const std::string bytes = Format("{}", plan_.bytes[step]);
  const Step& what = workflow_.steps[step];
  std::vector<client::Arg> args{work, std::string_view(micros), std::string_view(bytes),
                                std::string_view(what.id)};
  args.reserve(args.size() + what.parents.size());
  for (const std::uint32_t parent : what.parents) args.emplace_back(FutureOf(parent));
  client::SubmitOptions how;
  how.cls = options_.cls;
  how.level = options_.level;
  how.root = &root;
  how.cost_hint = options_.hints ? plan_.times[step] : Nanos(0);
  how.keep = true;  // its children name it, also those that are not submitted yet
  places_[step] = static_cast<std::uint32_t>(futures_.size());
  futures_.push_back(client_.Submit(function_, args, how));
  steps_.push_back(step);
  states_[step] = State::kUnderWay;
}

const client::Future& Run::FutureOf(std::uint32_t step) const {
  return places_[step] == kNone ? results_[step] : futures_[places_[step]];
}

client::Status Run::TakeReady(Instant now) {
  for (std::uint32_t place = 0; place < futures_.size();) {
    if (!futures_[place].ready()) {
      ++place;
      continue;
    }
    const std::uint32_t step = steps_[place];
    client::Future future = std::move(futures_[place]);
    if (place + 1 < futures_.size()) {
      futures_[place] = std::move(futures_.back());
      steps_[place] = steps_.back();
      places_[steps_[place]] = place;
    }
    futures_.pop_back();
    steps_.pop_back();
    places_[step] = kNone;
    if (client::Status status = Take(step, std::move(future), now); !status.ok()) return status;
  }
  return {};
}

client::Status Run::Take(std::uint32_t step, client::Future future, Instant now) {
  if (const client::Failure* failure = future.failure(); failure != nullptr) {
    if (MayComeAgain(step, *failure)) {
      Again(step, *failure, now);
      return {};
    }
    client::Failure named = *failure;
    named.message = Format("task \"{}\": {}", workflow_.steps[step].id, failure->message);
    if (failure->kind == client::FailureKind::kOutcomeUnknown && options_.level == Level::kNone) {
      named.message += "; a replay outlives a node that is started again at level async or sync";
    }
    return named;
  }
  if (client::Status status = Check(step, future); !status.ok()) return status;
  Done(step, std::move(future));
  return {};
}

client::Status Run::Check(std::uint32_t step, const client::Future& future) {
  if (!expected_) {
    bytes_ += plan_.bytes[step];
    return {};
  }
  client::Result<Value> fetched = future.Get(options_.timeout);
  if (!fetched.ok()) return fetched.error();
  const ByteView value = fetched.value().view();
  bytes_ += value.size();
  ++verified_;
  const std::string difference = expected_->Difference(step, value);
  if (difference.empty()) return {};
  return client::Failure{.kind = client::FailureKind::kTaskFailed,
                         .message = Format("task \"{}\" ended with a wrong result: {}",
                                           workflow_.steps[step].id, difference)};
}

// Refused for now, or it needs the result of one that was.
bool Run::MayComeAgain(std::uint32_t step, const client::Failure& failure) const {
  using Kind = client::FailureKind;
  if (failure.kind == Kind::kShed || failure.kind == Kind::kExhausted) return true;
  if (failure.kind != Kind::kDependencyFailed && failure.kind != Kind::kGone) return false;
  const std::vector<std::uint32_t>& parents = workflow_.steps[step].parents;
  return std::any_of(parents.begin(), parents.end(),
                     [&](std::uint32_t parent) { return states_[parent] != State::kDone; });
}

void Run::Again(std::uint32_t step, const client::Failure& failure, Instant now) {
  states_[step] = State::kWaiting;
  again_.insert(step);
  ++refused_;
  last_refusal_ = failure.message;
  const Nanos pause = std::max(failure.retry_after, kLeastPause);
  std::uniform_int_distribution<std::int64_t> jitter(0, pause.count() / 2);
  not_before_ = std::max(not_before_, After(now, pause + Nanos(jitter(random_))));
}

// A result is kept while a child may have to be submitted again.
void Run::Done(std::uint32_t step, client::Future future) {
  states_[step] = State::kDone;
  ++done_;
  if (unended_[step] > 0) results_[step] = std::move(future);
  for (const std::uint32_t parent : workflow_.steps[step].parents) {
    if (--unended_[parent] == 0) results_[parent] = client::Future();
  }
}

client::Failure Run::Stopped() const {
  return {
      .kind = client::FailureKind::kCancelled,
      .message = Format("stopped when {} of {} tasks had ended", done_, workflow_.steps.size())};
}

client::Failure Run::TooLate() const {
  std::string message =
      Format("{} of {} tasks had ended when the time was over", done_, workflow_.steps.size());
  if (!last_refusal_.empty()) message += "; the node's last refusal: " + last_refusal_;
  return {.kind = client::FailureKind::kTimeout, .message = std::move(message)};
}

}  // namespace spillgate::replay
