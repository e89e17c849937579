// What a library of functions for Spillgate includes, and all that it needs: the C interface of
// abi.h, and here the same as C++17. The library links nothing. Objects of this header belong to
// the thread that the function was called on; abi.h says what other threads may do.
#pragma once

#include "abi.h"

#ifdef __cplusplus

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The same for C++. Exceptions that a function lets out become the failure of its task.
namespace spillgate::sdk {

using Duration = std::chrono::nanoseconds;
inline constexpr Duration kForever{-1};

inline sg_bytes Raw(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
inline std::string_view View(sg_bytes bytes) {
  return {static_cast<const char*>(bytes.data), bytes.size};
}

using Future = sg_future;
// The same task's value number `index`.
inline Future ReturnOf(Future future, std::uint32_t index) {
  future.index = index;
  return future;
}

// Something that was asked for did not succeed. `what` is the node's sentence.
struct Failure : std::runtime_error {
  Failure(std::uint32_t why, std::string_view message)
      : std::runtime_error(std::string(message)), reason(why) {}
  std::uint32_t reason;  // an sg_reason
};

// The task should stop. Let it pass through: a function that is left with it has been stopped, it
// has not failed.
struct Stopped : std::exception {
  [[nodiscard]] const char* what() const noexcept override { return "the task should stop"; }
};

struct Result {
  bool settled = false;
  std::uint32_t reason = SG_OK;
  std::string bytes;  // the value, or a message
  [[nodiscard]] bool ok() const { return settled && reason == SG_OK; }
};

struct Argument {
  Argument(std::string_view bytes)
      : raw{0, 0, Raw(bytes), {}} {}  // NOLINT: conversions are the point
  Argument(const char* text) : Argument(std::string_view(text)) {}         // NOLINT: as above
  Argument(const std::string& text) : Argument(std::string_view(text)) {}  // NOLINT: as above
  Argument(Future future) : raw{1, 0, {nullptr, 0}, future} {}             // NOLINT: as above
  sg_arg raw;  // points at the bytes it was made from
};

// Children of one function, to be submitted together. Bytes have to stay where they are until then.
class Batch {
 public:
  explicit Batch(std::string_view function, std::uint32_t returns = 1)
      : function_(function), returns_(returns) {}
  void Add(const std::vector<Argument>& arguments) {
    counts_.push_back(static_cast<std::uint32_t>(arguments.size()));
    for (const Argument& argument : arguments) args_.push_back(argument.raw);
  }
  [[nodiscard]] std::size_t size() const { return counts_.size(); }
  Duration deadline{0};   // from the submission; 0: this task's own
  Duration cost_hint{0};  // how long one holds its slot; 0: no idea
  std::uint32_t stream = 0;

  [[nodiscard]] sg_submission raw() const {
    return {sizeof(sg_submission),
            stream,
            Raw(function_),
            static_cast<std::uint32_t>(counts_.size()),
            returns_,
            args_.data(),
            counts_.data(),
            deadline.count(),
            static_cast<std::uint64_t>(std::max(Duration(0), cost_hint).count())};
  }

 private:
  std::string function_;
  std::uint32_t returns_;
  std::vector<sg_arg> args_;
  std::vector<std::uint32_t> counts_;
};

// A run of a function. What waits throws Stopped when the task should stop, Failure when it cannot
// succeed.
class Context {
 public:
  explicit Context(const sg_context* context) : api_(*context->api), self_(context->self) {}

  [[nodiscard]] std::uint32_t arg_count() const { return api_.arg_count(self_); }
  [[nodiscard]] std::string_view Arg(std::uint32_t index) const {
    if (index >= arg_count()) {
      throw std::out_of_range("argument " + std::to_string(index) + " of " +
                              std::to_string(arg_count()) + " was asked for");
    }
    return View(api_.arg(self_, index));
  }
  void Return(std::string_view bytes) { Return(0, bytes); }
  void Return(std::uint32_t index, std::string_view bytes) {
    api_.set_return(self_, index, Raw(bytes));
  }
  void Fail(std::string_view message) { api_.fail(self_, Raw(message)); }
  // Duration::max() without a deadline.
  [[nodiscard]] Duration Remaining() const { return Duration(api_.remaining(self_)); }
  [[nodiscard]] bool Cancelled() const { return api_.cancelled(self_) != 0; }
  void Sleep(Duration time) { Check(api_.pause(self_, time.count())); }
  [[nodiscard]] sg_future task() const { return api_.task(self_); }
  [[nodiscard]] std::uint32_t attempt() const { return api_.attempt(self_); }

  template <class... Arguments>
  Future Submit(std::string_view function, const Arguments&... arguments) {
    Batch batch(function);
    batch.Add({Argument(arguments)...});
    return Submit(batch).front();
  }
  // All or a Failure: what was accepted before it is cancelled then.
  std::vector<Future> Submit(const Batch& batch) {
    if (batch.size() == 0) return {};
    std::vector<Future> futures(batch.size());
    const sg_submission group = batch.raw();
    std::uint32_t accepted = 0;
    const std::uint32_t answer = api_.submit(self_, &group, futures.data(), &accepted);
    if (answer != SG_OK) {
      const std::string why(View(api_.last_error(self_)));
      api_.cancel(self_, futures.data(), accepted);
      Throw(answer, why);
    }
    return futures;
  }

  std::string Get(Future future, Duration timeout = kForever) {
    return std::move(Get(std::vector<Future>{future}, timeout).front());
  }
  std::vector<std::string> Get(const std::vector<Future>& futures, Duration timeout = kForever) {
    std::vector<std::string> values;
    for (Result& result : TryGet(futures, timeout)) {
      if (!result.ok()) throw Failure(result.reason, result.bytes);
      values.push_back(std::move(result.bytes));
    }
    return values;
  }
  // As results, whatever they are. Throws only Stopped.
  std::vector<Result> TryGet(const std::vector<Future>& futures, Duration timeout = kForever) {
    std::vector<Result> results(futures.size());
    const std::uint32_t answer =
        api_.get(self_, futures.data(), Count(futures), timeout.count(), &Take, &results);
    if (answer == SG_CANCELLED || answer == SG_DEADLINE) throw Stopped();
    return results;
  }
  // Which have ended, when `needed` have or the time is over.
  std::vector<bool> Wait(const std::vector<Future>& futures, std::uint32_t needed,
                         Duration timeout = kForever) {
    std::vector<std::uint8_t> ready(futures.size());
    const std::uint32_t answer =
        api_.wait(self_, futures.data(), Count(futures), needed, timeout.count(), ready.data());
    if (answer != SG_TIMEOUT) Check(answer);
    return std::vector<bool>(ready.begin(), ready.end());
  }
  void Cancel(const std::vector<Future>& futures) {
    Check(api_.cancel(self_, futures.data(), Count(futures)));
  }
  // Their results are not needed any more: the node forgets them, and its memory is free for
  // others. Should this task run again and ask for them again, they run again.
  void Release(const std::vector<Future>& futures) {
    Check(api_.release(self_, futures.data(), Count(futures)));
  }

 private:
  static std::uint32_t Count(const std::vector<Future>& futures) {
    return static_cast<std::uint32_t>(futures.size());
  }
  static void Take(void* user, std::uint32_t position, const sg_result* result) noexcept {
    Result& into = (*static_cast<std::vector<Result>*>(user))[position];
    into.reason = result->reason;
    try {
      into.bytes = View(result->bytes);
      into.settled = result->settled != 0;
    } catch (const std::bad_alloc&) {
      into.reason = SG_TOO_LARGE;
    }
  }
  void Check(std::uint32_t answer) {
    if (answer != SG_OK) Throw(answer, std::string(View(api_.last_error(self_))));
  }
  [[noreturn]] static void Throw(std::uint32_t answer, const std::string& why) {
    if (answer == SG_CANCELLED || answer == SG_DEADLINE) throw Stopped();
    throw Failure(answer, why);
  }

  const sg_api& api_;
  void* self_;
};

// Calls `function`, and turns what it throws into the failure of its task.
template <auto function>
void Invoke(const sg_context* raw) noexcept {
  Context context(raw);
  try {
    function(context);
  } catch (const Stopped&) {
    return;  // the node knows
  } catch (const std::bad_alloc&) {
    context.Fail("out of memory");
  } catch (const std::exception& problem) {
    context.Fail(problem.what());
  } catch (...) {
    context.Fail("it threw something that is not a std::exception");
  }
}

// An entry for SPILLGATE_LIBRARY: Export<Greet>("greet") for `void Greet(Context& context)`.
template <auto function>
constexpr sg_function Export(const char* name, std::uint32_t host = SG_HOST_THREAD,
                             std::uint32_t returns = 1, std::uint32_t slot_limit = 0) {
  return {name, &Invoke<function>, host, returns, slot_limit, 0};
}

}  // namespace spillgate::sdk

// SPILLGATE_LIBRARY("name", Export<…>(…), …) once in a library, outside of any namespace.
#define SPILLGATE_LIBRARY(library_name, ...)                                                \
  static constexpr sg_function spillgate_functions[] = {__VA_ARGS__};                       \
  extern "C" {                                                                              \
  extern SG_EXPORT const sg_library spillgate_library;                                      \
  const sg_library spillgate_library = {SG_ABI_VERSION, sizeof(sg_function), library_name,  \
                                        spillgate_functions,                                \
                                        sizeof(spillgate_functions) / sizeof(sg_function)}; \
  }
#endif
