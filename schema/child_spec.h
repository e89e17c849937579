// What a child is, as a number: its function and shape by name, its arguments and how many values
// it returns. It is a part of the child's id, which the task that spawns and its node each derive
// for themselves. So a parent that runs again gets the children that it spawns the same as before,
// and others where it spawns something else. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "schema/submit.h"

namespace spillgate::wire {

// Child number `i` of a submission; `shape` is empty if it is the function's own. The same wherever
// in a frame it stands. The heads and arguments of `view` are as DecodeSubmit or SubmitWriter has
// them: they fit each other and the payload.
[[nodiscard]] std::uint64_t DigestOf(std::string_view function, std::string_view shape,
                                     const SubmitView& view, ByteView payload, std::uint32_t i);

}  // namespace spillgate::wire
