// Two channels side by side in one register: for recursions, whose frames have to wait for each other. Lanes
// are left, right, and two that mean nothing.
#pragma once

#include "synth/dsp/lanes.h"

namespace synth {
inline namespace SYNTH_ISA {

SYNTH_INLINE F4 splat4(float x) noexcept { return F4{x, x, x, x}; }
SYNTH_INLINE F4 both(float left, float right) noexcept { return F4{left, right, 0.0f, 0.0f}; }
SYNTH_INLINE F4 fma(const F4& a, const F4& b, const F4& c) noexcept {
#if defined(__FMA__)
  return reinterpret_cast<F4>(
      _mm_fmadd_ps(reinterpret_cast<__m128>(a), reinterpret_cast<__m128>(b), reinterpret_cast<__m128>(c)));
#else
  return a * b + c;
#endif
}

}  // namespace SYNTH_ISA
}  // namespace synth
