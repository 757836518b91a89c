// A bend without corners: what fades and blends move along.
#pragma once

#include <concepts>

namespace synth {
inline namespace SYNTH_ISA {

// 6 u^5 - 15 u^4 + 10 u^3: from 0 to 1 with neither slope nor curvature at the ends. For lanes see
// dsp/lane_math.h.
template <std::floating_point Real>
Real smoothstep(Real u) noexcept {
  return u * u * u * (u * (Real{6} * u - Real{15}) + Real{10});
}

}  // namespace SYNTH_ISA
}  // namespace synth
