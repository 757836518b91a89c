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

// x / sqrt(1 + x^2) would need a root; this rational curve is within 0.02 of tanh and flat beyond +-3.
SYNTH_INLINE F8 saturated(const F8& x) noexcept {
  const F8 y = clamp(x, -3.0f, 3.0f), s = y * y;
  return y * (splat(27.0f) + s) / fma(splat(9.0f), s, splat(27.0f));
}

}  // namespace

template <FilterKind kKind, bool kMoving, int kChannels>
void VoiceFilter::svf_run(const Channel (&channels)[kChannels], int frames) noexcept {
  Coefficients c[kChannels];
  F8 s1[kChannels], s2[kChannels], frame[kChannels];
  for (int n = 0; n < kChannels; ++n) {
    const LaneSmooth* lines = channels[n].lines;  // all four of them were aimed together
    c[n] = {lines[0].at(0), lines[1].at(0), lines[2].at(0), lines[3].at(0)};
    frame[n] = splat(static_cast<float>(lines[0].done));
    s1[n] = channels[n].state[0], s2[n] = channels[n].state[1];
  }
  for (int i = 0; i < frames; ++i) {
    for (int n = 0; n < kChannels; ++n) {
      if constexpr (kMoving) {
        const LaneSmooth* lines = channels[n].lines;
        c[n].c1 = fma(lines[0].step, frame[n], lines[0].from);
        c[n].c2 = fma(lines[1].step, frame[n], lines[1].from);
        c[n].c3 = fma(lines[2].step, frame[n], lines[2].from);
        if constexpr (kKind != FilterKind::lowpass) c[n].k = fma(lines[3].step, frame[n], lines[3].from);
        frame[n] += splat(1.0f);
      }
      F8* const x = channels[n].x;
      x[i] = svf_step<kKind>(x[i], s1[n], s2[n], c[n]);
    }
  }
  for (int n = 0; n < kChannels; ++n) channels[n].state[0] = s1[n], channels[n].state[1] = s2[n];
}

template <int kChannels>
void VoiceFilter::svf(FilterKind kind, bool moves, const Channel (&channels)[kChannels],
                      int frames) noexcept {
  const auto run = [&]<FilterKind kKind>() {
    moves ? svf_run<kKind, true>(channels, frames) : svf_run<kKind, false>(channels, frames);
  };
  switch (kind) {
    case FilterKind::highpass:
      return run.template operator()<FilterKind::highpass>();
    case FilterKind::bandpass:
      return run.template operator()<FilterKind::bandpass>();
    case FilterKind::notch:
      return run.template operator()<FilterKind::notch>();
    default:
      return run.template operator()<FilterKind::lowpass>();
  }
}

template <int kGroups>
void VoiceFilter::process(const Span (&groups)[kGroups], int frames) noexcept {
  const FilterKind kind = groups[0].filter->kind_;
  const bool stereo = groups[0].right != nullptr;
  Channel left[kGroups], right[kGroups];
  bool moves = false;
  for (int g = 0; g < kGroups; ++g) {
    VoiceFilter& f = *groups[g].filter;
    if (stereo && !f.stereo_) std::memcpy(f.state_[1], f.state_[0], sizeof f.state_[0]);
    f.stereo_ = stereo;
    moves |= f.moves();
    left[g] = {groups[g].left, f.state_[0], f.c_};
    right[g] = {groups[g].right, f.state_[1], f.c_};
    if (kind != FilterKind::ladder) continue;
    f.ladder(groups[g].left, f.state_[0], frames);
    if (stereo) f.ladder(groups[g].right, f.state_[1], frames);
  }
  if (kind != FilterKind::ladder) {
    if (kGroups == 1 && stereo) {
      svf(kind, moves, {left[0], right[0]}, frames);
    } else {
      svf(kind, moves, left, frames);
      if (stereo) svf(kind, moves, right, frames);
    }
  }
  for (const Span& group : groups)
    for (LaneSmooth& c : group.filter->c_) c.advance(frames);
}

template void VoiceFilter::process<1>(const Span (&)[1], int) noexcept;
template void VoiceFilter::process<2>(const Span (&)[2], int) noexcept;
template void VoiceFilter::process<4>(const Span (&)[4], int) noexcept;

// Each one-pole gives y = G u + (1 - G) s; the loop's output without its input is what the four states add up
// to. Half of what the loop takes from the pass band is given back.
void VoiceFilter::ladder(F8* x, F8* state, int frames) noexcept {
  const F8 half = splat(0.5f), one = splat(1.0f), two = splat(2.0f);
  F8 s0 = state[0], s1 = state[1], s2 = state[2], s3 = state[3];
  for (int i = 0; i < frames; ++i) {
    const F8 gain = c_[0].at(i), k = c_[3].at(i), rest = one - gain;
    const F8 held = rest * fma(gain, fma(gain, fma(gain, s0, s1), s2), s3);
    const F8 gain2 = gain * gain;
    const F8 in = fma(half * k, x[i], x[i]);
    const F8 u = two * saturated(half * (in - k * held) / fma(k, gain2 * gain2, one));
    const F8 y0 = fma(gain, u - s0, s0), y1 = fma(gain, y0 - s1, s1);
    const F8 y2 = fma(gain, y1 - s2, s2), y3 = fma(gain, y2 - s3, s3);
    s0 = fma(two, y0, -s0), s1 = fma(two, y1, -s1), s2 = fma(two, y2, -s2), s3 = fma(two, y3, -s3);
    x[i] = y3;
  }
  state[0] = s0, state[1] = s1, state[2] = s2, state[3] = s3;
}

}  // namespace SYNTH_ISA
}  // namespace synth
