#include "config/document.h"

#include <toml++/toml.h>

#include <algorithm>

#include "core/base/format.h"

namespace spillgate::config {
namespace {

// The parser and the destructor of its tables recurse once per level of a dotted key. A line with
// more dots than any real one has is refused before it can use up the stack.
constexpr std::size_t kMostDots = 32;

Position PositionOf(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

Node Convert(const toml::node& from) {
  Node to;
  to.at = PositionOf(from.source());
  if (const auto* table = from.as_table()) {
    to.kind = Node::Kind::kTable;
    for (const auto& [key, value] : *table) {
      to.entries.push_back({std::string(key.str()), PositionOf(key.source()), Convert(value)});
    }
  } else if (const auto* list = from.as_array()) {
    to.kind = Node::Kind::kList;
    for (const toml::node& item : *list) to.items.push_back(Convert(item));
  } else if (const auto* text = from.as_string()) {
    to.kind = Node::Kind::kText;
    to.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    to.kind = Node::Kind::kInteger;
    to.integer = integer->get();
  } else if (const auto* number = from.as_floating_point()) {
    to.kind = Node::Kind::kNumber;
    to.number = number->get();
  } else if (const auto* flag = from.as_boolean()) {
    to.kind = Node::Kind::kFlag;
    to.flag = flag->get();
  } else {
    to.kind = Node::Kind::kDate;
  }
  return to;
}

Error Broken(std::string_view file_name, Position at, std::string_view message) {
  return {Code::kInvalid, Format("{}:{}:{}: error: {}", file_name, at.line, at.column, message)};
}

// The first line with too many dots, or 0.
std::uint32_t OverdottedLine(std::string_view text) {
  std::uint32_t line = 0;
  while (!text.empty()) {
    ++line;
    const std::string_view content = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(content.size() + 1, text.size()));
    const std::size_t first = content.find_first_not_of(" \t");
    if (first == std::string_view::npos || content[first] == '#') continue;
    const auto dots = std::count(content.begin(), content.end(), '.');
    if (static_cast<std::size_t>(dots) > kMostDots) return line;
  }
  return 0;
}

}  // namespace

Result<Node> ParseDocument(std::string_view text, std::string_view file_name) {
  if (text.size() > kMostFileBytes) {
    return Error{Code::kInvalid, Format("{}: error: the file has {} bytes; at most {} are read",
                                        file_name, text.size(), kMostFileBytes)};
  }
  if (const std::uint32_t line = OverdottedLine(text); line != 0) {
    return Broken(file_name, {line, 1}, Format("more than {} dots in one line", kMostDots));
  }
  try {
    return Convert(toml::parse(text));
  } catch (const toml::parse_error& error) {
    return Broken(file_name, PositionOf(error.source()), error.description());
  } catch (const std::exception& error) {
    return Error{Code::kInvalid, Format("{}: error: {}", file_name, error.what())};
  }
}

std::optional<Node> ParseValue(std::string_view text) {
  if (text.find_first_of("\r\n") != std::string_view::npos) return std::nullopt;
  Result<Node> parsed = ParseDocument(Format("value = {}", text), "");
  if (!parsed.ok() || parsed.value().entries.size() != 1) return std::nullopt;
  return std::move(parsed.value().entries.front().value);
}

std::string_view KindName(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::kText: return "a string";
    case Node::Kind::kInteger: return "an integer";
    case Node::Kind::kNumber: return "a number with a fraction";
    case Node::Kind::kFlag: return "a boolean";
    case Node::Kind::kList: return "an array";
    case Node::Kind::kTable: return "a table";
    case Node::Kind::kDate: break;
  }
  return "a date or time";
}

std::string Show(const Node& node) {
  constexpr std::size_t kMostShown = 48;
  switch (node.kind) {
    case Node::Kind::kText: {
      if (node.text.size() <= kMostShown) return Quote(node.text);
      std::size_t end = kMostShown;
      while ((static_cast<unsigned char>(node.text[end]) & 0xc0) == 0x80)
        --end;  // whole letters only
      return Quote(std::string_view(node.text).substr(0, end)) + "...";
    }
    case Node::Kind::kInteger: return Format("{}", node.integer);
    case Node::Kind::kNumber: return Format("{}", node.number);
    case Node::Kind::kFlag: return node.flag ? "true" : "false";
    case Node::Kind::kList: return "[...]";
    case Node::Kind::kTable: return "{...}";
    case Node::Kind::kDate: break;
  }
  return "(a date)";
}

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += Format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string QuoteKey(std::string_view key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return bare ? std::string(key) : Quote(key);
}

}  // namespace spillgate::config
