// Eight floats that one instruction works on: voices, delay lines or frames side by side.
//
// The width is the same in every instruction set (two registers on the baseline, one on AVX2), so that a
// kernel gives the same samples everywhere up to the rounding of fma. Compiler vector extensions do the
// arithmetic (+ - * / < ?: on whole lanes); here is only what they lack.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define SYNTH_INLINE __attribute__((always_inline)) inline

namespace synth {
inline namespace SYNTH_ISA {

inline constexpr int kLanes = 8;

typedef float F8 __attribute__((vector_size(32)));
typedef std::int32_t I8 __attribute__((vector_size(32)));
typedef std::uint32_t U8 __attribute__((vector_size(32)));

SYNTH_INLINE F8 splat(float x) noexcept { return F8{x, x, x, x, x, x, x, x}; }
SYNTH_INLINE F8 load(const float* x) noexcept {
  F8 lanes;
  std::memcpy(&lanes, x, sizeof lanes);
  return lanes;
}
SYNTH_INLINE void store(float* x, const F8& lanes) noexcept { std::memcpy(x, &lanes, sizeof lanes); }

// a * b + c, rounded once where the processor can. The compiler never fuses by itself (see CMakeLists.txt):
// then a loop's vector body and its tail could round differently, and a render that is split elsewhere would
// differ in its last bit. Written out, it is the same operation wherever the frame falls.
SYNTH_INLINE F8 fma(const F8& a, const F8& b, const F8& c) noexcept {
#if defined(__FMA__)
  return reinterpret_cast<F8>(
      _mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)));
#else
  return a * b + c;
#endif
}

SYNTH_INLINE F8 min(const F8& a, const F8& b) noexcept { return a < b ? a : b; }
SYNTH_INLINE F8 max(const F8& a, const F8& b) noexcept { return a > b ? a : b; }
SYNTH_INLINE F8 abs(const F8& a) noexcept {
  return reinterpret_cast<F8>(reinterpret_cast<U8>(a) & 0x7fffffffu);
}
SYNTH_INLINE F8 to_float(const I8& a) noexcept { return __builtin_convertvector(a, F8); }
SYNTH_INLINE I8 to_int(const F8& a) noexcept { return __builtin_convertvector(a, I8); }  // towards zero

// rows[i][j] <-> rows[j][i]: eight frames of one lane become one vector, and back.
SYNTH_INLINE void transpose(F8 (&rows)[8]) noexcept {
  F8 t[8], u[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    t[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const int from = k / 2 * 4 + k % 2, to = k / 2 * 4 + k % 2 * 2;
    u[to] = __builtin_shufflevector(t[from], t[from + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    u[to + 1] = __builtin_shufflevector(t[from], t[from + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    rows[i] = __builtin_shufflevector(u[i], u[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    rows[i + 4] = __builtin_shufflevector(u[i], u[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

}  // namespace SYNTH_ISA
}  // namespace synth
