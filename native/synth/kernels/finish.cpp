#include "synth/kernels/finish.h"

namespace synth {
inline namespace SYNTH_ISA {

const FinishKernels kFinishKernels{weigh, peaks, bends, finite, scale, ride, fade, cross, dither};

}  // namespace SYNTH_ISA
}  // namespace synth
