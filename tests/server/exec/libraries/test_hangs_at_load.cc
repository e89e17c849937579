// A library that never ends being loaded, but for who only wants to know what is in it.
#include <spillgate/function.h>

#include <sys/prctl.h>
#include <unistd.h>

#include <string>

namespace {

void Nothing(spillgate::sdk::Context& /*context*/) {}

struct AtLoad {
  AtLoad() {
    char name[16] = {};
    prctl(PR_GET_NAME, name);
    while (std::string(name) == "sg-worker") pause();
  }
} at_load;

}  // namespace

SPILLGATE_LIBRARY("hangs", spillgate::sdk::Export<Nothing>("nothing"))
