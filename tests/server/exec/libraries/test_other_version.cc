// A library that was built against an SDK which is not ours.
#include <spillgate/function.h>

namespace {

void Nothing(const sg_context* /*context*/) {}

const sg_function kFunctions[] = {{"nothing", &Nothing, SG_HOST_WORKER, 1, 0, 0}};

}  // namespace

extern "C" {
extern SG_EXPORT const sg_library spillgate_library;
const sg_library spillgate_library = {SG_ABI_VERSION + 1, sizeof(sg_function), "other", kFunctions,
                                      1};
}
