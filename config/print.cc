#include "config/print.h"

#include "config/knobs.h"
#include "config/read.h"
#include "config/sections.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

constexpr std::size_t kCommentColumn = 44;

void PrintSection(const Section& section, const std::string& name, const Config& config,
                  const Origins& origins, std::string& text) {
  text += Format("\n[{}]\n", PathOf(section.name, name));
  for (const Knob& knob : KnobsOf(section.name)) {
    const std::string line =
        Format("{} = {}", knob.key, Print(knob, knob.access.get(config, name)));
    const std::string origin = Describe(OriginOf(origins, PathOf(knob, name)));
    text += Format("{:<{}}  # {}\n", line, kCommentColumn, origin);
  }
}

}  // namespace

std::string PrintEffective(const Config& config, const Origins& origins) {
  std::string text = Format("config_version = {}\n", kConfigVersion);
  for (const Section& section : Sections()) {
    for (const std::string& name : InstancesOf(section, config)) {
      PrintSection(section, name, config, origins, text);
    }
  }
  return text;
}

}  // namespace spillgate::config
