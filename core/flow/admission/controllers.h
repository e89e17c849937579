// The factories behind the table of controllers; one file each.
#pragma once

#include <memory>

#include "core/flow/admission.h"

namespace spillgate::flow {

std::unique_ptr<Controller> MakeNone();
std::unique_ptr<Controller> MakeBound();
std::unique_ptr<Controller> MakeDeadline();
std::unique_ptr<Controller> MakeWorkBound();
std::unique_ptr<Controller> MakeAdaptiveBound();
std::unique_ptr<Controller> MakeCodel();
std::unique_ptr<Controller> MakeSedaAimd();
std::unique_ptr<Controller> MakeGradient();

}  // namespace spillgate::flow
