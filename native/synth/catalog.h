// All node types, by name. A new node adds its declaration here and its line in catalog.cpp.
#pragma once

#include <span>
#include <string_view>

#include "synth/node.h"

namespace synth {

extern const NodeType kPolyType, kPluckType, kBellType, kDrumType;
extern const NodeType kNoiseType, kRainType, kWindType, kSurfType, kFireType, kStreamType;
extern const NodeType kSvfType, kTremoloType, kChorusType, kDelayType, kReverbType, kSaturateType;
extern const NodeType kGainType, kPanType, kMixType, kEnvelopeType;

std::span<const NodeType* const> node_types();
const NodeType* find_node_type(std::string_view name);

}  // namespace synth
