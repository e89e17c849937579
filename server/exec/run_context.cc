#include "server/exec/run_context.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/format.h"
#include "schema/text.h"

namespace spillgate {
namespace {

constexpr std::size_t kMostMessage = 4096;

ByteView ToBytes(sg_bytes bytes) {
  return {static_cast<const std::byte*>(bytes.data), bytes.data == nullptr ? 0 : bytes.size};
}
sg_bytes ToRaw(ByteView bytes) {
  return {bytes.data(), bytes.size()};
}

void DropValues(Outcome& outcome) {
  outcome.value = Value();
  outcome.further.reset();
}

}  // namespace

ByteView Arguments::At(std::uint32_t index) const {
  if (task_ == nullptr) {
    const wire::Slice& slice = slices_[index];
    return payload_.subspan(slice.offset, slice.size);
  }
  const ArgRef& arg = task_->args[index];
  if (arg.kind == ArgRef::kObject) return task_->objects[index].view();
  return task_->payload.subspan(arg.offset, arg.size);
}

void EndFailed(Outcome& outcome, Reason why, std::string message) {
  DropValues(outcome);
  if (message.size() > kMostMessage) message.resize(wire::CutText(message, kMostMessage).size());
  outcome.fate = Fate::kFailed;
  outcome.reason = why;
  outcome.failure =
      std::make_unique<Failure>(Failure{.message = std::move(message), .root_cause = {}});
}

void EndStopped(Outcome& outcome, Reason why, std::string_view when) {
  switch (why) {
    case Reason::kCancelled:
      EndFailed(outcome, why, Format("cancelled {}", when));
      outcome.fate = Fate::kCancelled;
      return;
    case Reason::kDeadline:
      EndFailed(outcome, why, Format("its deadline passed {}", when));
      outcome.fate = Fate::kExpired;
      return;
    case Reason::kTimeout:
      return EndFailed(outcome, why, Format("its time limit was over {}", when));
    case Reason::kDrained:
      return EndFailed(outcome, why, Format("the node stopped {}; submit it again", when));
    default: return EndFailed(outcome, why, Format("stopped {}: {}", when, ToString(why)));
  }
}

// What the SDK's table points at: each finds its run behind `self`.
struct Calls {
  static RunContext& Of(void* self) { return *static_cast<RunContext*>(self); }

  static std::uint32_t ArgCount(void* self) { return Of(self).args_.count(); }
  static sg_bytes Arg(void* self, std::uint32_t index) {
    RunContext& of = Of(self);
    return index < of.args_.count() ? ToRaw(of.args_.At(index)) : sg_bytes{nullptr, 0};
  }
  static void SetReturn(void* self, std::uint32_t index, sg_bytes value) {
    Of(self).SetReturn(index, ToBytes(value));
  }
  static void Fail(void* self, sg_bytes message) {
    RunContext& of = Of(self);
    of.failed_ = true;
    of.failure_ = wire::Readable(wire::CutText(AsText(ToBytes(message)), kMostMessage));
  }
  static std::int64_t Remaining(void* self) {
    const RunContext& of = Of(self);
    if (of.run_.deadline == kNever) return std::numeric_limits<std::int64_t>::max();
    return std::max<std::int64_t>(0, (of.run_.deadline - of.clock_.Now()).count());
  }
  static std::uint32_t Cancelled(void* self) { return Of(self).Cancelled() ? 1 : 0; }
  static std::uint32_t Pause(void* self, std::int64_t ns) {
    RunContext& of = Of(self);
    if (!of.MayWait()) return SG_UNSUPPORTED;
    return of.Tell(of.client_->Pause(of.run_, ns));
  }
  static std::uint32_t Submit(void* self, const sg_submission* group, sg_future* out,
                              std::uint32_t* accepted) {
    RunContext& of = Of(self);
    *accepted = 0;
    if (!of.MayWait()) return SG_UNSUPPORTED;
    return of.Tell(of.client_->Submit(of.run_, *group, {out, group->count}, *accepted));
  }
  static std::uint32_t Get(void* self, const sg_future* futures, std::uint32_t count,
                           std::int64_t timeout_ns, sg_take take, void* user) {
    RunContext& of = Of(self);
    std::vector<GetResult> results(count);
    std::uint32_t answer = SG_UNSUPPORTED;
    if (of.MayWait()) {
      answer = of.Tell(of.client_->Get(of.run_, {futures, count}, timeout_ns, results));
    } else {
      for (GetResult& result : results) {
        result.reason = Reason::kUnsupported;
        result.bytes = Value(AsBytes(of.last_error_));
      }
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      const GetResult& result = results[i];
      const sg_result raw{result.settled ? 1U : 0U, static_cast<std::uint32_t>(result.reason),
                          ToRaw(result.bytes.view())};
      take(user, i, &raw);
    }
    return answer;
  }
  static std::uint32_t Wait(void* self, const sg_future* futures, std::uint32_t count,
                            std::uint32_t needed, std::int64_t timeout_ns, std::uint8_t* ready) {
    RunContext& of = Of(self);
    if (!of.MayWait()) return SG_UNSUPPORTED;
    return of.Tell(of.client_->Wait(of.run_, {futures, count}, needed, timeout_ns, {ready, count}));
  }
  static std::uint32_t Cancel(void* self, const sg_future* futures, std::uint32_t count) {
    RunContext& of = Of(self);
    if (!of.MayWait()) return SG_UNSUPPORTED;
    return of.Tell(of.client_->Cancel(of.run_, {futures, count}));
  }
  static std::uint32_t Release(void* self, const sg_future* futures, std::uint32_t count) {
    RunContext& of = Of(self);
    if (!of.MayWait()) return SG_UNSUPPORTED;
    return of.Tell(of.client_->Release(of.run_, {futures, count}));
  }
  static sg_bytes LastError(void* self) { return ToRaw(AsBytes(Of(self).last_error_)); }
  static sg_future TheTask(void* self) {
    const TaskId id = Of(self).run_.task;
    return {id.session, id.seq, 0, 0};
  }
  static std::uint32_t Attempt(void* self) { return Of(self).run_.attempt; }

  static constexpr sg_api kApi{sizeof(sg_api), &ArgCount,  &Arg,     &SetReturn, &Fail, &Remaining,
                               &Cancelled,     &Pause,     &Submit,  &Get,       &Wait, &Cancel,
                               &Release,       &LastError, &TheTask, &Attempt};
};

void RunContext::Call(const sg_function& function) {
  const sg_context context{&Calls::kApi, this};
  try {
    function.call(&context);
  } catch (...) {  // of a library in C++ that does not use the SDK's wrapper
    failed_ = true;
    failure_ = "it let an exception out";
  }
  Settle();
}

std::uint32_t RunContext::Tell(const Answer& answer) {
  if (answer.reason == Reason::kNone) return SG_OK;
  last_error_ = answer.message;
  const Reason stop = run_.Stopping(clock_.Now());
  if (stop == Reason::kNone || answer.reason != stop)
    return static_cast<std::uint32_t>(answer.reason);
  saw_stop_.store(stop, std::memory_order_relaxed);
  returned_since_ = false;
  return stop == Reason::kDeadline ? SG_DEADLINE : SG_CANCELLED;
}

bool RunContext::MayWait() {
  if (client_ != nullptr) return true;
  last_error_ =
      "an inline function may not wait or submit; host it on a thread or in a worker "
      "(function.NAME.host)";
  return false;
}

void RunContext::SetReturn(std::uint32_t index, ByteView value) {
  returned_since_ = true;
  if (index >= run_.returns) {
    failed_ = true;
    failure_ = Format("it returned a value number {}, but was submitted with {} returns", index,
                      run_.returns);
    return;
  }
  if (index == 0) {
    outcome_.value = Value(value);
    return;
  }
  if (outcome_.further == nullptr) {
    outcome_.further = std::make_unique<std::vector<Value>>(run_.returns - 1U);
  }
  (*outcome_.further)[index - 1] = Value(value);
}

bool RunContext::Cancelled() {
  const bool own_thread = pthread_equal(thread_, pthread_self()) != 0;
  if (own_thread && client_ != nullptr) client_->Look();
  const Reason why = run_.stop->why();
  const bool late = run_.deadline != kNever && clock_.Now() >= run_.deadline;
  if (why == Reason::kNone && !late) return false;
  if (saw_stop_.exchange(why == Reason::kNone ? Reason::kDeadline : why,
                         std::memory_order_relaxed) == Reason::kNone &&
      own_thread) {
    returned_since_ = false;
  }
  return true;
}

// A function that saw that it should stop and has returned nothing since then did stop; one that
// failed has failed; all else is done.
void RunContext::Settle() {
  const Reason stop = saw_stop_.load(std::memory_order_relaxed);
  if (stop != Reason::kNone && !returned_since_) {
    EndStopped(outcome_, stop, "while it ran");
  } else if (failed_) {
    EndFailed(outcome_, Reason::kTaskError, std::move(failure_));
  } else {
    outcome_.fate = Fate::kDone;
    if (run_.returns > 1 && outcome_.further == nullptr) {
      outcome_.further = std::make_unique<std::vector<Value>>(run_.returns - 1U);
    }
  }
}

}  // namespace spillgate
