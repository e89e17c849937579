#include "config/apply.h"

#include <algorithm>
#include <utility>

#include "config/knobs.h"
#include "config/read.h"
#include "config/sections.h"
#include "config/suggest.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

constexpr std::string_view kVersionKey = "config_version";

std::vector<std::string> TopLevelNames() {
  std::vector<std::string> names{std::string(kVersionKey)};
  for (const Section& section : Sections()) names.emplace_back(section.name);
  return names;
}

std::vector<std::string> KeysOf(std::string_view section) {
  std::vector<std::string> keys;
  for (const Knob& knob : KnobsOf(section)) keys.emplace_back(knob.key);
  return keys;
}

// " (did you mean 'x'?)", or where a key of this name does belong, or nothing.
std::string Hint(std::string_view word, std::span<const std::string> candidates) {
  const std::string nearest = Nearest(word, candidates);
  if (!nearest.empty()) return Format(" (did you mean '{}'?)", nearest);
  for (const Section& section : Sections()) {
    if (FindKnob(section.name, word) == nullptr) continue;
    return Format(" (it belongs in [{}{}])", section.name, section.named ? ".NAME" : "");
  }
  return "";
}

class Layer {
 public:
  Layer(const Origin& origin, Loaded& into, Problems& problems)
      : origin_(origin), into_(into), problems_(problems) {}

  void Root(const Node& tree) {
    for (const Entry& entry : tree.entries) {
      if (entry.key == kVersionKey) {
        Version(entry.value);
      } else if (const Section* section = FindSection(entry.key)) {
        TopLevel(*section, entry);
      } else {
        Unknown("", entry, TopLevelNames());
      }
    }
  }

 private:
  void Version(const Node& node) {
    const bool known = node.kind == Node::Kind::kInteger && node.integer == kConfigVersion;
    if (!known) {
      Complain(node.at, Format("{} = {}: this program reads version {}", kVersionKey, Show(node),
                               kConfigVersion));
    }
  }

  void TopLevel(const Section& section, const Entry& entry) {
    const std::string header = PathOf(section.name, section.named ? "NAME" : "");
    if (!IsTable(std::string(section.name), header, entry)) return;
    if (!section.named) return Instance(section, "", entry.value);
    const std::vector<std::string> names = InstancesOf(section, into_.config);
    for (const Entry& instance : entry.value.entries) {
      const bool known = std::find(names.begin(), names.end(), instance.key) != names.end();
      const std::string path = PathOf(section.name, instance.key);
      if (!known && section.add == nullptr) {
        Unknown(std::string(section.name), instance, names);
      } else if (IsTable(path, path, instance) && (known || Add(section, path, instance))) {
        Instance(section, instance.key, instance.value);
      }
    }
  }

  bool Add(const Section& section, const std::string& path, const Entry& instance) {
    if (!IsName(instance.key)) {
      Complain(instance.at, Format("{}: a name is 1 to 128 letters, digits and . _ - : /", path));
      return false;
    }
    if (InstancesOf(section, into_.config).size() >= section.most) {
      Complain(instance.at, Format("{}: there are {} of [{}.NAME] already, which is the most", path,
                                   section.most, section.name));
      return false;
    }
    section.add(into_.config, instance.key);
    into_.origins[path] = At(instance.at);
    return true;
  }

  void Instance(const Section& section, const std::string& name, const Node& table) {
    for (const Entry& entry : table.entries) {
      const Knob* knob = FindKnob(section.name, entry.key);
      if (knob == nullptr) {
        Unknown(PathOf(section.name, name), entry, KeysOf(section.name));
      } else {
        Set(*knob, name, entry);
      }
    }
  }

  void Set(const Knob& knob, const std::string& name, const Entry& entry) {
    const std::string path = PathOf(knob, name);
    std::vector<Complaint> complaints;
    const Setting now = knob.access.get(into_.config, name);
    const std::optional<Setting> setting = Read(knob, path, entry.value, now, complaints);
    for (Complaint& complaint : complaints) Complain(complaint.at, std::move(complaint.message));
    if (!setting) return;
    knob.access.set(into_.config, name, *setting);
    into_.origins[path] = At(entry.at);
  }

  bool IsTable(const std::string& path, const std::string& header, const Entry& entry) {
    if (entry.value.kind == Node::Kind::kTable) return true;
    Complain(entry.value.at, Format("{} = {}: expected a table [{}], got {}", path,
                                    Show(entry.value), header, KindName(entry.value.kind)));
    return false;
  }

  void Unknown(const std::string& path, const Entry& entry,
               std::span<const std::string> candidates) {
    const std::string key = QuoteKey(entry.key);
    Complain(entry.at, Format("{}{}{}: unknown key{}", path, path.empty() ? "" : ".", key,
                              Hint(entry.key, candidates)));
  }

  void Complain(Position at, std::string message) { problems_.Add(At(at), std::move(message)); }

  Origin At(Position at) const {
    Origin origin = origin_;
    origin.at = at;
    return origin;
  }

  const Origin& origin_;
  Loaded& into_;
  Problems& problems_;
};

}  // namespace

void Apply(const Node& tree, const Origin& origin, Loaded& into, Problems& problems) {
  Layer(origin, into, problems).Root(tree);
}

}  // namespace spillgate::config
