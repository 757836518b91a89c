#include "synth/dsp/oscillator.h"

#include <algorithm>
#include <numbers>

namespace synth {
inline namespace SYNTH_ISA {

std::uint32_t phase_increment(float hz, float sample_rate_hz) noexcept {
  const double turns = std::clamp(static_cast<double>(hz) / static_cast<double>(sample_rate_hz), 0.0, 0.49);
  return static_cast<std::uint32_t>(turns * 4294967296.0 + 0.5);
}

namespace {

// The one-harmonic saw table is a sine of amplitude 2 / pi.
constexpr float kSineScale = std::numbers::pi_v<float> / 2.0f;

void add_table(const Table& table, Oscillator& osc, float gain_left, float gain_right, float* left,
               float* right, int frames) noexcept {
  std::uint32_t phase = osc.phase;
  for (int i = 0; i < frames; ++i, phase += osc.increment) {
    const float value = table.read(phase);
    left[i] += gain_left * value;
    right[i] += gain_right * value;
  }
  osc.phase = phase;
}

// A pulse is the difference of two saws, so any width is as clean as the saw.
void add_pulse(const Table& saw, std::uint32_t width, Oscillator& osc, float gain_left, float gain_right,
               float* left, float* right, int frames) noexcept {
  std::uint32_t phase = osc.phase;
  for (int i = 0; i < frames; ++i, phase += osc.increment) {
    const float value = saw.read(phase) - saw.read(phase - width);
    left[i] += gain_left * value;
    right[i] += gain_right * value;
  }
  osc.phase = phase;
}

}  // namespace

void Oscillator::add(Waveform waveform, float pulse_width, float gain_left, float gain_right, float* left,
                     float* right, int frames) noexcept {
  switch (waveform) {
    case Waveform::saw:
      return add_table(saw_wavetable().pick(increment), *this, gain_left, gain_right, left, right, frames);
    case Waveform::square:
      return add_pulse(saw_wavetable().pick(increment),
                       static_cast<std::uint32_t>(static_cast<double>(pulse_width) * 4294967295.0), *this,
                       gain_left, gain_right, left, right, frames);
    case Waveform::triangle:
      return add_table(triangle_wavetable().pick(increment), *this, gain_left, gain_right, left, right,
                       frames);
    case Waveform::sine:
      return add_table(saw_wavetable().sine(), *this, gain_left * kSineScale, gain_right * kSineScale, left,
                       right, frames);
  }
}

}  // namespace SYNTH_ISA
}  // namespace synth
