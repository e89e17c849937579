// A library that is the end of the process which loads it.
#include <spillgate/function.h>

#include <cstdlib>

namespace {

void Nothing(spillgate::sdk::Context& /*context*/) {}

struct AtLoad {
  AtLoad() { std::abort(); }
} at_load;

}  // namespace

SPILLGATE_LIBRARY("crashes", spillgate::sdk::Export<Nothing>("nothing"))
