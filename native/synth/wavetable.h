// Single cycles with a given spectrum, kept once for every half octave of pitch so that nothing folds.
#pragma once

#include <array>
#include <cstddef>

namespace synth {

// Harmonic amplitudes of one cycle, from the fundamental on.
inline constexpr int kWaveHarmonics = 128;
using Spectrum = std::array<float, kWaveHarmonics>;

// Several cycles that morph into each other. Level l holds kWaveHarmonics / 2^(l / 2) harmonics in 32 points
// or more for each: linear interpolation leaves images below -85 dB. All cycles have the same phases
// (Schroeder's, IEEE Trans. Information Theory 16(1), 1970, which keep peaks low), so a mixture of two is a
// mixture of their spectra. Each has the power of a saw of amplitude 1.
class WaveSet {
 public:
  static constexpr int kLevels = 14, kFrames = 8, kFewestBits = 7;
  struct Level {
    int offset, bits, harmonics;  // first sample, log2 of the points, harmonics
  };
  // Where the levels lie is the same for every set. A cycle comes after its last sample and before its first
  // two.
  static const std::array<Level, kLevels>& levels() noexcept;
  static std::size_t samples_per_frame() noexcept;

  // Writes one frame (samples_per_frame() floats). Allocates nothing.
  static void build(const Spectrum& spectrum, float* out) noexcept;
};

inline constexpr int kWaveSets = 8;
// kFrames frames one after another, made on first use (about a millisecond) and kept. 1 organ, 2 vowel,
// 3 brass, 4 reed, 5 glass, 6 pulse, 7 sweep; 0 is the author's own.
const float* wave_set(int index);

}  // namespace synth
