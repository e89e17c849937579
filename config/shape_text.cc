#include "config/shape_text.h"

#include <charconv>
#include <optional>
#include <string>

#include "config/knobs.h"
#include "config/units.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string List(const ResourceNames& names) {
  std::string all;
  for (const std::string& name : names.names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

std::optional<std::int64_t> AmountOf(std::string_view text, bool is_memory) {
  if (is_memory) {
    const std::optional<Bytes> bytes = ParseBytes(text);
    if (!bytes || *bytes > kMostMemory) return std::nullopt;
    return static_cast<std::int64_t>(bytes->count);
  }
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const std::optional<std::int64_t> amount = ThousandthsOf(number);
  return amount && *amount >= 0 && *amount <= kMostAmount ? amount : std::nullopt;
}

}  // namespace

Result<Resources> ParseShape(std::string_view text, const ResourceNames& names) {
  Resources resources;
  std::size_t begin = 0;
  while (begin <= text.size() && !Trim(text).empty()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = Trim(text.substr(begin, end - begin));
    const std::size_t equals = part.find('=');
    const std::string_view name = Trim(part.substr(0, std::min(equals, part.size())));
    const std::size_t kind = names.Find(name);
    if (kind >= kResourceKinds) {
      return Error{Code::kInvalid, Format("\"{}\": this node has no resource \"{}\"; it has {}",
                                          text, name, List(names))};
    }
    const bool is_memory = kind == kMemory;
    const auto amount = equals == std::string_view::npos
                            ? std::nullopt
                            : AmountOf(Trim(part.substr(equals + 1)), is_memory);
    if (!amount) {
      return Error{Code::kInvalid,
                   Format("\"{}\": \"{}\" is no amount; write {}", text, part,
                          is_memory ? "memory=64MiB" : Format("{}=1 or {}=0.5", name, name))};
    }
    resources.amount[kind] = *amount;
    begin = end + 1;
  }
  return resources;
}

}  // namespace spillgate::config
