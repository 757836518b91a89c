#include "synth/catalog.h"

namespace synth {
namespace {

const NodeType* const kTypes[] = {
    &kPolyType,   &kPluckType,    &kBellType,   &kDrumType, &kNoiseType,   &kRainType,     &kWindType,
    &kSurfType,   &kFireType,     &kStreamType, &kSvfType,  &kTremoloType, &kChorusType,   &kDelayType,
    &kReverbType, &kSaturateType, &kGainType,   &kPanType,  &kMixType,     &kEnvelopeType,
};

}  // namespace

std::span<const NodeType* const> node_types() { return kTypes; }

const NodeType* find_node_type(std::string_view name) {
  for (const NodeType* type : kTypes)
    if (name == type->name) return type;
  return nullptr;
}

}  // namespace synth
