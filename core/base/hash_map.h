// HashMap and HashSet: tsl's robin maps, named here once. Growing invalidates iterators and
// references, and iteration order is not deterministic: nothing that a stepped run can observe may
// depend on it.
#pragma once

#include <tsl/robin_map.h>
#include <tsl/robin_set.h>

namespace spillgate {

template <class K, class V>
using HashMap = tsl::robin_map<K, V>;

template <class K>
using HashSet = tsl::robin_set<K>;

}  // namespace spillgate
