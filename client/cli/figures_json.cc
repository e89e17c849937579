#include "client/cli/figures_json.h"

namespace spillgate::cli {

client::Result<Json> ParseFigures(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_object() && !json.contains("error")) return json;
  const std::string why = json.is_object() ? TextAt(json, {"error"}) : "they are no JSON object";
  return client::Failure{.kind = client::FailureKind::kProtocol,
                         .message = "cannot read the node's figures: " + why};
}

const Json* Find(const Json& json, Path path) {
  const Json* at = &json;
  for (const std::string_view key : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(key));
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return at;
}

std::optional<double> NumberAt(const Json& json, Path path) {
  const Json* found = Find(json, path);
  return found != nullptr && found->is_number() ? std::optional(found->get<double>())
                                                : std::nullopt;
}

std::string TextAt(const Json& json, Path path) {
  const Json* found = Find(json, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

bool IsTrueAt(const Json& json, Path path) {
  const Json* found = Find(json, path);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

}  // namespace spillgate::cli
