// The half of read.h that goes from values to text.
#include <algorithm>

#include "config/read.h"
#include "config/units.h"
#include "core/base/format.h"

namespace spillgate::config {
namespace {

// Digits that read back to the same number, and look like one with a fraction.
std::string PrintFraction(double number) {
  const std::string text = Format("{}", number);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string PrintCustom(const Amounts& amounts) {
  std::string text;
  for (const auto& [name, amount] : amounts) {
    text +=
        Format("{}{} = {}", text.empty() ? "" : ", ", QuoteKey(name), FormatThousandths(amount));
  }
  return text;
}

std::string PrintResources(const NodeResources& resources) {
  const std::string cpu = resources.cpu ? FormatThousandths(*resources.cpu) : "\"auto\"";
  const std::string memory = resources.memory ? FormatBytes(*resources.memory) : "auto";
  return Format("{{ cpu = {}, gpu = {}, memory = \"{}\"{}{} }}", cpu,
                FormatThousandths(resources.gpu), memory, resources.custom.empty() ? "" : ", ",
                PrintCustom(resources.custom));
}

struct Printer {
  const Setting& setting;

  std::int64_t number() const { return std::get<std::int64_t>(setting); }

  std::string operator()(const Count&) const { return Format("{}", number()); }
  std::string operator()(const Size&) const {
    return Quote(FormatBytes(Bytes{static_cast<std::uint64_t>(number())}));
  }
  std::string operator()(const Time&) const { return Quote(FormatDuration(Nanos(number()))); }
  std::string operator()(const Fraction&) const { return PrintFraction(std::get<double>(setting)); }
  std::string operator()(const Amount&) const { return FormatThousandths(number()); }
  std::string operator()(const Choice& choice) const {
    const auto index = static_cast<std::size_t>(number());
    return Quote(index < choice.names.size() ? choice.names[index] : "?");
  }
  std::string operator()(const Flag&) const { return std::get<bool>(setting) ? "true" : "false"; }
  std::string operator()(const Mode&) const { return Format("\"{:04o}\"", number()); }
  std::string operator()(const UserIds&) const {
    return Format("[{}]", fmt::join(std::get<Ids>(setting), ", "));
  }
  std::string operator()(const AmountTable&) const {
    const Amounts& amounts = std::get<Amounts>(setting);
    return amounts.empty() ? "{}" : Format("{{ {} }}", PrintCustom(amounts));
  }
  std::string operator()(const NodeResourceTable&) const {
    return PrintResources(std::get<NodeResources>(setting));
  }
  std::string operator()(const Text&) const { return Quote(std::get<std::string>(setting)); }
};

struct Describer {
  std::string operator()(const Count& k) const { return Format("{} to {}", k.least, k.most); }
  std::string operator()(const Size& k) const {
    return Format("\"{}\" to \"{}\"", FormatBytes(k.least), FormatBytes(k.most));
  }
  std::string operator()(const Time& k) const {
    return Format("\"{}\" to \"{}\"", FormatDuration(k.least), FormatDuration(k.most));
  }
  std::string operator()(const Fraction& k) const { return Format("{} to {}", k.least, k.most); }
  std::string operator()(const Amount& k) const {
    return Format("{} to {}, at most three decimals", FormatThousandths(k.least),
                  FormatThousandths(k.most));
  }
  std::string operator()(const Choice& k) const {
    return Format("\"{}\"", fmt::join(k.names, "\" | \""));
  }
  std::string operator()(const Flag&) const { return "true | false"; }
  std::string operator()(const Mode&) const { return "\"0000\" to \"0777\""; }
  std::string operator()(const UserIds& k) const {
    return Format("a list of at most {} user ids", k.most);
  }
  std::string operator()(const AmountTable&) const { return "{ NAME = amount, ... }"; }
  std::string operator()(const NodeResourceTable&) const {
    return "{ cpu, gpu, memory, NAME = amount, ... }";
  }
  std::string operator()(const Text& rule) const {
    switch (rule) {
      case Text::kName: return "\"\" or letters, digits and . _ - : /";
      case Text::kPath: return "\"\" or an absolute path";
      case Text::kFile: return "an absolute path";
      case Text::kAddress: return "\"\" or HOST:PORT";
      case Text::kPool: break;
    }
    return "the name of a pool";
  }
};

}  // namespace

std::string Print(const Knob& knob, const Setting& setting) {
  if (std::holds_alternative<Auto>(setting)) return "\"auto\"";
  return std::visit(Printer{setting}, knob.kind);
}

std::string Expected(const Kind& kind, bool takes_auto) {
  return (takes_auto ? "\"auto\" or " : "") + std::visit(Describer{}, kind);
}

std::string Expected(const Knob& knob) {
  return Expected(knob.kind, knob.access.takes_auto);
}

}  // namespace spillgate::config
