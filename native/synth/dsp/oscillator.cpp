#include "synth/dsp/oscillator.h"

#include <algorithm>

namespace synth {
inline namespace SYNTH_ISA {

void Track::clear() noexcept { std::memset(samples, 0, sizeof samples); }

void Track::advance(int frames) noexcept {
  for (int i = 0; i < BlepTable::kTaps; i += kLanes) {
    I8 moved;
    std::memcpy(&moved, samples + frames + i, sizeof moved);
    std::memcpy(samples + i, &moved, sizeof moved);
  }
  std::memset(samples + BlepTable::kTaps, 0, kSpan * sizeof samples[0]);
}

namespace {

// As many frames as one register holds: everything here is done to each by itself, so that the width is
// nothing that could be heard.
#if defined(__AVX512F__)
constexpr int kWide = 16;
typedef float F __attribute__((vector_size(64)));
typedef std::int32_t I __attribute__((vector_size(64)));
typedef std::uint32_t U __attribute__((vector_size(64)));
SYNTH_INLINE U wide_index() noexcept { return U{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
#else
constexpr int kWide = kLanes;
using F = F8;
using I = I8;
using U = U8;
SYNTH_INLINE U wide_index() noexcept { return U{0, 1, 2, 3, 4, 5, 6, 7}; }
#endif
static_assert(kSpan % kWide == 0 && BlepTable::kTaps % kWide == 0 && Track::kLead >= kWide);

SYNTH_INLINE F all(float x) noexcept { return F{} + x; }
SYNTH_INLINE F wide(const float* x) noexcept {
  F lanes;
  std::memcpy(&lanes, x, sizeof lanes);
  return lanes;
}
SYNTH_INLINE F to_floats(const I& x) noexcept { return __builtin_convertvector(x, F); }
SYNTH_INLINE I to_ints(const F& x) noexcept { return __builtin_convertvector(x, I); }

SYNTH_INLINE void accumulate(std::int32_t* at, const I& more) noexcept {
  I sum;
  std::memcpy(&sum, at, sizeof sum);
  sum += more;
  std::memcpy(at, &sum, sizeof sum);
}

// Adds shape(phase) times the level. Lanes past the end add nothing.
template <bool kStereo, bool kMoving, class Shape>
void add_shape(const Shape& shape, std::uint32_t phase, std::uint32_t increment, const Level& level, int from,
               const Tracks& out, int frames) noexcept {
  const U index = wide_index();
  U phases = index * increment + phase;
  F frame = to_floats(reinterpret_cast<I>(index)) + static_cast<float>(from);
  const F left = all(level.left * Track::kUnit), right = all(level.right * Track::kUnit);
  const F left_step = all(level.left_step * Track::kUnit), right_step = all(level.right_step * Track::kUnit);
  for (int i = 0; i < frames; i += kWide) {
    const F value = shape(phases);
    I adds = to_ints(value * (kMoving ? fma(left_step, frame, left) : left));
    const bool tail = frames - i < kWide;
    const I inside = reinterpret_cast<I>(index) < frames - i;
    if (tail) adds &= inside;
    accumulate(out.left->samples + Track::kLead + i, adds);
    if constexpr (kStereo) {
      adds = to_ints(value * (kMoving ? fma(right_step, frame, right) : right));
      if (tail) adds &= inside;
      accumulate(out.right->samples + Track::kLead + i, adds);
    }
    phases += increment * kWide;
    if constexpr (kMoving) frame += static_cast<float>(kWide);
  }
}

SYNTH_INLINE void add_row(const float (*rows)[BlepTable::kTaps], float after, float height,
                          std::int32_t* at) noexcept {
  const float place = after * BlepTable::kRows;
  const int row = std::min(static_cast<int>(place), BlepTable::kRows - 1);
  const float part = place - static_cast<float>(row);
  const F a = all(height * (1.0f - part)), b = all(height * part);
#pragma GCC unroll 8
  for (int k = 0; k < BlepTable::kTaps; k += kWide)
    accumulate(at + k, to_ints(fma(a, wide(rows[row] + k), b * wide(rows[row + 1] + k))));
}

struct Jumps {
  bool corner;
  float height;  // of a jump, or growth of the slope, at level 1
};

// Whenever the phase wraps: the difference between the ideal and the band-limited jump.
void add_jumps(const Jumps& jumps, std::uint32_t phase, std::uint32_t increment, const Level& level, int from,
               const Tracks& out, int frames) noexcept {
  if (increment == 0) return;
  const auto* rows = jumps.corner ? out.table->corner : out.table->step;
  const float unit = jumps.height * Track::kUnit;
  const auto add = [&](Track& track, float gain, float after, int at) {
    add_row(rows, after, unit * gain, track.samples + at);
  };
  int at = 0;
  for (;;) {
    const std::uint32_t wait = ~phase / increment + 1;
    if (wait > static_cast<std::uint32_t>(frames - at)) return;
    at += static_cast<int>(wait);
    phase += wait * increment;
    const float after = static_cast<float>(phase) / static_cast<float>(increment);
    const float when = static_cast<float>(from + at);
    add(*out.left, level.left + level.left_step * when, after, at);
    if (out.right) add(*out.right, level.right + level.right_step * when, after, at);
  }
}

template <class Shape>
void add_wave(const Shape& shape, std::uint32_t phase, std::uint32_t increment, const Level& level, int from,
              const Tracks& out, int frames) noexcept {
  const bool moving = level.left_step != 0.0f || level.right_step != 0.0f;
  if (out.right)
    moving ? add_shape<true, true>(shape, phase, increment, level, from, out, frames)
           : add_shape<true, false>(shape, phase, increment, level, from, out, frames);
  else
    moving ? add_shape<false, true>(shape, phase, increment, level, from, out, frames)
           : add_shape<false, false>(shape, phase, increment, level, from, out, frames);
}

void add_saw(bool rising, std::uint32_t phase, std::uint32_t increment, const Level& level, int from,
             const Tracks& out, int frames) noexcept {
  const F scale = all(rising ? 0x1p-31f : -0x1p-31f);
  add_wave([scale](const U& p) { return to_floats(reinterpret_cast<I>(p + 0x80000000u)) * scale; }, phase,
           increment, level, from, out, frames);
  add_jumps({false, rising ? -2.0f : 2.0f}, phase, increment, level, from, out, frames);
}

void add_triangle(std::uint32_t phase, std::uint32_t increment, const Level& level, int from,
                  const Tracks& out, int frames) noexcept {
  add_wave(
      [](const U& p) {
        const U away = reinterpret_cast<U>(to_floats(reinterpret_cast<I>(p))) & 0x7fffffffu;
        return fma(reinterpret_cast<F>(away), all(-0x1p-30f), all(1.0f));
      },
      phase, increment, level, from, out, frames);
  const float bend = 8.0f * 0x1p-32f * static_cast<float>(increment);
  add_jumps({true, -bend}, phase, increment, level, from, out, frames);
  add_jumps({true, bend}, phase + 0x80000000u, increment, level, from, out, frames);
}

SYNTH_INLINE F wide_sine(const U& phase) noexcept {
#if defined(__AVX512F__)
  U8 halves[2];
  std::memcpy(halves, &phase, sizeof halves);
  return join(synth::sine(halves[0]), synth::sine(halves[1]));
#else
  return synth::sine(phase);
#endif
}

std::uint32_t turns(float width) noexcept {
  return static_cast<std::uint32_t>(static_cast<double>(width) * 4294967295.0);
}

}  // namespace

void Oscillator::add(Waveform waveform, const Level& level, int from, const Tracks& out,
                     int frames) noexcept {
  switch (waveform) {
    case Waveform::square:
      add_saw(true, second, second_increment, level, from, out, frames);
      second += second_increment * static_cast<std::uint32_t>(frames);
      [[fallthrough]];
    case Waveform::saw:
      add_saw(false, phase, increment, level, from, out, frames);
      break;
    case Waveform::triangle:
      add_triangle(phase, increment, level, from, out, frames);
      break;
    case Waveform::sine:
      add_wave(wide_sine, phase, increment, level, from, out, frames);
      break;
  }
  phase += increment * static_cast<std::uint32_t>(frames);
}

void Oscillator::set_width(float width) noexcept { second = phase - turns(width); }

// The second saw runs a little faster or slower for a while, by no more than half.
void Oscillator::aim_width(float width, int frames) noexcept {
  const auto away = static_cast<std::int32_t>(phase - turns(width) - second);
  const auto most = static_cast<std::int32_t>(increment / 2);
  second_increment = increment + static_cast<std::uint32_t>(std::clamp(away / frames, -most, most));
}

}  // namespace SYNTH_ISA
}  // namespace synth
