// Oscillators of draft quality: eight voices in lanes, each jump smoothed over the two samples around it.
#pragma once

#include "synth/dsp/oscillator.h"

namespace synth {
inline namespace SYNTH_ISA {

// One oscillator of eight voices; the parts are those of Oscillator.
struct OscillatorLanes {
  U8 phase{}, increment{}, second{}, second_increment{};

  [[nodiscard]] Oscillator of(int lane) const noexcept {
    return {phase[lane], increment[lane], second[lane], second_increment[lane]};
  }
  void put(int lane, const Oscillator& o) noexcept {
    phase[lane] = o.phase, increment[lane] = o.increment;
    second[lane] = o.second, second_increment[lane] = o.second_increment;
  }
  // Below 0 it goes back.
  SYNTH_INLINE void skip(const I8& frames) noexcept {
    phase += increment * reinterpret_cast<U8>(frames);
    second += second_increment * reinterpret_cast<U8>(frames);
  }
};

// A value per frame and voice, of vectors of eight or sixteen lanes. A phase is also the signed distance to
// the nearest jump; `per_step` makes samples of it. Within one sample of a jump the polynomial is the
// integral of a triangle (2-point PolyBLEP: Valimaki and Huovilainen, IEEE SPM 24(2), 2007), and the
// integral of that at a corner.
template <class F, class I, class U>
struct DraftShape {
  static SYNTH_INLINE F all(float x) noexcept { return F{} + x; }
  static SYNTH_INLINE F magnitude(const F& x) noexcept {
    return reinterpret_cast<F>(reinterpret_cast<U>(x) & 0x7fffffffu);
  }
  // 1 at the jump, 0 from one sample on.
  static SYNTH_INLINE F nearness(const F& distance, const F& per_step) noexcept {
    return max(fma(-magnitude(distance), per_step, all(1.0f)), F{});
  }
  static SYNTH_INLINE F saw(const U& phase, const F& per_step) noexcept {
    const F distance = __builtin_convertvector(reinterpret_cast<I>(phase), F);
    const F near = nearness(distance, per_step), side = fma(-near, near, all(1.0f));
    const U sign = reinterpret_cast<U>(distance) & 0x80000000u;
    return fma(distance, all(-0x1p-31f), reinterpret_cast<F>(reinterpret_cast<U>(side) | sign));
  }
  static SYNTH_INLINE F triangle(const U& phase, const F& per_step, const F& bend) noexcept {
    const F peak = __builtin_convertvector(reinterpret_cast<I>(phase), F);
    const F trough = __builtin_convertvector(reinterpret_cast<I>(phase + 0x80000000u), F);
    const F a = nearness(peak, per_step), b = nearness(trough, per_step);
    return fma(bend, b * b * b - a * a * a, fma(magnitude(peak), all(-0x1p-30f), all(1.0f)));
  }
  template <Waveform kWaveform>
  static SYNTH_INLINE F value(const U& phase, const U& second, const F& per_step, const F& bend) noexcept {
    if constexpr (kWaveform == Waveform::square) return saw(phase, per_step) - saw(second, per_step);
    if constexpr (kWaveform == Waveform::triangle) return triangle(phase, per_step, bend);
    return saw(phase, per_step);
  }
};

// Adds the oscillators times their levels, left.at(i) and right.at(i), and moves on. `right` may be null.
template <Waveform kWaveform, class Gain>
void add_draft(OscillatorLanes& o, const Gain& gain, F8* left, F8* right, int frames) noexcept {
  const F8 step = to_float(reinterpret_cast<I8>(o.increment));
  const F8 per_step = splat(1.0f) / max(step, splat(1.0f)), bend = step * splat(8.0f / 6.0f * 0x1p-32f);
  int i = 0;
#if defined(__AVX512F__)
  if constexpr (kWaveform != Waveform::sine) {
    typedef std::int32_t I16 __attribute__((vector_size(64)));
    typedef std::uint32_t U16 __attribute__((vector_size(64)));
    using Shape = DraftShape<F16, I16, U16>;
    const auto two = [](const U8& a, const U8& b) {
      return reinterpret_cast<U16>(join(reinterpret_cast<F8>(a), reinterpret_cast<F8>(b)));
    };
    U16 phase = two(o.phase, o.phase + o.increment), second = two(o.second, o.second + o.second_increment);
    const U16 by = two(o.increment, o.increment) * 2,
              second_by = two(o.second_increment, o.second_increment) * 2;
    const F16 per_step16 = twice(per_step), bend16 = twice(bend);
    const auto accumulate = [](F8* at, const F16& x, const F16& level) {
      F16 sum;
      std::memcpy(&sum, at, sizeof sum);
      sum = fma(x, level, sum);
      std::memcpy(at, &sum, sizeof sum);
    };
    for (; i + 2 <= frames; i += 2) {
      const F16 x = Shape::template value<kWaveform>(phase, second, per_step16, bend16);
      accumulate(left + i, x, join(gain.left(i), gain.left(i + 1)));
      if (right) accumulate(right + i, x, join(gain.right(i), gain.right(i + 1)));
      phase += by, second += second_by;
    }
  }
#endif
  using Shape = DraftShape<F8, I8, U8>;
  U8 phase = o.phase + o.increment * static_cast<std::uint32_t>(i);
  U8 second = o.second + o.second_increment * static_cast<std::uint32_t>(i);
  for (; i < frames; ++i) {
    F8 x;
    if constexpr (kWaveform == Waveform::sine)
      x = sine(phase);
    else
      x = Shape::template value<kWaveform>(phase, second, per_step, bend);
    left[i] = fma(x, gain.left(i), left[i]);
    if (right) right[i] = fma(x, gain.right(i), right[i]);
    phase += o.increment, second += o.second_increment;
  }
  o.skip(I8{} + frames);
}

template <class Gain>
void add_draft(Waveform waveform, OscillatorLanes& o, const Gain& gain, F8* left, F8* right,
               int frames) noexcept {
  switch (waveform) {
    case Waveform::saw:
      return add_draft<Waveform::saw>(o, gain, left, right, frames);
    case Waveform::square:
      return add_draft<Waveform::square>(o, gain, left, right, frames);
    case Waveform::triangle:
      return add_draft<Waveform::triangle>(o, gain, left, right, frames);
    case Waveform::sine:
      return add_draft<Waveform::sine>(o, gain, left, right, frames);
  }
}

}  // namespace SYNTH_ISA
}  // namespace synth
