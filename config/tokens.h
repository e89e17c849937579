// The file of tokens that clients prove over TCP: one "NAME TOKEN" a line, # for comments. The name
// is the tenant. Read at start. A file that others may read is refused: a token is a password.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace spillgate::config {

struct Token {
  std::string name;
  std::string secret;
};

// Errors name the file and the line, never the secret.
[[nodiscard]] Result<std::vector<Token>> ParseTokens(std::string_view text,
                                                     std::string_view file_name);
[[nodiscard]] Result<std::vector<Token>> LoadTokens(const std::string& path);

}  // namespace spillgate::config
