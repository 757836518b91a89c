// The topmost part of the band, which no interpolator of finite length measures: between 20 kHz and half the
// rate, at 44.1 kHz.
#include <numbers>

#include "synth/kernels/peaks.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

// What a linear-phase low-pass takes away: a fourth difference, which hears high frequencies alone, then
// every other frame of a narrow filter that hears them and low ones.
struct Edge {
  static constexpr int kPairs = 15, kDifference = 2, kReach = 2 * kPairs;  // frames on each side
  static constexpr double kWidth = 0.03;                                   // of the sample rate
  float taps[kPairs + 1];                                                  // from the middle outwards

  static const Edge& instance() {
    static const Edge instance;
    return instance;
  }

 private:
  Edge() {
    double low[kPairs + 1], sum = 0.0;
    for (int k = 0; k <= kPairs; ++k) {
      const double angle = 4.0 * std::numbers::pi * kWidth * k, r = static_cast<double>(k) / (kPairs + 1);
      low[k] = bessel_i0(kBeta * std::sqrt(1.0 - r * r)) * (k == 0 ? 1.0 : std::sin(angle) / angle);
      sum += (k == 0 ? 1.0 : 2.0) * low[k];
    }
    for (int k = 0; k <= kPairs; ++k) taps[k] = static_cast<float>(low[k] / sum);
  }
  static constexpr double kBeta = 3.0;
};
static_assert(Edge::kReach + Edge::kDifference <= kNear * kHop);

constexpr int kHopsAtOnce = 4;  // hops at a time

SYNTH_INLINE void take_edge(const Edge& edge, const float* x, float* out) noexcept {
  constexpr int kRows = 4, kAll = kHopsAtOnce * kHop + 2 * Edge::kReach;
  float high[kAll + kWide];
  for (int n = 0; n < kAll; n += kWide) {
    const float* at = x + n - Edge::kReach;
    const Wide far = wide(at - 2) + wide(at + 2), near = wide(at - 1) + wide(at + 1);
    keep(fuse(splat_wide(0.0625f), far, fuse(splat_wide(-0.25f), near, splat_wide(0.375f) * wide(at))),
         high + n);
  }
  for (int n = 0; n < kHopsAtOnce * kHop; n += kRows * kWide) {
    const float* middle = high + Edge::kReach + n;
    Wide sums[kRows];
    for (int r = 0; r < kRows; ++r) sums[r] = splat_wide(edge.taps[0]) * wide(middle + r * kWide);
    for (int k = 1; k <= Edge::kPairs; ++k) {
      const Wide tap = splat_wide(edge.taps[k]);
      for (int r = 0; r < kRows; ++r)
        sums[r] = fuse(tap, wide(middle + r * kWide - 2 * k) + wide(middle + r * kWide + 2 * k), sums[r]);
    }
    for (int r = 0; r < kRows; ++r) keep(sums[r], out + n + r * kWide);
  }
}

struct Ramp {
  float at[kHop];  // from 0 up to 1
  constexpr Ramp() : at() {
    for (int i = 0; i < kHop; ++i) at[i] = static_cast<float>(i) / static_cast<float>(kHop);
  }
};
constexpr Ramp kRamp;

// Returns the energy that is gone.
SYNTH_INLINE float take_away(const float* x, const float* top, float from, float to, float* out) noexcept {
  Wide lost{};
  for (int n = 0; n < kHop; n += kWide) {
    const Wide v = wide(x + n), share = fuse(splat_wide(to - from), wide(kRamp.at + n), splat_wide(from));
    const Wide gone = share * wide(top + n), left = v - gone;
    keep(left, out + n);
    lost = fuse(gone, v + left, lost);
  }
  return total(lost);
}

}  // namespace

void soften(const float* x, const float* shares, int hops, float floor, float* out, float* lost) {
  const Edge& edge = Edge::instance();
  float top[kHopsAtOnce * kHop];
  for (int first = 0; first < hops; first += kHopsAtOnce) {
    const int end = std::min(first + kHopsAtOnce, hops);
    bool wanted = shares[end] > 0.0f;
    for (int j = first; j < end; ++j) wanted |= shares[j] > 0.0f;
    if (wanted) take_edge(edge, x + first * kHop, top);
    for (int j = first; j < end; ++j) {
      const float* here = top + (j - first) * kHop;
      lost[j] = 0.0f;
      if (wanted && std::max(shares[j], shares[j + 1]) > 0.0f && highest_sample(here) >= floor) {
        lost[j] = take_away(x + j * kHop, here, shares[j], shares[j + 1], out + j * kHop);
      } else {
        std::memcpy(out + j * kHop, x + j * kHop, kHop * sizeof(float));
      }
    }
  }
}

}  // namespace SYNTH_ISA
}  // namespace synth
