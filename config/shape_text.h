// Resources as people write them in one line: "cpu=1,gpu=0.5,memory=64MiB". Pure text.
#pragma once

#include <string_view>

#include "core/base/result.h"
#include "core/model/resources.h"

namespace spillgate::config {

// The error says which part is wrong and what there is.
[[nodiscard]] Result<Resources> ParseShape(std::string_view text, const ResourceNames& names);

}  // namespace spillgate::config
