// K-weighted energy by ITU-R BS.1770-4, per hop.
#include "synth/dsp/lanes.h"
#include "synth/kernels/finish.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

// Left and right.
typedef double Pair __attribute__((vector_size(16)));

SYNTH_INLINE Pair pair(const double* x) noexcept { return Pair{x[0], x[1]}; }
SYNTH_INLINE Pair both(double x) noexcept { return Pair{x, x}; }
SYNTH_INLINE Pair fma(const Pair& a, const Pair& b, const Pair& c) noexcept {
#if defined(__FMA__)
  return reinterpret_cast<Pair>(
      _mm_fmadd_pd(reinterpret_cast<__m128d>(a), reinterpret_cast<__m128d>(b), reinterpret_cast<__m128d>(c)));
#else
  return a * b + c;
#endif
}

struct Stage {
  Pair b0, c1, c2, a1, a2, x1, z, z1;

  Stage(const Weighting::Stage& w, const WeightingState::Stage& s)
      : b0(both(w.b0)),
        c1(both(w.c1)),
        c2(both(w.c2)),
        a1(both(-w.a1)),
        a2(both(-w.a2)),
        x1(pair(s.x1)),
        z(pair(s.z)),
        z1(pair(s.z1)) {}

  SYNTH_INLINE Pair step(const Pair& x) noexcept {
    const Pair y = fma(b0, x, z);
    const Pair next = fma(a1, z, fma(a2, z1, fma(c1, x, c2 * x1)));
    z1 = z, z = next, x1 = x;
    return y;
  }
  void leave(WeightingState::Stage& s) const noexcept {
    for (int c = 0; c < 2; ++c) s.x1[c] = x1[c], s.z[c] = z[c], s.z1[c] = z1[c];
  }
};

// Of the samples without their headroom, to floats where those can hold it.
SYNTH_INLINE void keep_rounded(const Pair& lower, double* energies) noexcept {
  typedef float Floats __attribute__((vector_size(8)));
  constexpr double kUp = 1.0 / static_cast<double>(kHeadroom);
  const Pair energy = lower * both(kUp * kUp);
  const Pair rounded = __builtin_convertvector(__builtin_convertvector(energy, Floats), Pair);
  const Pair kept = energy < both(1e38) ? rounded : energy;
  std::memcpy(energies, &kept, sizeof kept);
}

}  // namespace

void weigh(const Weighting& weighting, WeightingState& state, const float* left, const float* right, int hops,
           double (*weighted)[2], double (*plain)[2]) {
  Stage shelf(weighting.shelf, state.shelf), cut(weighting.cut, state.cut);
  Pair sum = pair(state.sum);
  for (int j = 0; j < hops; ++j) {
    Pair loud{}, energy{};
    for (int i = j * kHop; i < (j + 1) * kHop; ++i) {
      const Pair x{static_cast<double>(left[i]), static_cast<double>(right[i])};
      const Pair y = cut.step(shelf.step(x));
      loud = fma(y, y, loud);
      energy = fma(x, x, energy);
      sum += x;
    }
    keep_rounded(loud, weighted[j]), keep_rounded(energy, plain[j]);
  }
  shelf.leave(state.shelf), cut.leave(state.cut);
  state.sum[0] = sum[0], state.sum[1] = sum[1];
}

}  // namespace SYNTH_ISA
}  // namespace synth
