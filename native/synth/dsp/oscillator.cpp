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

SYNTH_INLINE void accumulate(std::int32_t* at, const I8& more) noexcept {
  I8 sum;
  std::memcpy(&sum, at, sizeof sum);
  sum += more;
  std::memcpy(at, &sum, sizeof sum);
}

// Adds shape(phase) times the level. Lanes past the end add nothing.
template <bool kStereo, bool kMoving, class Shape>
void add_shape(const Shape& shape, std::uint32_t phase, std::uint32_t increment, const Level& level, int from,
               const Tracks& out, int frames) noexcept {
  const U8 index = {0, 1, 2, 3, 4, 5, 6, 7};
  U8 phases = splat_bits(phase) + index * increment;
  F8 frame = lane_index() + splat(static_cast<float>(from));
  const F8 left = splat(level.left * Track::kUnit), right = splat(level.right * Track::kUnit);
  const F8 left_step = splat(level.left_step * Track::kUnit);
  const F8 right_step = splat(level.right_step * Track::kUnit);
  for (int i = 0; i < frames; i += kLanes) {
    const F8 value = shape(phases);
    I8 adds = to_int(value * (kMoving ? fma(left_step, frame, left) : left));
    const bool tail = frames - i < kLanes;
    const I8 inside = reinterpret_cast<I8>(index) < frames - i;
    if (tail) adds &= inside;
    accumulate(out.left->samples + Track::kLead + i, adds);
    if constexpr (kStereo) {
      adds = to_int(value * (kMoving ? fma(right_step, frame, right) : right));
      if (tail) adds &= inside;
      accumulate(out.right->samples + Track::kLead + i, adds);
    }
    phases += increment * kLanes;
    if constexpr (kMoving) frame += splat(static_cast<float>(kLanes));
  }
}

SYNTH_INLINE void add_row(const float (*rows)[BlepTable::kTaps], float after, float height,
                          std::int32_t* at) noexcept {
  const float place = after * BlepTable::kRows;
  const int row = std::min(static_cast<int>(place), BlepTable::kRows - 1);
  const float part = place - static_cast<float>(row);
  const F8 a = splat(height * (1.0f - part)), b = splat(height * part);
  for (int k = 0; k < BlepTable::kTaps; k += kLanes)
    accumulate(at + k, to_int(fma(a, load(rows[row] + k), b * load(rows[row + 1] + k))));
}

struct Jumps {
  bool corner;
  float height;  // of a jump, or growth of the slope, at level 1
};

// Whenever the phase wraps: the difference between the ideal and the band-limited jump.
void add_jumps(const Jumps& jumps, std::uint32_t phase, std::uint32_t increment, const Level& level, int from,
               const Tracks& out, int frames) noexcept {
  if (increment == 0) return;
  const auto* rows = jumps.corner ? blep_table().corner : blep_table().step;
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
  const F8 scale = splat(rising ? 0x1p-31f : -0x1p-31f);
  add_wave([scale](const U8& p) { return to_float(reinterpret_cast<I8>(p + 0x80000000u)) * scale; }, phase,
           increment, level, from, out, frames);
  add_jumps({false, rising ? -2.0f : 2.0f}, phase, increment, level, from, out, frames);
}

void add_triangle(std::uint32_t phase, std::uint32_t increment, const Level& level, int from,
                  const Tracks& out, int frames) noexcept {
  add_wave(
      [](const U8& p) { return fma(abs(to_float(reinterpret_cast<I8>(p))), splat(-0x1p-30f), splat(1.0f)); },
      phase, increment, level, from, out, frames);
  const float bend = 8.0f * 0x1p-32f * static_cast<float>(increment);
  add_jumps({true, -bend}, phase, increment, level, from, out, frames);
  add_jumps({true, bend}, phase + 0x80000000u, increment, level, from, out, frames);
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
      add_wave([](const U8& p) { return synth::sine(p); }, phase, increment, level, from, out, frames);
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
