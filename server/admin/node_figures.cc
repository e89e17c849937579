#include "server/admin/node_figures.h"

#include <algorithm>

namespace spillgate::admin {

std::vector<ResourceFigures> ListResources(const Resources& total, const Resources& free,
                                           const ResourceNames& names) {
  constexpr double kThousandths = 1000;
  std::vector<ResourceFigures> figures;
  for (std::size_t kind = 0; kind < std::min(kResourceKinds, names.names.size()); ++kind) {
    const double unit = kind == kMemory ? 1 : kThousandths;
    figures.push_back({.name = names.names[kind],
                       .total = static_cast<double>(total.amount[kind]) / unit,
                       .free = static_cast<double>(free.amount[kind]) / unit});
  }
  return figures;
}

}  // namespace spillgate::admin
