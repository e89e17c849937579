#include "config/read.h"

#include <algorithm>

#include "config/address.h"
#include "config/sections.h"
#include "config/units.h"
#include "core/base/format.h"
#include "core/model/resources.h"

namespace spillgate::config {
namespace {

constexpr Amount kAnyAmount{0, kMostAmount};
constexpr Size kAnyMemory{Bytes{0}, kMostMemory};
constexpr std::size_t kMostCustom = kResourceKinds - kFirstCustom;
constexpr std::size_t kMostPath = 4095;

bool IsAbsolutePath(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return text.starts_with('/') && text.size() <= kMostPath &&
         std::none_of(text.begin(), text.end(), is_control);
}

bool Allows(Text rule, std::string_view text) {
  switch (rule) {
    case Text::kName: return text.empty() || IsName(text);
    case Text::kPath: return text.empty() || IsAbsolutePath(text);
    case Text::kFile: return IsAbsolutePath(text);
    case Text::kAddress: return text.empty() || ParseAddress(text).has_value();
    case Text::kPool: break;
  }
  return IsName(text);
}

template <class T>
std::optional<Setting> Within(std::optional<T> value, T least, T most) {
  // Asked this way round, nan is not within.
  return value && *value >= least && *value <= most ? std::optional(Encode(*value)) : std::nullopt;
}

// Reads a value that is not made of others; nothing means that it is not what the kind allows.
struct Scalar {
  const Node& node;

  std::optional<std::int64_t> integer() const {
    return node.kind == Node::Kind::kInteger ? std::optional(node.integer) : std::nullopt;
  }
  std::optional<double> number() const {
    if (node.kind == Node::Kind::kInteger) return static_cast<double>(node.integer);
    return node.kind == Node::Kind::kNumber ? std::optional(node.number) : std::nullopt;
  }
  std::string_view text() const {
    return node.kind == Node::Kind::kText ? node.text : std::string_view();
  }

  std::optional<Setting> operator()(const Count& k) const {
    return Within(integer(), k.least, k.most);
  }
  std::optional<Setting> operator()(const Size& k) const {
    return Within(ParseBytes(text()), k.least, k.most);
  }
  std::optional<Setting> operator()(const Time& k) const {
    return Within(ParseDuration(text()), k.least, k.most);
  }
  std::optional<Setting> operator()(const Fraction& k) const {
    return Within(number(), k.least, k.most);
  }
  std::optional<Setting> operator()(const Amount& k) const {
    const std::optional<double> amount = number();
    return Within(amount ? ThousandthsOf(*amount) : std::nullopt, k.least, k.most);
  }
  std::optional<Setting> operator()(const Choice& k) const {
    const auto found = std::find(k.names.begin(), k.names.end(), text());
    if (node.kind != Node::Kind::kText || found == k.names.end()) return std::nullopt;
    return static_cast<std::int64_t>(found - k.names.begin());
  }
  std::optional<Setting> operator()(const Flag&) const {
    return node.kind == Node::Kind::kFlag ? std::optional<Setting>(node.flag) : std::nullopt;
  }
  // 0o600 or "0600". A plain 600 is decimal in TOML, which is out of range, as it should be.
  std::optional<Setting> operator()(const Mode&) const {
    std::optional<std::int64_t> mode = integer();
    if (node.kind == Node::Kind::kText) {
      const bool octal = node.text.find_first_not_of("01234567") == std::string::npos;
      if (!octal || node.text.empty() || node.text.size() > 4) return std::nullopt;
      mode = std::stoll(node.text, nullptr, 8);
    }
    return Within<std::int64_t>(mode, 0, 0777);
  }
  std::optional<Setting> operator()(const Text& rule) const {
    if (node.kind != Node::Kind::kText || !Allows(rule, node.text)) return std::nullopt;
    return node.text;
  }
  template <class Compound>
  std::optional<Setting> operator()(const Compound&) const {
    return std::nullopt;
  }
};

bool IsNatural(const Kind& kind, Node::Kind found) {
  if (std::holds_alternative<Count>(kind)) return found == Node::Kind::kInteger;
  if (std::holds_alternative<Flag>(kind)) return found == Node::Kind::kFlag;
  if (std::holds_alternative<UserIds>(kind)) return found == Node::Kind::kList;
  if (std::holds_alternative<Fraction>(kind) || std::holds_alternative<Amount>(kind)) {
    return found == Node::Kind::kInteger || found == Node::Kind::kNumber;
  }
  if (std::holds_alternative<AmountTable>(kind) ||
      std::holds_alternative<NodeResourceTable>(kind)) {
    return found == Node::Kind::kTable;
  }
  return found == Node::Kind::kText;
}

class Reader {
 public:
  explicit Reader(std::vector<Complaint>& complaints) : complaints_(complaints) {}

  std::optional<Setting> One(const Kind& kind, bool takes_auto, const std::string& path,
                             const Node& node) {
    if (takes_auto && node.kind == Node::Kind::kText && node.text == "auto") return Auto{};
    std::optional<Setting> setting = std::visit(Scalar{node}, kind);
    if (!setting) Refuse(kind, takes_auto, path, node);
    return setting;
  }

  std::optional<Setting> List(const UserIds& kind, const std::string& path, const Node& node) {
    if (node.kind != Node::Kind::kList || node.items.size() > kind.most) {
      return Refuse(kind, false, path, node), std::nullopt;
    }
    constexpr Count kUid{0, 0xffff'fffe};  // the last one means "nobody asked" to the system
    Ids ids;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const auto id = One(kUid, false, Format("{}[{}]", path, i), node.items[i]);
      if (id) ids.push_back(static_cast<std::uint32_t>(std::get<std::int64_t>(*id)));
    }
    return ids.size() == node.items.size() ? std::optional<Setting>(std::move(ids)) : std::nullopt;
  }

  std::optional<Setting> Custom(const std::string& path, const Node& node, Amounts amounts) {
    if (node.kind != Node::Kind::kTable) {
      return Refuse(AmountTable{}, false, path, node), std::nullopt;
    }
    const std::size_t before = complaints_.size();
    for (const Entry& entry : node.entries) ReadAmount(path, entry, amounts);
    CheckCount(path, node, amounts);
    return complaints_.size() == before ? std::optional<Setting>(std::move(amounts)) : std::nullopt;
  }

  std::optional<Setting> Resources(const std::string& path, const Node& node, NodeResources all) {
    if (node.kind != Node::Kind::kTable) {
      return Refuse(NodeResourceTable{}, false, path, node), std::nullopt;
    }
    const std::size_t before = complaints_.size();
    for (const Entry& entry : node.entries) {
      const std::string name = path + "." + QuoteKey(entry.key);
      if (entry.key == "cpu") {
        if (auto cpu = One(kAnyAmount, true, name, entry.value)) Decode(*cpu, all.cpu);
      } else if (entry.key == "gpu") {
        if (auto gpu = One(kAnyAmount, false, name, entry.value)) Decode(*gpu, all.gpu);
      } else if (entry.key == "memory") {
        if (auto memory = One(kAnyMemory, true, name, entry.value)) Decode(*memory, all.memory);
      } else {
        ReadAmount(path, entry, all.custom);
      }
    }
    CheckCount(path, node, all.custom);
    return complaints_.size() == before ? std::optional<Setting>(std::move(all)) : std::nullopt;
  }

 private:
  void Refuse(const Kind& kind, bool takes_auto, const std::string& path, const Node& node) {
    const std::string got =
        IsNatural(kind, node.kind) ? "" : Format(", got {}", KindName(node.kind));
    complaints_.push_back({node.at, Format("{} = {}: expected {}{}", path, Show(node),
                                           Expected(kind, takes_auto), got)});
  }

  void ReadAmount(const std::string& path, const Entry& entry, Amounts& into) {
    const std::string name = path + "." + QuoteKey(entry.key);
    if (!IsName(entry.key)) {
      complaints_.push_back(
          {entry.at, Format("{}: a resource is named by letters, digits and . _ - : /", name)});
    } else if (const auto amount = One(kAnyAmount, false, name, entry.value)) {
      into[entry.key] = std::get<std::int64_t>(*amount);
    }
  }

  void CheckCount(const std::string& path, const Node& node, const Amounts& amounts) {
    if (amounts.size() <= kMostCustom) return;
    complaints_.push_back({node.at, Format("{}: {} custom resources; a node has at most {}", path,
                                           amounts.size(), kMostCustom)});
  }

  std::vector<Complaint>& complaints_;
};

}  // namespace

std::optional<Setting> Read(const Knob& knob, const std::string& path, const Node& node,
                            const Setting& now, std::vector<Complaint>& complaints) {
  Reader reader(complaints);
  if (const auto* ids = std::get_if<UserIds>(&knob.kind)) return reader.List(*ids, path, node);
  if (std::holds_alternative<AmountTable>(knob.kind)) {
    return reader.Custom(path, node, std::get<Amounts>(now));
  }
  if (std::holds_alternative<NodeResourceTable>(knob.kind)) {
    return reader.Resources(path, node, std::get<NodeResources>(now));
  }
  return reader.One(knob.kind, knob.access.takes_auto, path, node);
}

}  // namespace spillgate::config
