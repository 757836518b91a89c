#include "synth/dsp/voice_filter.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

struct Coefficients {
  F8 c1, c2, c3, k;
};

template <FilterKind kKind>
SYNTH_INLINE F8 svf_step(const F8& x, F8& s1, F8& s2, const Coefficients& c) noexcept {
  const F8 half = splat(0.5f), d = x - s2;
  const F8 to1 = fma(c.c1, s1, c.c2 * d), to2 = fma(c.c3, d, fma(c.c2, s1, s2));
  const F8 band = half * (s1 + to1), low = half * (s2 + to2);
  s1 = to1, s2 = to2;
  if constexpr (kKind == FilterKind::lowpass) return low;
  if constexpr (kKind == FilterKind::highpass) return x - fma(c.k, band, low);
  if constexpr (kKind == FilterKind::bandpass) return c.k * band;
  return x - c.k * band;
}

template <FilterKind kKind, bool kStereo, bool kMoving>
void svf_run(F8* left, F8* right, const LaneSmooth* lines, F8 (*state)[4], int frames) noexcept {
  Coefficients c{lines[0].at(0), lines[1].at(0), lines[2].at(0), lines[3].at(0)};
  F8 frame = splat(static_cast<float>(lines[0].done));  // all four lines were aimed together
  F8 l1 = state[0][0], l2 = state[0][1], r1 = state[1][0], r2 = state[1][1];
  for (int i = 0; i < frames; ++i) {
    if constexpr (kMoving) {
      c.c1 = fma(lines[0].step, frame, lines[0].from);
      c.c2 = fma(lines[1].step, frame, lines[1].from);
      c.c3 = fma(lines[2].step, frame, lines[2].from);
      if constexpr (kKind != FilterKind::lowpass) c.k = fma(lines[3].step, frame, lines[3].from);
      frame += splat(1.0f);
    }
    left[i] = svf_step<kKind>(left[i], l1, l2, c);
    if constexpr (kStereo) right[i] = svf_step<kKind>(right[i], r1, r2, c);
  }
  state[0][0] = l1, state[0][1] = l2, state[1][0] = r1, state[1][1] = r2;
}

template <FilterKind kKind>
void svf_of(F8* left, F8* right, bool moves, const LaneSmooth* lines, F8 (*state)[4], int frames) noexcept {
  if (right)
    moves ? svf_run<kKind, true, true>(left, right, lines, state, frames)
          : svf_run<kKind, true, false>(left, right, lines, state, frames);
  else
    moves ? svf_run<kKind, false, true>(left, right, lines, state, frames)
          : svf_run<kKind, false, false>(left, right, lines, state, frames);
}

// x / sqrt(1 + x^2) would need a root; this rational curve is within 0.02 of tanh and flat beyond +-3.
SYNTH_INLINE F8 saturated(const F8& x) noexcept {
  const F8 y = clamp(x, -3.0f, 3.0f), s = y * y;
  return y * (splat(27.0f) + s) / fma(splat(9.0f), s, splat(27.0f));
}

}  // namespace

void VoiceFilter::svf(F8* left, F8* right, bool moves, int frames) noexcept {
  switch (kind_) {
    case FilterKind::highpass:
      return svf_of<FilterKind::highpass>(left, right, moves, c_, state_, frames);
    case FilterKind::bandpass:
      return svf_of<FilterKind::bandpass>(left, right, moves, c_, state_, frames);
    case FilterKind::notch:
      return svf_of<FilterKind::notch>(left, right, moves, c_, state_, frames);
    default:
      return svf_of<FilterKind::lowpass>(left, right, moves, c_, state_, frames);
  }
}

// Each one-pole gives y = G u + (1 - G) s; the loop's output without its input is what the four states add up
// to. Half of what the loop takes from the pass band is given back.
void VoiceFilter::ladder(F8* x, F8* state, int frames) noexcept {
  const F8 one = splat(1.0f), two = splat(2.0f);
  F8 s0 = state[0], s1 = state[1], s2 = state[2], s3 = state[3];
  for (int i = 0; i < frames; ++i) {
    const F8 gain = c_[0].at(i), k = c_[3].at(i), rest = one - gain;
    const F8 held = rest * fma(gain, fma(gain, fma(gain, s0, s1), s2), s3);
    const F8 gain2 = gain * gain;
    const F8 in = fma(splat(0.5f) * k, x[i], x[i]);
    const F8 u = saturated((in - k * held) / fma(k, gain2 * gain2, one));
    const F8 y0 = fma(gain, u - s0, s0), y1 = fma(gain, y0 - s1, s1);
    const F8 y2 = fma(gain, y1 - s2, s2), y3 = fma(gain, y2 - s3, s3);
    s0 = fma(two, y0, -s0), s1 = fma(two, y1, -s1), s2 = fma(two, y2, -s2), s3 = fma(two, y3, -s3);
    x[i] = y3;
  }
  state[0] = s0, state[1] = s1, state[2] = s2, state[3] = s3;
}

}  // namespace SYNTH_ISA
}  // namespace synth
