// Coloured noise, one generator for both channels.
#pragma once

#include "synth/random.h"

namespace synth {
inline namespace SYNTH_ISA {

struct StereoSample {
  float left, right;
};

// -3 dB per octave: white noise through six first-order sections spread over the octaves (P. Kellet's
// published coefficients), within 0.05 dB of the slope above 10 Hz at 44.1 kHz.
class Pink {
 public:
  float step(float white) noexcept {
    b_[0] = 0.99886f * b_[0] + white * 0.0555179f;
    b_[1] = 0.99332f * b_[1] + white * 0.0750759f;
    b_[2] = 0.96900f * b_[2] + white * 0.1538520f;
    b_[3] = 0.86650f * b_[3] + white * 0.3104856f;
    b_[4] = 0.55000f * b_[4] + white * 0.5329522f;
    b_[5] = -0.7616f * b_[5] - white * 0.0168980f;
    const float sum = b_[0] + b_[1] + b_[2] + b_[3] + b_[4] + b_[5] + b_[6] + white * 0.5362f;
    b_[6] = white * 0.115926f;
    return 0.18f * sum;
  }

 private:
  float b_[7] = {};
};

// -6 dB per octave above 20 Hz; the leak keeps it from wandering off.
class Brown {
 public:
  float step(float white) noexcept { return state_ = 0.9972f * state_ + 0.075f * white; }

 private:
  float state_ = 0.0f;
};

}  // namespace SYNTH_ISA
}  // namespace synth
