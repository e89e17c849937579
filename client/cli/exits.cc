#include "client/cli/exits.h"

namespace spillgate::cli {

int ExitOf(const client::Failure& failure) {
  // To a script a deadline that passed is time that ran out, whoever kept it.
  if (failure.kind == client::FailureKind::kExpired) return kTimedOut;
  return client::ExitCodeOf(failure.kind);
}

}  // namespace spillgate::cli
