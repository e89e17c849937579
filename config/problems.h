// Where each value of a configuration comes from, and the list of all that is wrong with one: every
// problem is reported at once, in the order of the file, so that a mistake costs one round and not
// many. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "config/document.h"
#include "core/base/result.h"

namespace spillgate::config {

// Later ones win.
enum class Source : std::uint8_t { kDefault, kFile, kEnvironment, kFlag };

struct Origin {
  Source source = Source::kDefault;
  std::string name;  // of the file or the variable, or the text after --set
  Position at;       // of the key, in a file
};

// By the full name of a knob or of a section's instance. What is absent has its default.
using Origins = std::map<std::string, Origin>;

[[nodiscard]] const Origin& OriginOf(const Origins& origins, const std::string& path);

// Where to report that two settings cannot both hold: the first of them that is not a default.
[[nodiscard]] const Origin& FirstSet(const Origins& origins, const std::string& a,
                                     const std::string& b);

[[nodiscard]] std::string Describe(const Origin& origin);  // "default", "FILE:LINE", "env", "flag"

class Problems {
 public:
  void Add(const Origin& origin, std::string message);

  [[nodiscard]] bool empty() const { return found_.empty(); }
  // One line each: "FILE:LINE:COLUMN: error: MESSAGE".
  [[nodiscard]] Error ToError() const;

 private:
  struct Problem {
    Origin origin;
    std::string message;
  };
  std::vector<Problem> found_;
  std::size_t more_ = 0;  // beyond those that are kept
};

}  // namespace spillgate::config
