#include "client/replay/plan.h"

#include <algorithm>
#include <cmath>

#include "core/base/format.h"

namespace spillgate::replay {
namespace {

constexpr double kMostScale = 1e6;
constexpr double kMostWorkSeconds = 1e9;  // 31 years of slots, which still is a number of Nanos
constexpr std::uint64_t kDigestBytes = 32;
constexpr std::size_t kShown = 16;

Error Invalid(std::string message) {
  return {Code::kInvalid, std::move(message)};
}

// Text as it is; other bytes as dots.
std::string Shown(std::string_view bytes) {
  std::string text(bytes.substr(0, kShown));
  for (char& c : text) c = c >= ' ' && c <= '~' ? c : '.';
  return text + (bytes.size() > kShown ? "…" : "");
}

}  // namespace

Result<Plan> MakePlan(const Workflow& workflow, const Scale& scale,
                      std::uint64_t most_value_bytes) {
  if (!(scale.time >= 0 && scale.time <= kMostScale)) {
    return Invalid(
        Format("the time scale is {}; it has to be from 0 to {}", scale.time, kMostScale));
  }
  if (!(scale.data >= 0 && scale.data <= kMostScale)) {
    return Invalid(
        Format("the data scale is {}; it has to be from 0 to {}", scale.data, kMostScale));
  }
  Plan plan;
  plan.children.assign(workflow.steps.size(), 0);
  std::vector<Nanos> ends;  // of each step, with as many slots as there are steps
  double work = 0;
  for (const Step& step : workflow.steps) {
    const double nanos = static_cast<double>(step.runtime.count()) * scale.time;
    work += nanos;
    if (work > kMostWorkSeconds * 1e9) {
      return Invalid(
          Format("all tasks of \"{}\" together would take more than {:g} s at the time "
                 "scale {}: choose a smaller one",
                 workflow.name, kMostWorkSeconds, scale.time));
    }
    const double bytes = static_cast<double>(step.output_bytes) * scale.data;
    if (bytes > static_cast<double>(most_value_bytes)) {
      return Invalid(
          Format("task \"{}\" would return {:.0f} bytes at the data scale {}, and the most "
                 "is {}: choose a smaller one",
                 step.id, bytes, scale.data, most_value_bytes));
    }
    plan.times.emplace_back(static_cast<std::int64_t>(nanos));
    plan.bytes.push_back(std::max(kDigestBytes, static_cast<std::uint64_t>(bytes)));
    plan.work += plan.times.back();
    plan.total_bytes += plan.bytes.back();
    Nanos begin{0};
    for (const std::uint32_t parent : step.parents) {
      begin = std::max(begin, ends[parent]);
      ++plan.children[parent];
    }
    ends.push_back(begin + plan.times.back());
    plan.critical_path = std::max(plan.critical_path, ends.back());
  }
  return plan;
}

Expected::Expected(const Workflow& workflow, const Plan& plan) : bytes_(plan.bytes) {
  digests_.reserve(workflow.steps.size());
  for (const Step& step : workflow.steps) {
    Digest digest;
    digest.Add(step.id);
    for (const std::uint32_t parent : step.parents) digest.Add(ValueOf(parent));
    digests_.push_back(digest);
  }
}

std::string Expected::ValueOf(std::uint32_t place) const {
  return digests_[place].Stretch(bytes_[place]);
}

std::string Expected::Difference(std::uint32_t place, ByteView value) const {
  const std::string right = ValueOf(place);
  const std::string_view got = AsText(value);
  if (got == right) return {};
  if (got.size() != right.size()) {
    return Format("it returned {} bytes instead of {}", got.size(), right.size());
  }
  const auto at = static_cast<std::size_t>(
      std::mismatch(got.begin(), got.end(), right.begin()).first - got.begin());
  return Format("it returned {} bytes, which from byte {} on are \"{}\" instead of \"{}\"",
                got.size(), at, Shown(got.substr(at)), Shown(std::string_view(right).substr(at)));
}

}  // namespace spillgate::replay
