#include <array>
#include <utility>

#include "core/flow/admission/controllers.h"

namespace spillgate::flow {
namespace {

using Factory = std::unique_ptr<Controller> (*)();

constexpr std::array<std::pair<std::string_view, Factory>, 8> kControllers{{
    {"none", &MakeNone},
    {"bound", &MakeBound},
    {"deadline", &MakeDeadline},
    {"work_bound", &MakeWorkBound},
    {"adaptive_bound", &MakeAdaptiveBound},
    {"codel", &MakeCodel},
    {"seda_aimd", &MakeSedaAimd},
    {"gradient", &MakeGradient},
}};

}  // namespace

std::unique_ptr<Controller> MakeController(std::string_view name) {
  for (const auto& [known, make] : kControllers) {
    if (known == name) return make();
  }
  return nullptr;
}

}  // namespace spillgate::flow
