#include "client/bench/spinner.h"

#include <utility>

#include "client/bench/library.h"
#include "core/base/format.h"
#include "core/base/json.h"

namespace spillgate::bench {
namespace {

constexpr Nanos kEndsWithin = std::chrono::seconds(5);
constexpr std::string_view kLongest = "3600000000";  // microseconds; it is cancelled long before

// Tasks that run on the node's threads and in its workers.
Result<std::uint64_t> RunningOn(client::Client& client) {
  const auto text = client.StatsOf("status");
  if (!text.ok()) return AsError(text.error());
  const Json status = Json::parse(text.value(), nullptr, false);
  std::uint64_t busy = 0;
  for (const char* hosts : {"/threads/busy", "/workers/busy"}) {
    const Json::json_pointer at(hosts);
    if (!status.is_object() || !status.contains(at) || !status[at].is_number_unsigned()) {
      return Error{Code::kCorrupt, Format("the node's status has no {}", hosts)};
    }
    busy += status[at].get<std::uint64_t>();
  }
  return busy;
}

}  // namespace

Result<Spinner> Spinner::Start(const Target& target, Nanos within) {
  auto client = ConnectLibrary(target, Options{.answer_within = within});
  if (!client.ok()) return client.error();
  const auto spin = client.value().Find("spin");
  if (!spin.ok()) return AsError(spin.error());
  const Result<std::uint64_t> before = RunningOn(client.value());
  if (!before.ok()) return before.error();
  client::Future task = client.value().Submit(spin.value(), {kLongest});
  Spinner spinner(std::move(client).value(), std::move(task));
  const SteadyClock clock;
  const Instant until = After(clock.Now(), within);
  while (!spinner.task_.ready()) {
    const Result<std::uint64_t> now = RunningOn(spinner.client_);
    if (!now.ok()) return now.error();
    if (now.value() > before.value()) return spinner;
    if (clock.Now() < until) continue;
    return Error{Code::kTimeout,
                 "the spinning task did not begin; does something else hold the "
                 "node's slots?"};
  }
  const client::Failure* failure = spinner.task_.failure();
  return Error{Code::kUnavailable, failure == nullptr ? "the spinning task ended at once"
                                                      : "the spinning task: " + failure->message};
}

Spinner::~Spinner() {
  if (!task_.valid()) return;
  static_cast<void>(client_.Cancel(task_).ok());
  static_cast<void>(task_.Get(kEndsWithin).ok());
}

}  // namespace spillgate::bench
