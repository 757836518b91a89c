// Eight floats that one instruction works on: voices, delay lines or frames side by side.
//
// The width is the same in every instruction set (two registers on the baseline, one on AVX2), so that a
// kernel gives the same samples everywhere up to the rounding of fma. Compiler vector extensions do the
// arithmetic (+ - * / < ?: on whole lanes); here is only what they lack.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>

#if defined(__AVX__)
#include <immintrin.h>
#endif

#define SYNTH_INLINE __attribute__((always_inline)) inline

namespace synth {
inline namespace SYNTH_ISA {

inline constexpr int kLanes = 8;

typedef float F8 __attribute__((vector_size(32)));
typedef std::int32_t I8 __attribute__((vector_size(32)));
typedef std::uint32_t U8 __attribute__((vector_size(32)));

typedef float F4 __attribute__((vector_size(16)));

#if !defined(__AVX__)
// Without registers of eight the compiler halves arithmetic by itself, but takes everything else lane by
// lane.
SYNTH_INLINE F4 lower(const F8& x) noexcept {
  F4 half;
  std::memcpy(&half, &x, sizeof half);
  return half;
}
SYNTH_INLINE F4 upper(const F8& x) noexcept {
  F4 half;
  std::memcpy(&half, reinterpret_cast<const char*>(&x) + sizeof half, sizeof half);
  return half;
}
SYNTH_INLINE F8 of_halves(const F4& low, const F4& high) noexcept {
  F8 lanes;
  std::memcpy(&lanes, &low, sizeof low);
  std::memcpy(reinterpret_cast<char*>(&lanes) + sizeof low, &high, sizeof high);
  return lanes;
}
#endif

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

// The second where they are equal or one is no number. Named, because the compiler makes two of `a < b ? a :
// b`.
SYNTH_INLINE F8 min(const F8& a, const F8& b) noexcept {
#if defined(__AVX__)
  return reinterpret_cast<F8>(_mm256_min_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#else
  const F4 a0 = lower(a), a1 = upper(a), b0 = lower(b), b1 = upper(b);
  return of_halves(a0 < b0 ? a0 : b0, a1 < b1 ? a1 : b1);
#endif
}
SYNTH_INLINE F8 max(const F8& a, const F8& b) noexcept {
#if defined(__AVX__)
  return reinterpret_cast<F8>(_mm256_max_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b)));
#else
  const F4 a0 = lower(a), a1 = upper(a), b0 = lower(b), b1 = upper(b);
  return of_halves(a0 > b0 ? a0 : b0, a1 > b1 ? a1 : b1);
#endif
}
SYNTH_INLINE F8 abs(const F8& a) noexcept {
  return reinterpret_cast<F8>(reinterpret_cast<U8>(a) & 0x7fffffffu);
}
SYNTH_INLINE F8 to_float(const I8& a) noexcept { return __builtin_convertvector(a, F8); }
SYNTH_INLINE I8 to_int(const F8& a) noexcept { return __builtin_convertvector(a, I8); }  // towards zero

// Four lanes of two times four, within both halves of two vectors: 0 to 3 are the first's, 4 to 7 the
// second's.
template <int i, int j, int k, int l>
SYNTH_INLINE F8 in_halves(const F8& a, const F8& b) noexcept {
#if defined(__AVX__)
  constexpr auto at = [](int lane, int half) { return (lane < 4 ? lane : lane + 4) + half; };
  return __builtin_shufflevector(a, b, at(i, 0), at(j, 0), at(k, 0), at(l, 0), at(i, 4), at(j, 4), at(k, 4),
                                 at(l, 4));
#else
  return of_halves(__builtin_shufflevector(lower(a), lower(b), i, j, k, l),
                   __builtin_shufflevector(upper(a), upper(b), i, j, k, l));
#endif
}
SYNTH_INLINE F8 low_halves(const F8& a, const F8& b) noexcept {
#if defined(__AVX__)
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
#else
  return of_halves(lower(a), lower(b));
#endif
}
SYNTH_INLINE F8 high_halves(const F8& a, const F8& b) noexcept {
#if defined(__AVX__)
  return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
#else
  return of_halves(upper(a), upper(b));
#endif
}

// rows[i][j] <-> rows[j][i]: eight frames of one lane become one vector, and back.
SYNTH_INLINE void transpose(F8 (&rows)[8]) noexcept {
  F8 t[8], u[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = in_halves<0, 4, 1, 5>(rows[i], rows[i + 1]);
    t[i + 1] = in_halves<2, 6, 3, 7>(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const int from = k / 2 * 4 + k % 2, to = k / 2 * 4 + k % 2 * 2;
    u[to] = in_halves<0, 1, 4, 5>(t[from], t[from + 2]);
    u[to + 1] = in_halves<2, 3, 6, 7>(t[from], t[from + 2]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    rows[i] = low_halves(u[i], u[i + 4]);
    rows[i + 4] = high_halves(u[i], u[i + 4]);
  }
}

// Two times eight: one register on AVX-512, elsewhere two beside each other.
#if defined(__AVX512F__)
typedef float F16 __attribute__((vector_size(64)));

SYNTH_INLINE F16 join(const F8& low, const F8& high) noexcept {
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
SYNTH_INLINE F8 low(const F16& x) noexcept { return __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7); }
SYNTH_INLINE F8 high(const F16& x) noexcept {
  return __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
}
SYNTH_INLINE F16 swapped(const F16& x) noexcept {
  return __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
}
SYNTH_INLINE F16 fma(const F16& a, const F16& b, const F16& c) noexcept {
  return reinterpret_cast<F16>(
      _mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)));
}
SYNTH_INLINE F16 max(const F16& a, const F16& b) noexcept {
  // With a mask of all lanes: GCC 12 warns of the plain one.
  return reinterpret_cast<F16>(
      _mm512_maskz_max_ps(0xffff, reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
}
// Both halves by themselves.
SYNTH_INLINE void transpose(F16 (&rows)[8]) noexcept {
  F16 t[8], u[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    const F16 &a = rows[i], &b = rows[i + 1];
    t[i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    t[i + 1] = __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const int from = k / 2 * 4 + k % 2, to = k / 2 * 4 + k % 2 * 2;
    const F16 &a = t[from], &b = t[from + 2];
    u[to] = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    u[to + 1] = __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const F16 &a = u[i], &b = u[i + 4];
    rows[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    rows[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  }
}
#else
struct F16 {
  F8 lower, upper;
  friend SYNTH_INLINE F16 operator+(const F16& a, const F16& b) noexcept {
    return {a.lower + b.lower, a.upper + b.upper};
  }
  friend SYNTH_INLINE F16 operator-(const F16& a, const F16& b) noexcept {
    return {a.lower - b.lower, a.upper - b.upper};
  }
  friend SYNTH_INLINE F16 operator*(const F16& a, const F16& b) noexcept {
    return {a.lower * b.lower, a.upper * b.upper};
  }
};

SYNTH_INLINE F16 join(const F8& low, const F8& high) noexcept { return {low, high}; }
SYNTH_INLINE const F8& low(const F16& x) noexcept { return x.lower; }
SYNTH_INLINE const F8& high(const F16& x) noexcept { return x.upper; }
SYNTH_INLINE F16 swapped(const F16& x) noexcept { return {x.upper, x.lower}; }
SYNTH_INLINE F16 fma(const F16& a, const F16& b, const F16& c) noexcept {
  return {fma(a.lower, b.lower, c.lower), fma(a.upper, b.upper, c.upper)};
}
SYNTH_INLINE void transpose(F16 (&rows)[8]) noexcept {
  F8 lows[8], highs[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) lows[i] = rows[i].lower, highs[i] = rows[i].upper;
  transpose(lows);
  transpose(highs);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) rows[i] = {lows[i], highs[i]};
}
#endif
SYNTH_INLINE F16 twice(const F8& x) noexcept { return join(x, x); }

}  // namespace SYNTH_ISA
}  // namespace synth
