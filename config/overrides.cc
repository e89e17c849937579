#include "config/overrides.h"

#include <algorithm>
#include <cctype>
#include <optional>

#include "config/knobs.h"
#include "config/sections.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

using Path = std::vector<std::string>;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// "function.\"a.b\".slots" in its parts; nothing if a quote is left open.
std::optional<Path> SplitKey(std::string_view key) {
  Path path(1);
  char quote = 0;
  for (const char c : key) {
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        path.back() += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '.') {
      path.emplace_back();
    } else {
      path.back() += c;
    }
  }
  return quote == 0 ? std::optional(std::move(path)) : std::nullopt;
}

// Where the key ends: the first '=' that is not inside quotes.
std::size_t EndOfKey(std::string_view flag) {
  char quote = 0;
  for (std::size_t i = 0; i < flag.size(); ++i) {
    const char c = flag[i];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '=') {
      return i;
    }
  }
  return std::string_view::npos;
}

Path SplitVariable(std::string_view name) {
  Path path;
  name.remove_prefix(kVariablePrefix.size());
  for (;;) {
    const std::size_t end = name.find("__");
    path.push_back(Lower(name.substr(0, end)));
    if (end == std::string_view::npos) return path;
    name.remove_prefix(end + 2);
  }
}

// A variable's name has no case, but [tenant.Ada] has: an instance that exists is meant in its own
// spelling.
void RestoreCase(const Config& config, Path& path) {
  const Section* section = FindSection(path.front());
  if (section == nullptr || !section->named || path.size() < 2) return;
  for (const std::string& name : InstancesOf(*section, config)) {
    if (Lower(name) == path[1]) path[1] = name;
  }
}

const Knob* KnobAt(const Path& path) {
  const Section* section = FindSection(path.front());
  if (section == nullptr) return nullptr;
  const std::size_t depth = section->named ? 2 : 1;
  return path.size() == depth + 1 ? FindKnob(section->name, path[depth]) : nullptr;
}

bool IsWritten(const Kind& kind) {  // its values are strings in TOML
  return std::holds_alternative<Size>(kind) || std::holds_alternative<Time>(kind) ||
         std::holds_alternative<Choice>(kind) || std::holds_alternative<Mode>(kind) ||
         std::holds_alternative<Text>(kind);
}

Node TextNode(std::string_view text) {
  Node node;
  node.kind = Node::Kind::kText;
  node.text = std::string(text);
  return node;
}

// Longer than any key is; a tree is destroyed by recursion.
constexpr std::size_t kMostParts = 8;

// As in a file, but a string needs no quotes: a shell has its own.
Node ValueOf(const Path& path, std::string_view text) {
  const Knob* knob = KnobAt(path);
  const bool quoted = text.starts_with('"') || text.starts_with('\'');
  if (knob != nullptr && IsWritten(knob->kind) && !quoted) return TextNode(text);
  std::optional<Node> value = ParseValue(text);
  return value ? std::move(*value) : TextNode(text);
}

// {"a", "b"} and a value as the tree of "a.b = value".
Node Nest(const Path& path, Node value) {
  for (auto key = path.rbegin(); key != path.rend(); ++key) {
    Node table;
    table.entries.push_back({*key, {}, std::move(value)});
    value = std::move(table);
  }
  return value;
}

void ApplyOne(const Path& path, std::string_view text, const Origin& origin, Loaded& into,
              Problems& problems) {
  if (path.size() > kMostParts) return problems.Add(origin, "unknown key");
  Apply(Nest(path, ValueOf(path, text)), origin, into, problems);
}

void ApplyFlag(const std::string& flag, Loaded& into, Problems& problems) {
  const Origin origin{Source::kFlag, flag, {}};
  const std::size_t end = EndOfKey(flag);
  if (end == std::string_view::npos) {
    return problems.Add(origin, "expected KEY=VALUE, as in stage.scheduling.batch=128");
  }
  const std::optional<Path> path = SplitKey(std::string_view(flag).substr(0, end));
  if (!path) return problems.Add(origin, "a quote in the key is left open");
  ApplyOne(*path, std::string_view(flag).substr(end + 1), origin, into, problems);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> VariablesFrom(const char* const* environment) {
  std::vector<std::pair<std::string, std::string>> found;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view variable(*environment);
    const std::size_t end = variable.find('=');
    if (!variable.starts_with(kVariablePrefix) || end == std::string_view::npos) continue;
    found.emplace_back(variable.substr(0, end), variable.substr(end + 1));
  }
  std::sort(found.begin(), found.end());
  return found;
}

void ApplyOverrides(const Overrides& overrides, Loaded& into, Problems& problems) {
  for (const auto& [name, value] : overrides.environment) {
    if (!name.starts_with(kVariablePrefix)) continue;
    Path path = SplitVariable(name);
    RestoreCase(into.config, path);
    ApplyOne(path, value, {Source::kEnvironment, name, {}}, into, problems);
  }
  for (const std::string& flag : overrides.flags) ApplyFlag(flag, into, problems);
}

}  // namespace spillgate::config
