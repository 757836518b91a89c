// As many floats as one register holds. Only for loops whose result is the same for every width: element by
// element, or a maximum.
#pragma once

#include "synth/dsp/lanes.h"

namespace synth {
inline namespace SYNTH_ISA {

#if defined(__AVX512F__)
inline constexpr int kWide = 16;
#elif defined(__AVX__)
inline constexpr int kWide = 8;
#else
inline constexpr int kWide = 4;
#endif

typedef float Wide __attribute__((vector_size(4 * kWide)));
typedef std::uint32_t WideBits __attribute__((vector_size(4 * kWide)));

SYNTH_INLINE Wide wide(const float* x) noexcept {
  Wide lanes;
  std::memcpy(&lanes, x, sizeof lanes);
  return lanes;
}
// Loaded into a register for several uses; the compiler would rather load again for each.
SYNTH_INLINE Wide once(const float* x) noexcept {
  Wide lanes = wide(x);
#if defined(__x86_64__)
  asm("" : "+x"(lanes));
#endif
  return lanes;
}
SYNTH_INLINE void keep(const Wide& lanes, float* x) noexcept { std::memcpy(x, &lanes, sizeof lanes); }
SYNTH_INLINE Wide splat_wide(float x) noexcept {
#if defined(__AVX512F__)
  return reinterpret_cast<Wide>(_mm512_set1_ps(x));
#elif defined(__AVX__)
  return splat(x);
#else
  return Wide{x, x, x, x};
#endif
}
SYNTH_INLINE Wide magnitude(const Wide& a) noexcept {
  return reinterpret_cast<Wide>(reinterpret_cast<WideBits>(a) & 0x7fffffffu);
}
SYNTH_INLINE Wide higher(const Wide& a, const Wide& b) noexcept { return a > b ? a : b; }
// a * b + c, see fma() in lanes.h.
SYNTH_INLINE Wide fuse(const Wide& a, const Wide& b, const Wide& c) noexcept {
#if defined(__AVX512F__)
  return reinterpret_cast<Wide>(
      _mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
#elif defined(__FMA__)
  return fma(a, b, c);
#else
  return a * b + c;
#endif
}

typedef float Four __attribute__((vector_size(16)));
SYNTH_INLINE float highest_of_four(const Four& a) noexcept {
  const Four b = __builtin_shufflevector(a, a, 2, 3, 2, 3), c = a > b ? a : b;
  return c[0] > c[1] ? c[0] : c[1];
}
SYNTH_INLINE float highest_of_eight(const F8& a) noexcept {
  const Four low = __builtin_shufflevector(a, a, 0, 1, 2, 3),
             high = __builtin_shufflevector(a, a, 4, 5, 6, 7);
  return highest_of_four(low > high ? low : high);
}
SYNTH_INLINE float highest(const Wide& a) noexcept {
#if defined(__AVX512F__)
  return highest_of_eight(max(__builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7),
                              __builtin_shufflevector(a, a, 8, 9, 10, 11, 12, 13, 14, 15)));
#elif defined(__AVX__)
  return highest_of_eight(a);
#else
  return highest_of_four(a);
#endif
}
SYNTH_INLINE float total(const Wide& a) noexcept {
  float sums[kWide];
  keep(a, sums);
  for (int half = kWide / 2; half > 0; half /= 2)
    for (int k = 0; k < half; ++k) sums[k] += sums[k + half];
  return sums[0];
}
// Whether any of them is above the floor.
SYNTH_INLINE bool reaches(const Wide& a, float floor) noexcept {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(reinterpret_cast<__m512>(a), _mm512_set1_ps(floor), _CMP_GT_OQ) != 0;
#elif defined(__AVX__)
  return _mm256_movemask_ps(_mm256_cmp_ps(reinterpret_cast<__m256>(a), _mm256_set1_ps(floor), _CMP_GT_OQ)) !=
         0;
#else
  return highest(a) > floor;
#endif
}

}  // namespace SYNTH_ISA
}  // namespace synth
