// A TOML file as a tree of plain values, each with its place in the text. The one door to the TOML
// library: the rest of config/ sees only this. Any bytes may come in; what is not TOML is an Error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace spillgate::config {

struct Position {
  std::uint32_t line = 0;  // both count from 1; 0 is no place in a file
  std::uint32_t column = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
};

struct Entry;

struct Node {
  enum class Kind : std::uint8_t { kText, kInteger, kNumber, kFlag, kList, kTable, kDate };

  Kind kind = Kind::kTable;
  Position at;
  std::string text;
  std::int64_t integer = 0;
  double number = 0;
  bool flag = false;
  std::vector<Node> items;     // of a list
  std::vector<Entry> entries;  // of a table, by key
};

struct Entry {
  std::string key;
  Position at;  // of the key
  Node value;
};

inline constexpr std::size_t kMostFileBytes = 1 << 20;

[[nodiscard]] Result<Node> ParseDocument(std::string_view text, std::string_view file_name);

// One value as it would stand after "key = ", or nothing if the text is not exactly that.
[[nodiscard]] std::optional<Node> ParseValue(std::string_view text);

[[nodiscard]] std::string_view KindName(Node::Kind kind);  // "a string", "an integer", ...

// The value as TOML, shortened to fit in a message.
[[nodiscard]] std::string Show(const Node& node);

// A TOML string or key: quoted and escaped where it has to be.
[[nodiscard]] std::string Quote(std::string_view text);
[[nodiscard]] std::string QuoteKey(std::string_view key);

}  // namespace spillgate::config
