#include "config/problems.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/base/format.h"

namespace spillgate::config {
namespace {

constexpr std::size_t kMostKept =
    1000;  // a file that is no configuration at all has no end of them

std::string Place(const Origin& origin) {
  switch (origin.source) {
    case Source::kFile: return Format("{}:{}:{}", origin.name, origin.at.line, origin.at.column);
    case Source::kEnvironment: return "environment " + origin.name;
    case Source::kFlag: return "--set " + origin.name;
    case Source::kDefault: break;
  }
  return "defaults";
}

}  // namespace

const Origin& OriginOf(const Origins& origins, const std::string& path) {
  static const Origin kDefault;
  const auto found = origins.find(path);
  return found == origins.end() ? kDefault : found->second;
}

const Origin& FirstSet(const Origins& origins, const std::string& a, const std::string& b) {
  const Origin& first = OriginOf(origins, a);
  return first.source != Source::kDefault ? first : OriginOf(origins, b);
}

std::string Describe(const Origin& origin) {
  switch (origin.source) {
    case Source::kFile: return Format("{}:{}", origin.name, origin.at.line);
    case Source::kEnvironment: return "env";
    case Source::kFlag: return "flag";
    case Source::kDefault: break;
  }
  return "default";
}

void Problems::Add(const Origin& origin, std::string message) {
  if (found_.size() >= kMostKept) {
    ++more_;
    return;
  }
  found_.push_back({origin, std::move(message)});
}

Error Problems::ToError() const {
  std::vector<const Problem*> sorted;
  sorted.reserve(found_.size());
  for (const Problem& problem : found_) sorted.push_back(&problem);
  // Of one place, in the order of their finding.
  std::sort(sorted.begin(), sorted.end(), [](const Problem* a, const Problem* b) {
    return std::tie(a->origin.source, a->origin.at, a) <
           std::tie(b->origin.source, b->origin.at, b);
  });
  std::string text;
  for (const Problem* problem : sorted) {
    if (!text.empty()) text += '\n';
    text += Format("{}: error: {}", Place(problem->origin), problem->message);
  }
  if (more_ > 0) text += Format("\nand {} more errors", more_);
  return {Code::kInvalid, std::move(text)};
}

}  // namespace spillgate::config
