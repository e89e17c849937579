// What the tests of the configuration share: parsing a text that is right or wrong, and the files
// beside it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "config/load.h"

namespace spillgate::config {

// The errors of a text that must not load, as one string; the file is called "f.toml".
inline std::string ErrorsOf(std::string_view text, const Overrides& overrides = {}) {
  const Result<Loaded> loaded = Parse(text, "f.toml", overrides);
  EXPECT_FALSE(loaded.ok()) << text;
  return loaded.ok() ? "" : loaded.error().message;
}

// A text that must load; a default one if it does not.
inline Loaded Good(std::string_view text, const Overrides& overrides = {}) {
  Result<Loaded> loaded = Parse(text, "f.toml", overrides);
  EXPECT_TRUE(loaded.ok()) << text << "\n" << (loaded.ok() ? "" : loaded.error().message);
  return loaded.ok() ? std::move(loaded).value() : Loaded{};
}

// The folder config/ of the source tree; tests run at its root.
inline std::filesystem::path ConfigFolder() {
  return "config";
}

inline std::string TextOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace spillgate::config
