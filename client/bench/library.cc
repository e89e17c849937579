#include "client/bench/library.h"

#include <utility>

namespace spillgate::bench {

Result<client::Client> ConnectLibrary(const Target& target, const Options& options,
                                      const std::string& tenant) {
  client::ClientOptions settings;
  settings.address = target.address;
  settings.token_file = target.token_file;
  settings.name = tenant;
  settings.software = "spillgate bench";
  settings.poll = options.poll;
  settings.request_timeout = options.answer_within;
  settings.lost_after = Nanos(0);
  settings.retry.most = 0;
  settings.seed = options.seed;
  auto client = client::Client::Connect(std::move(settings));
  if (!client.ok()) return AsError(client.error());
  return std::move(client).value();
}

Error AsError(const client::Failure& failure) {
  using client::FailureKind;
  switch (failure.kind) {
    case FailureKind::kShed:
    case FailureKind::kExhausted: return {Code::kExhausted, failure.message};
    case FailureKind::kUnavailable: return {Code::kUnavailable, failure.message};
    case FailureKind::kTimeout:
    case FailureKind::kExpired: return {Code::kTimeout, failure.message};
    case FailureKind::kDenied: return {Code::kDenied, failure.message};
    case FailureKind::kInvalid: return {Code::kInvalid, failure.message};
    default: return {Code::kUnknown, failure.message};
  }
}

AskStages AskThrough(client::Client& client) {
  return [&client]() -> Result<std::string> {
    auto text = client.StatsOf("stages");
    if (!text.ok()) return AsError(text.error());
    return std::move(text).value();
  };
}

}  // namespace spillgate::bench
