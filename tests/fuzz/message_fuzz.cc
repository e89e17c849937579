#include <cstddef>
#include <cstdint>

#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  spillgate::wire::FuzzMessage({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
