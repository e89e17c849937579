// A function as the node knows it: a name, where it runs, what it needs. Immutable but for nothing;
// the node keeps each for ever (their number is bounded), so stages on any thread hold plain
// pointers to them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/ids.h"
#include "core/model/resources.h"

namespace spillgate {

inline constexpr std::uint32_t kMostFunctions = 20'000;  // that a node knows; ids are 1 to so many

enum class Host : std::uint8_t {
  kInline,  // on the thread of the execution stage; may not block
  kThread,  // on a thread of the exec pool
  kWorker,  // in a worker process
};
inline constexpr std::size_t kHosts = 3;

struct Function {
  FunctionId id = 0;
  std::string name;
  Host host = Host::kInline;
  Resources shape;               // what one run holds unless the submission names a shape
  std::uint32_t slot_limit = 0;  // runs at the same time; 0 is "as many as fit"
  // After the death of its worker; nothing: as often as the node's config says.
  std::optional<std::uint8_t> max_retries;
  const void* entry = nullptr;  // the host's own handle; no stage looks inside
  std::uint32_t library = 0;    // index of the library it came from
};

}  // namespace spillgate
