// ReviseSubmit: makes an encoded Submit frame fit to be sent, or sent again: what changes between
// one sending and the next stands at fixed places, so the rest is kept as it was encoded. Pure
// function; any thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "schema/submit.h"

namespace spillgate::wire {

// `frame` is one whole Submit frame as SubmitWriter made it. Its attempt, function, shape,
// remaining time, correlation and clock become those given.
void ReviseSubmit(std::byte* frame, const SubmitPreamble& preamble, std::uint32_t correlation,
                  std::uint64_t sent_us);

}  // namespace spillgate::wire
