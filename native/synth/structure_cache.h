// Structures that were compiled before, found again by what the author connected to what.
#pragma once

#include <memory>

#include "synth/graph.h"
#include "synth/lru.h"

namespace synth {

// The kept structure of such a graph, or the one that `make` compiles. Safe from any thread.
std::shared_ptr<const Structure> cached_structure(const GraphSpec& graph,
                                                  std::shared_ptr<const Structure> (*make)(const GraphSpec&));
CacheStats structure_cache();

}  // namespace synth
