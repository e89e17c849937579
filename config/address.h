// Addresses, as the config calls them: core/base/address.h has them, and says what they are.
#pragma once

#include "core/base/address.h"  // IWYU pragma: export

namespace spillgate::config {

using spillgate::Address;
using spillgate::ParseAddress;

}  // namespace spillgate::config
