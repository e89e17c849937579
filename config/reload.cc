#include "config/reload.h"

#include <algorithm>
#include <set>

#include "config/knobs.h"
#include "config/read.h"
#include "config/sections.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

class Comparison {
 public:
  Comparison(const Config& running, const Config& next) : running_(running), next_(next) {}

  void Visit(const Section& section) {
    const std::vector<std::string> before = InstancesOf(section, running_);
    const std::vector<std::string> after = InstancesOf(section, next_);
    std::set<std::string> all(before.begin(), before.end());
    all.insert(after.begin(), after.end());
    for (const std::string& name : all) {
      const bool was = std::find(before.begin(), before.end(), name) != before.end();
      const bool is = std::find(after.begin(), after.end(), name) != after.end();
      if (was != is) {
        const std::string path = PathOf(section.name, name);
        Note(section.presence, {path, was ? "present" : "", is ? "present" : ""});
        if (section.presence == Change::kRestart) continue;  // its settings need no further mention
      }
      for (const Knob& knob : KnobsOf(section.name)) Visit(knob, name);
    }
  }

  Result<ReloadPlan> Finish() && {
    if (fixed_.empty()) return std::move(plan_);
    std::string list;
    for (const Difference& difference : fixed_) {
      list += Format("\n  {}: {} -> {}", difference.path,
                     difference.from.empty() ? "absent" : difference.from,
                     difference.to.empty() ? "absent" : difference.to);
    }
    return Error{Code::kInvalid,
                 Format("nothing was reloaded: {} of these settings cannot change while the node "
                        "runs; restart it, or undo them:{}",
                        fixed_.size(), list)};
  }

 private:
  void Visit(const Knob& knob, const std::string& name) {
    const Setting from = knob.access.get(running_, name);
    const Setting to = knob.access.get(next_, name);
    if (from == to) return;
    Note(knob.change, {PathOf(knob, name), Print(knob, from), Print(knob, to)});
  }

  void Note(Change change, Difference difference) {
    (change == Change::kLive ? plan_.changes : fixed_).push_back(std::move(difference));
  }

  const Config& running_;
  const Config& next_;
  ReloadPlan plan_;
  std::vector<Difference> fixed_;
};

}  // namespace

Result<ReloadPlan> Compare(const Config& running, const Config& next) {
  Comparison comparison(running, next);
  for (const Section& section : Sections()) comparison.Visit(section);
  return std::move(comparison).Finish();
}

}  // namespace spillgate::config
