#include "synth/kernels/finish.h"

namespace synth {
inline namespace SYNTH_ISA {

const FinishKernels kFinishKernels{weigh, sample_peaks, meter_peaks, strict_peaks, soften,
                                   bends, finite,       scale,       add,          ride,
                                   fade,  cross,        dither,      quantise16,   quantise24};

}  // namespace SYNTH_ISA
}  // namespace synth
