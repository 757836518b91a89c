// Tables of one period that hold only the harmonics that fit below Nyquist.
#pragma once

#include <cstdint>
#include <vector>

#include "synth/shared.h"

namespace synth {

// One period with a guard sample at the end. A phase is a 32-bit fraction of a period: it wraps by itself and
// resolves 1e-5 Hz.
struct Table {
  const float* samples;
  int shift;
  std::uint32_t mask;
  float scale;

  [[nodiscard]] SYNTH_SHARED float read(std::uint32_t phase) const noexcept {
    const std::uint32_t index = phase >> shift;
    const float fraction = static_cast<float>(static_cast<std::int32_t>(phase & mask)) * scale;
    const float a = samples[index];
    return a + fraction * (samples[index + 1] - a);
  }
};

// Tables a quarter octave apart: at worst the band ends at 0.84 of Nyquist, and nothing ever folds back.
// A table of H harmonics has at least 32 H points, which keeps the images of linear interpolation below -88
// dB.
class Wavetable {
 public:
  enum class Shape { saw, triangle };
  explicit Wavetable(Shape shape);
  // `increment` is the phase step per frame.
  [[nodiscard]] Table pick(std::uint32_t increment) const noexcept;
  [[nodiscard]] Table sine() const noexcept { return levels_.back().table(); }

 private:
  struct Level {
    int harmonics;
    int bits;
    std::vector<float> samples;
    [[nodiscard]] Table table() const noexcept;
  };
  std::vector<Level> levels_;
};

// Built once per process, on first use (compiling a graph), never while rendering.
const Wavetable& saw_wavetable();
const Wavetable& triangle_wavetable();

}  // namespace synth
