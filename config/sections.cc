#include "config/sections.h"

#include <algorithm>
#include <iterator>

#include "config/document.h"

namespace spillgate::config {
namespace {

constexpr std::size_t kMostNameLetters = 128;

std::vector<std::string> StageNames(const Config&) {
  std::vector<std::string> names;
  names.reserve(std::size(kStages));
  for (const StageName& stage : kStages) names.emplace_back(stage.name);
  return names;
}

std::vector<std::string> ClassNames(const Config&) {
  return {kClassNames.begin(), kClassNames.end()};
}

template <auto kMap>
std::vector<std::string> Names(const Config& config) {
  std::vector<std::string> names;
  for (const auto& [name, instance] : config.*kMap) names.push_back(name);
  return names;
}

template <auto kMap>
void Add(Config& config, const std::string& name) {
  (config.*kMap)[name];
}

template <auto kMap>
constexpr Section UserNamed(std::string_view name, std::size_t most, Change presence) {
  return {name, true, most, presence, &Names<kMap>, &Add<kMap>};
}

// A pool that comes or goes is threads that do; a tenant or function without settings of its own is
// like any other.
constexpr Section kSections[] = {
    {.name = "node"},
    {.name = "listen"},
    {.name = "auth"},
    {.name = "limits"},
    UserNamed<&Config::pools>("pool", 16, Change::kRestart),
    {.name = "stage", .named = true, .names = &StageNames},
    {.name = "class", .named = true, .names = &ClassNames},
    UserNamed<&Config::tenants>("tenant", 1024, Change::kLive),
    {.name = "scheduling"},
    UserNamed<&Config::functions>("function", 4096, Change::kRestart),
    UserNamed<&Config::libraries>("library", 256, Change::kRestart),
    {.name = "workers"},
    {.name = "journal"},
};

}  // namespace

std::span<const Section> Sections() {
  return kSections;
}

const Section* FindSection(std::string_view name) {
  const auto* found = std::find_if(std::begin(kSections), std::end(kSections),
                                   [&](const Section& section) { return section.name == name; });
  return found == std::end(kSections) ? nullptr : found;
}

std::vector<std::string> InstancesOf(const Section& section, const Config& config) {
  return section.named ? section.names(config) : std::vector<std::string>{""};
}

std::string PathOf(std::string_view section, std::string_view name) {
  return name.empty() ? std::string(section) : std::string(section) + "." + QuoteKey(name);
}

std::string PathOf(const Knob& knob, std::string_view name) {
  return PathOf(knob.section, name) + "." + std::string(knob.key);
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMostNameLetters &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("._-:/").find(c) != std::string_view::npos;
         });
}

}  // namespace spillgate::config
