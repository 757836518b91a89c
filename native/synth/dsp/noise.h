// Coloured noise of two channels, one generator for both.
#pragma once

#include "synth/dsp/stereo.h"
#include "synth/random.h"

namespace synth {
inline namespace SYNTH_ISA {

// White, from one draw a frame.
SYNTH_INLINE F4 white(Random& random) noexcept {
  const std::uint64_t z = random.bits();
  typedef std::int32_t I4 __attribute__((vector_size(16)));
  const I4 bits = {static_cast<std::int32_t>(z >> 32), static_cast<std::int32_t>(z & 0xffffffffu), 0, 0};
  return __builtin_convertvector(bits, F4) * splat4(0x1p-31f);
}

// -3 dB per octave: white noise through six first-order sections spread over the octaves (P. Kellet's
// published coefficients), within 0.05 dB of the slope above 10 Hz at 44.1 kHz.
class Pink {
 public:
  SYNTH_INLINE F4 step(const F4& white) noexcept {
    constexpr float kKeep[] = {0.99886f, 0.99332f, 0.96900f, 0.86650f, 0.55000f, -0.7616f};
    constexpr float kTake[] = {0.0555179f, 0.0750759f, 0.1538520f, 0.3104856f, 0.5329522f, -0.0168980f};
#pragma GCC unroll 6
    for (int k = 0; k < 6; ++k) b_[k] = fma(splat4(kKeep[k]), b_[k], splat4(kTake[k]) * white);
    const F4 sum =
        ((b_[0] + b_[1]) + (b_[2] + b_[3])) + ((b_[4] + b_[5]) + fma(splat4(0.5362f), white, b_[6]));
    b_[6] = splat4(0.115926f) * white;
    return splat4(0.18f) * sum;
  }

 private:
  F4 b_[7] = {};
};

// -6 dB per octave above 20 Hz; the leak keeps it from wandering off.
class Brown {
 public:
  SYNTH_INLINE F4 step(const F4& white) noexcept {
    return state_ = fma(splat4(0.9972f), state_, splat4(0.075f) * white);
  }

 private:
  F4 state_{};
};

}  // namespace SYNTH_ISA
}  // namespace synth
