// How the command ends, as scripts see it. docs and DESIGN fix the numbers; every verb returns one.
#pragma once

#include "client/lib/failure.h"

namespace spillgate::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  // a task failed, or what was asked for is not there
inline constexpr int kUsage = 2;   // the command line is wrong
inline constexpr int kCannotConnect = 69;
inline constexpr int kShed = 75;  // the node has too much to do: try again later
inline constexpr int kBadConfig = 78;
inline constexpr int kTimedOut = 124;   // --timeout, or the deadline of a task
inline constexpr int kSignalled = 128;  // plus the signal's number

[[nodiscard]] int ExitOf(const client::Failure& failure);

}  // namespace spillgate::cli
