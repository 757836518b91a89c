// Oscillators without aliases, eight frames at a time: ideal waveforms plus the difference at every jump.
#pragma once

#include <cstdint>

#include "synth/blep.h"
#include "synth/dsp/lane_math.h"

namespace synth {
inline namespace SYNTH_ISA {

enum class Waveform { saw, square, triangle, sine };

inline constexpr int kSpan = 64;  // most frames of one call

// Where oscillators add up: integers, so that the sum does not depend on the order, hence not on how a render
// is split. Oscillators write kLead frames ahead of what is read, because a jump shows before it happens.
struct Track {
  static constexpr int kLead = BlepTable::kLead;
  static constexpr float kUnit = 0x1p27f;  // 1.0, with room for sixteen of them
  alignas(64) std::int32_t samples[kSpan + BlepTable::kTaps];

  void clear() noexcept;
  void advance(int frames) noexcept;
  [[nodiscard]] SYNTH_INLINE F8 read(int frame) const noexcept {
    I8 sum;
    std::memcpy(&sum, samples + frame, sizeof sum);
    return to_float(sum);
  }
};

// The level of an oscillator on a line: left + step * frame; the right track is optional.
struct Level {
  float left = 1.0f, right = 1.0f, left_step = 0.0f, right_step = 0.0f;
};
struct Tracks {
  Track* left;
  Track* right;
  const BlepTable* table;
};

// Phases are 32-bit fractions of a period: they wrap by themselves and resolve 1e-5 Hz. The saw falls from +1
// to -1; the square is the difference of two saws, the second of which stands where its own phase says, so
// that a width that moves is as clean as one that stands; triangle and cosine start at +1, the sine at 0.
struct Oscillator {
  std::uint32_t phase = 0, increment = 0;
  std::uint32_t second = 0, second_increment = 0;

  // `from` frames after the level's line began. At most kSpan frames.
  void add(Waveform waveform, const Level& level, int from, const Tracks& out, int frames) noexcept;
  // Goes on without a sound.
  void skip(int frames) noexcept {
    phase += increment * static_cast<std::uint32_t>(frames);
    second += second_increment * static_cast<std::uint32_t>(frames);
  }
  // Lets the square's width, a share of the period, arrive in that many frames.
  void aim_width(float width, int frames) noexcept;
  void set_width(float width) noexcept;
};

}  // namespace SYNTH_ISA
}  // namespace synth
