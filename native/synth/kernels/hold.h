// What is beyond a float is its largest number.
#pragma once

#include <limits>

#include "synth/shared.h"

namespace synth {
inline namespace SYNTH_ISA {

SYNTH_SHARED float hold(float x) noexcept {
  constexpr float kMost = std::numeric_limits<float>::max();
  return x > kMost ? kMost : x < -kMost ? -kMost : x;
}

}  // namespace SYNTH_ISA
}  // namespace synth
