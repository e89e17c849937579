// Where the tests of the wire find their files, and how hexadecimal text becomes bytes.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/buffer.h"

namespace spillgate::wire {

// The folder tests/ of the source tree; tests run at its root.
inline std::filesystem::path TestsFolder() {
  return "tests";
}

inline std::string ContentOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path << " cannot be read";
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// "0000: 53 67 …" in lines of 16 bytes, below a line of comment.
inline std::string ToHex(std::string_view title, ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "# " + std::string(title);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i % 16 == 0) {
      text += '\n';
      for (const std::size_t shift : {12, 8, 4, 0}) text += kDigits[i >> shift & 15];
      text += ':';
    }
    const auto byte = std::to_integer<std::size_t>(bytes[i]);
    text += {' ', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return text + '\n';
}

}  // namespace spillgate::wire
