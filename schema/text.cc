#include "schema/text.h"

#include <cstdint>

namespace spillgate::wire {
namespace {

constexpr std::uint8_t At(std::string_view text, std::size_t i) {
  return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0;
}

constexpr bool Continues(std::uint8_t byte) {
  return (byte & 0xC0) == 0x80;
}

// Bytes of the character that `text` begins with; 0 if it does not begin with one. Overlong forms,
// surrogates and what lies beyond U+10FFFF are none.
std::size_t CharacterSize(std::string_view text) {
  const std::uint8_t a = At(text, 0);
  const std::uint8_t b = At(text, 1);
  if (a < 0x80) return 1;
  if (a < 0xC2 || a > 0xF4 || !Continues(b)) return 0;
  if (a < 0xE0) return 2;
  if (!Continues(At(text, 2))) return 0;
  if (a < 0xF0) return (a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F) ? 0 : 3;
  if (!Continues(At(text, 3))) return 0;
  return (a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F) ? 0 : 4;
}

// One of the C0 or C1 controls, or DEL: what terminals and logs may act on.
bool IsControl(std::string_view character) {
  const std::uint8_t a = At(character, 0);
  return a < 0x20 || a == 0x7F || (a == 0xC2 && At(character, 1) < 0xA0);
}

}  // namespace

std::string_view CutText(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t size = most;
  // At most three bytes of a character come after its first; more are not UTF-8 and are cut
  // anywhere.
  while (size > 0 && most - size < 4 && Continues(At(text, size))) --size;
  return text.substr(0, Continues(At(text, size)) ? most : size);
}

bool IsName(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = CharacterSize(text);
    if (size == 0 || IsControl(text)) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string Readable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = CharacterSize(text);
    const bool good = size > 0 && (!IsControl(text) || text[0] == '\t' || text[0] == '\n');
    if (good) {
      result.append(text.substr(0, size));
    } else {
      result.push_back('?');
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return result;
}

}  // namespace spillgate::wire
