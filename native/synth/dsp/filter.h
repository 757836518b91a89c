// The state variable filter in topology-preserving form.
#pragma once

#include <cmath>

#include "synth/dsp/smooth.h"

namespace synth {
inline namespace SYNTH_ISA {

// Zavalishin, "The Art of VA Filter Design", chapter 4 (trapezoidal integrators, zero-delay feedback).
// The state update is contractive in the Euclidean norm for every cutoff and damping, hence also for every
// convex mix of two coefficient sets: interpolating the coefficients between control points is always stable.
struct SvfCoefficients {
  float a1 = 1.0f, a2 = 0.0f, a3 = 0.0f, damping = 1.4142f;

  static SvfCoefficients design(float cutoff_hz, float q, float sample_rate_hz) noexcept {
    const float turns = std::clamp(cutoff_hz / sample_rate_hz, 1e-5f, 0.49f);
    const float g = std::tan(kPi * turns);
    const float k = 1.0f / q;
    const float a1 = 1.0f / (1.0f + g * (g + k));
    return {a1, g * a1, g * g * a1, k};
  }
};

// 0 is Butterworth (Q 0.707), 1 is Q 12, geometric between.
inline float q_from_resonance(float resonance) noexcept { return 0.70710678f * std::pow(16.97f, resonance); }

struct SvfOutputs {
  float low, band, high;
};

// One channel's state.
struct Svf {
  float s1 = 0.0f, s2 = 0.0f;

  SvfOutputs step(float x, float a1, float a2, float a3, float k) noexcept {
    const float v3 = x - s2;
    const float band = a1 * s1 + a2 * v3;
    const float low = s2 + a2 * s1 + a3 * v3;
    s1 = 2.0f * band - s1;
    s2 = 2.0f * low - s2;
    return {low, band, x - k * band - low};
  }
};

// Coefficients on straight lines between control points.
class SvfRamp {
 public:
  void jump(const SvfCoefficients& c) noexcept {
    a1_.jump(c.a1), a2_.jump(c.a2), a3_.jump(c.a3), damping_.jump(c.damping);
  }
  void aim(const SvfCoefficients& c, int frames) noexcept {
    a1_.aim(c.a1, frames), a2_.aim(c.a2, frames), a3_.aim(c.a3, frames), damping_.aim(c.damping, frames);
  }
  void advance(int frames) noexcept {
    a1_.advance(frames), a2_.advance(frames), a3_.advance(frames), damping_.advance(frames);
  }
  [[nodiscard]] float damping(int frame) const noexcept { return damping_.at(frame); }
  SvfOutputs step(Svf& state, float x, int frame) const noexcept {
    return state.step(x, a1_.at(frame), a2_.at(frame), a3_.at(frame), damping_.at(frame));
  }

 private:
  Smooth a1_, a2_, a3_, damping_;
};

// First-order low-pass for slow modulation and for tone shaping of noise.
struct OnePole {
  float state = 0.0f, keep = 0.0f;
  void set_cutoff(float cutoff_hz, float rate_hz) noexcept {
    keep = std::exp(-2.0f * kPi * cutoff_hz / rate_hz);
  }
  float step(float x) noexcept { return state = x + keep * (state - x); }
};

}  // namespace SYNTH_ISA
}  // namespace synth
