// Levels of signals: decibels in lanes, and time constants.
#pragma once

#include "synth/dsp/frames.h"

namespace synth {
inline namespace SYNTH_ISA {

inline constexpr float kDbPerOctave = 6.0205999f;  // of amplitude: 20 log10(2)

// log2(x) for normal x > 0; error 3e-7, before rounding to float.
SYNTH_INLINE F8 log2(const F8& x) noexcept {
  const I8 bits = reinterpret_cast<I8>(x) - 0x3f3504f3;  // 1 / sqrt(2)
  const I8 exponent = bits >> 23;
  const F8 t = reinterpret_cast<F8>((bits & 0x007fffff) + 0x3f3504f3) - splat(1.0f);
  F8 p = fma(t, splat(0.1706328246f), splat(-0.272697535f));
  p = fma(t, p, splat(0.2972629084f));
  p = fma(t, p, splat(-0.358961895f));
  p = fma(t, p, splat(0.4804650143f));
  p = fma(t, p, splat(-0.7213758707f));
  p = fma(t, p, splat(1.442699727f));
  return fma(t, p, to_float(exponent));
}

SYNTH_INLINE F8 db_from_level(const F8& level) noexcept {
  return splat(kDbPerOctave) * log2(max(level, splat(1e-12f)));
}
SYNTH_INLINE F8 level_from_db(const F8& db) noexcept { return exp2(splat(1.0f / kDbPerOctave) * db); }

// The share of the way that is made in one frame when 63 % of it are made in time_s.
inline float share_per_frame(float time_s, float rate_hz) noexcept {
  return 1.0f - std::exp(-1.0f / (std::max(time_s, 1e-6f) * rate_hz));
}

}  // namespace SYNTH_ISA
}  // namespace synth
