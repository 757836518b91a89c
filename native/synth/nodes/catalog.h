// All node types of this instruction set. A new node adds its declaration here and its line in catalog.cpp.
#pragma once

#include "synth/dsp/smooth.h"
#include "synth/node.h"

namespace synth {
inline namespace SYNTH_ISA {

extern const NodeType kPolyType, kWavetableType, kFmType, kPianoType, kPluckType, kBellType, kDrumType;
extern const NodeType kNoiseType, kRainType, kWindType, kSurfType, kFireType, kStreamType;
extern const NodeType kSvfType, kTremoloType, kChorusType, kDelayType, kReverbType, kSaturateType;
extern const NodeType kLadderType, kEqType, kCompressorType, kLimiterType;
extern const NodeType kFlangerType, kPhaserType, kFormantType, kGateType;
extern const NodeType kGainType, kPanType, kMixType, kEnvelopeType;
extern const NodeType kInputType;
extern const NodeType kLfoType, kRandomType, kCurveType, kFollowerType;

}  // namespace SYNTH_ISA
}  // namespace synth
