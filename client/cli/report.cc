#include "client/cli/report.h"

#include "client/cli/objects.h"
#include "core/base/format.h"
#include "schema/text.h"

namespace spillgate::cli {

Json Heading(std::string_view verb) {
  return {{"schema", Format("spillgate.{}/1", verb)}};
}

Json ToJson(ByteView value) {
  const std::string_view text = AsText(value);
  const bool readable = wire::Readable(text) == text;
  return {{"size", value.size()},
          {"encoding", readable ? "text" : "base64"},
          {"value", readable ? std::string(text) : Base64(value)}};
}

Json ToJson(const client::Failure& failure) {
  Json json = {{"kind", client::ToString(failure.kind)},
               {"reason", ToString(failure.reason)},
               {"message", failure.message}};
  if (failure.kind == client::FailureKind::kShed) {
    json["stage"] = NameOf(failure.stage);
    json["retry_after_us"] =
        std::chrono::duration_cast<std::chrono::microseconds>(failure.retry_after).count();
  }
  if (!failure.cause.is_none()) json["cause"] = ToString(failure.cause);
  return json;
}

std::string Base64(ByteView bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t left = bytes.size() - at;
    const auto byte = [&](std::size_t i) {
      return i < left ? static_cast<std::uint32_t>(bytes[at + i]) : 0U;
    };
    const std::uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    text += kDigits[group >> 18];
    text += kDigits[group >> 12 & 63];
    text += left > 1 ? kDigits[group >> 6 & 63] : '=';
    text += left > 2 ? kDigits[group & 63] : '=';
  }
  return text;
}

std::string_view NameOf(Fate fate) {
  switch (fate) {
    case Fate::kOpen: return "open";
    case Fate::kDone: return "done";
    case Fate::kFailed: return "failed";
    case Fate::kCancelled: return "cancelled";
    case Fate::kExpired: return "expired";
    case Fate::kForwarded: return "forwarded";
  }
  return "unknown";
}

std::string_view NameOf(wire::StageNumber stage) {
  switch (stage) {
    case wire::StageNumber::kSubmission: return "submission";
    case wire::StageNumber::kResolution: return "resolution";
    case wire::StageNumber::kScheduling: return "scheduling";
    case wire::StageNumber::kSpillover: return "spillover";
    case wire::StageNumber::kExecution: return "execution";
    case wire::StageNumber::kPublication: return "publication";
  }
  return "unknown";
}

}  // namespace spillgate::cli
