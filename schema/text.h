// Text from strangers. Names go into logs, metrics and JSON, so they are valid UTF-8 without
// control characters or they are refused; messages are for people, so they are repaired.
// Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace spillgate::wire {

// The first `most` bytes at most, cut between two characters.
[[nodiscard]] std::string_view CutText(std::string_view text, std::size_t most);

// Valid UTF-8, and no control characters.
[[nodiscard]] bool IsName(std::string_view text);

// The text, with '?' for each byte that is not part of valid UTF-8 and for control characters but
// tab and newline.
[[nodiscard]] std::string Readable(std::string_view text);

}  // namespace spillgate::wire
