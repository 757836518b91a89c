// Functions of eight lanes at once: sine, tangent, powers of two, comparisons, seeded chance.
//
// Polynomials were fitted with equal ripple; the errors are those of the fit, before rounding to float.
#pragma once

#include "synth/dsp/lanes.h"

namespace synth {
inline namespace SYNTH_ISA {

SYNTH_INLINE F8 lane_index() noexcept { return F8{0, 1, 2, 3, 4, 5, 6, 7}; }
SYNTH_INLINE U8 splat_bits(std::uint32_t x) noexcept { return U8{x, x, x, x, x, x, x, x}; }

SYNTH_INLINE bool any(const I8& mask) noexcept {
#if defined(__AVX__)
  return _mm256_testz_si256(reinterpret_cast<__m256i>(mask), reinterpret_cast<__m256i>(mask)) == 0;
#else
  std::int64_t parts[4];
  std::memcpy(parts, &mask, sizeof parts);
  return (parts[0] | parts[1] | parts[2] | parts[3]) != 0;
#endif
}

SYNTH_INLINE F8 clamp(const F8& x, float low, float high) noexcept {
  return min(max(x, splat(low)), splat(high));
}
SYNTH_INLINE F8 floor(const F8& x) noexcept {
  const F8 cut = to_float(to_int(x));
  return cut - (x < cut ? splat(1.0f) : splat(0.0f));
}

// As in smoothstep.h.
SYNTH_INLINE F8 smoothstep(const F8& u) noexcept {
  return u * u * u * fma(u, fma(splat(6.0f), u, splat(-15.0f)), splat(10.0f));
}

// sin(2 pi t) for t within a quarter turn of 0; error 7e-9.
SYNTH_INLINE F8 sine_of_quarter(const F8& t) noexcept {
  const F8 s = t * t;
  F8 p = fma(s, splat(39.76161575f), splat(-76.58139801f));
  p = fma(s, p, splat(81.60248566f));
  p = fma(s, p, splat(-41.34168243f));
  return t * fma(s, p, splat(6.28318548f));
}

// A phase in 2^-32 turns.
SYNTH_INLINE F8 sine(const U8& phase) noexcept {
  const F8 from_trough = to_float(reinterpret_cast<I8>(phase + 0x40000000u)) * splat(0x1p-32f);
  return sine_of_quarter(abs(from_trough) - splat(0.25f));
}

// 2^x for |x| <= 126; relative error 8e-8.
SYNTH_INLINE F8 exp2(const F8& x) noexcept {
  const F8 whole = floor(x + splat(0.5f)), rest = x - whole;
  F8 p = fma(rest, splat(0.0013409991f), splat(0.009676036f));
  p = fma(rest, p, splat(0.0555029735f));
  p = fma(rest, p, splat(0.2402210683f));
  p = fma(rest, p, splat(0.6931472421f));
  p = fma(rest, p, splat(1.0000001192f));
  return p * reinterpret_cast<F8>((to_int(whole) + 127) << 23);
}

// tan(pi x) for x in [0, 0.49].
SYNTH_INLINE F8 tan_pi(const F8& x) noexcept {
  const F8 half = splat(0.5f) * x;
  return sine_of_quarter(half) / sine_of_quarter(splat(0.25f) - half);
}

SYNTH_INLINE F8 sqrt(const F8& x) noexcept {
#if defined(__AVX2__)
  return reinterpret_cast<F8>(_mm256_sqrt_ps(reinterpret_cast<__m256>(x)));
#else
  F8 root;
  for (int i = 0; i < kLanes; ++i) root[i] = __builtin_sqrtf(x[i]);
  return root;
#endif
}

// Uniform in [-1, 1), the same for the same key: an avalanche of multiplications and shifts (C. Wellons'
// search for low-bias 32-bit mixers, 2018).
SYNTH_INLINE F8 chance(U8 key) noexcept {
  key ^= key >> 16;
  key *= 0x7feb352du;
  key ^= key >> 15;
  key *= 0x846ca68bu;
  key ^= key >> 16;
  return to_float(reinterpret_cast<I8>(key)) * splat(0x1p-31f);
}

// The sums of the lanes of eight vectors, one per lane of the result: a transpose that adds on its way.
SYNTH_INLINE F8 sums_of_lanes(const F8* rows) noexcept {
  F8 pairs[4], fours[2];
  for (int i = 0; i < 4; ++i)
    pairs[i] = in_halves<0, 4, 2, 6>(rows[2 * i], rows[2 * i + 1]) +
               in_halves<1, 5, 3, 7>(rows[2 * i], rows[2 * i + 1]);
  for (int i = 0; i < 2; ++i)
    fours[i] = in_halves<0, 1, 4, 5>(pairs[2 * i], pairs[2 * i + 1]) +
               in_halves<2, 3, 6, 7>(pairs[2 * i], pairs[2 * i + 1]);
  return low_halves(fours[0], fours[1]) + high_halves(fours[0], fours[1]);
}

// The sum of each frame's lanes. `lanes` is read up to the next multiple of eight.
inline void add_lanes(const F8* lanes, float* out, int frames) noexcept {
  for (int i = 0; i < frames; i += kLanes) {
    const F8 sum = sums_of_lanes(lanes + i);
    if (frames - i >= kLanes)
      store(out + i, sum);
    else
      for (int j = 0; j < frames - i; ++j) out[i + j] = sum[j];
  }
}

// A value per lane on a straight line, see Smooth: a function of the frames since it was aimed.
struct LaneSmooth {
  F8 from{}, step{}, target{};
  int done = 0, length = 1;
  bool moves = false;

  [[nodiscard]] SYNTH_INLINE F8 at(int frame) const noexcept {
    return fma(step, splat(static_cast<float>(done + frame)), from);
  }
  SYNTH_INLINE void aim(const F8& to, int frames) noexcept {
    from = done >= length ? target : at(0);
    target = to;
    step = (to - from) * splat(1.0f / static_cast<float>(frames));
    done = 0;
    length = frames;
    moves = any(step != splat(0.0f));
  }
  // The lane is there at once.
  SYNTH_INLINE void arrive(int lane) noexcept {
    from[lane] = target[lane];
    step[lane] = 0.0f;
  }
  SYNTH_INLINE void advance(int frames) noexcept { done += frames; }
};

}  // namespace SYNTH_ISA
}  // namespace synth
