// Band-limited oscillators read from tables that hold only the harmonics that fit below Nyquist.
#pragma once

#include <cstdint>

#include "synth/wavetable.h"

namespace synth {
inline namespace SYNTH_ISA {

std::uint32_t phase_increment(float hz, float sample_rate_hz) noexcept;

enum class Waveform { saw, square, triangle, sine };

// One oscillator: adds `frames` samples, scaled for left and right, to the buffers and moves its phase on.
struct Oscillator {
  std::uint32_t phase = 0;
  std::uint32_t increment = 0;
  void add(Waveform waveform, float pulse_width, float gain_left, float gain_right, float* left, float* right,
           int frames) noexcept;
};

}  // namespace SYNTH_ISA
}  // namespace synth
