// Eight consecutive frames side by side: for effects whose frames do not wait for each other.
#pragma once

#include <algorithm>

#include "synth/dsp/lane_math.h"
#include "synth/dsp/smooth.h"

namespace synth {
inline namespace SYNTH_ISA {

// The first n of eight; what follows is 0 and is not read from memory.
SYNTH_INLINE F8 load_some(const float* x, int n) noexcept {
  if (n == kLanes) return load(x);
  F8 lanes{};
  std::memcpy(&lanes, x, static_cast<std::size_t>(n) * sizeof(float));
  return lanes;
}
SYNTH_INLINE void store_some(float* x, const F8& lanes, int n) noexcept {
  if (n == kLanes) return store(x, lanes);
  std::memcpy(x, &lanes, static_cast<std::size_t>(n) * sizeof(float));
}

// The values of a line at eight frames from now on.
SYNTH_INLINE F8 ahead(const Smooth& line, int frame) noexcept {
  return line.from() + line.step() * (splat(static_cast<float>(line.done() + frame)) + lane_index());
}

SYNTH_INLINE F8 lerp(const F8& a, const F8& b, const F8& share) noexcept { return fma(share, b - a, a); }

}  // namespace SYNTH_ISA
}  // namespace synth
