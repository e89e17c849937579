// The table of knobs: one row for each key that a configuration file may hold. All that reads,
// prints, compares or checks the manual goes through it, so that a knob is added in one place.
// Constant; any thread may read it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "config/setting.h"

namespace spillgate::config {

// What a knob takes. Ranges include both ends.
struct Count {
  std::int64_t least, most;
};
struct Size {  // bytes
  Bytes least, most;
};
struct Time {
  Nanos least, most;
};
struct Fraction {
  double least, most;
};
struct Amount {  // thousandths; written as a number with at most three decimals
  std::int64_t least, most;
};
struct Choice {
  std::span<const std::string_view> names;  // by the value of the field's enum
};
struct Flag {};
struct Mode {};  // permission bits, in octal
struct UserIds {
  std::size_t most;
};
struct AmountTable {};        // of custom kinds
struct NodeResourceTable {};  // cpu, gpu, memory and custom kinds
enum class Text : std::uint8_t { kName, kPath, kFile, kAddress, kPool };  // kFile cannot be ""
using Kind = std::variant<Count, Size, Time, Fraction, Amount, Choice, Flag, Mode, UserIds,
                          AmountTable, NodeResourceTable, Text>;

inline constexpr std::int64_t kMostAmount = 1'000'000'000;  // a million of anything, in thousandths
inline constexpr Bytes kMostMemory = GiB(64 << 10);

enum class Change : std::uint8_t {
  kLive,     // a reload applies it
  kRestart,  // a reload that changes it is refused
};

// How a knob reaches its field. `name` is the instance of a named section, "" for a plain one.
// Reading an instance that does not exist gives the default; writing to it makes it.
struct Access {
  Setting (*get)(const Config& config, const std::string& name) = nullptr;
  void (*set)(Config& config, const std::string& name, const Setting& setting) = nullptr;
  bool takes_auto = false;
  std::uint64_t field_most = 0;  // largest integer that the field holds
};

struct Knob {
  std::string_view section;
  std::string_view key;
  Kind kind;
  Change change = Change::kRestart;
  Access access;
};

[[nodiscard]] std::span<const Knob> Knobs();  // in the order in which they are printed
[[nodiscard]] std::span<const Knob> KnobsOf(std::string_view section);
[[nodiscard]] const Knob* FindKnob(std::string_view section, std::string_view key);  // or null

}  // namespace spillgate::config
