#include "synth/nodes/catalog.h"

#include "synth/isa.h"
#include "synth/kernels/finish.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

// clang-format off
const NodeType* const kTypes[] = {
    &kPolyType,
    &kWavetableType,
    &kFmType,
    &kPianoType,
    &kPluckType,
    &kBellType,
    &kDrumType,
    &kNoiseType,
    &kRainType,
    &kWindType,
    &kSurfType,
    &kFireType,
    &kStreamType,
    &kSvfType, &kLadderType, &kEqType,
    &kTremoloType,
    &kChorusType,
    &kDelayType,
    &kReverbType, &kCompressorType, &kLimiterType,
    &kSaturateType,
    &kGainType,
    &kPanType,
    &kMixType,
    &kEnvelopeType,
    &kFlangerType,
    &kPhaserType,
    &kFormantType,
    &kGateType,
    &kInputType,
    &kLfoType,
    &kRandomType,
    &kCurveType,
    &kFollowerType,
};
// clang-format on

}  // namespace

extern const Isa kIsa;
const Isa kIsa{SYNTH_ISA_NAME, kTypes, kFinishKernels};

}  // namespace SYNTH_ISA
}  // namespace synth
