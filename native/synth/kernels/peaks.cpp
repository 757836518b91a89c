// True peak: the highest value of the continuous signal behind the samples, per hop.
#include "synth/kernels/finish.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "synth/kernels/wide.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kTaps = 48, kPairs = kTaps / 2;
constexpr int kSpan = 6 * kHop;  // frames that are interpolated at a time
static_assert(kTaps / 2 + 1 <= kNear * kHop);

double bessel_i0(double x) {
  double sum = 1.0, term = 1.0;
  for (int k = 1; k < 40; ++k) sum += term *= (x / (2.0 * k)) * (x / (2.0 * k));
  return sum;
}

// Fourfold oversampling as in BS.1770-4, annex 2, with Kaiser-windowed sincs that are flat within 0.01 dB up
// to 0.46 of the sample rate. The points at 1/4 and 3/4 are mirror images of each other, so their sum and
// their difference need the filter of one.
struct Interpolator {
  float even[kPairs], odd[kPairs], half[kPairs];
  float reach = 0.0f;  // no interpolated value is further above the samples than this factor

  Interpolator() {
    double quarter[kTaps], middle[kTaps];
    design(0.25, quarter);
    design(0.5, middle);
    for (int k = 0; k < kPairs; ++k) {
      even[k] = static_cast<float>(0.5 * (quarter[k] + quarter[kTaps - 1 - k]));
      odd[k] = static_cast<float>(0.5 * (quarter[k] - quarter[kTaps - 1 - k]));
      half[k] = static_cast<float>(middle[k]);
    }
  }

 private:
  void design(double at, double* h) {
    constexpr double kBeta = 5.5;
    double sum = 0.0, magnitude = 0.0;
    for (int k = 0; k < kTaps; ++k) {
      const double t = k - (kTaps / 2 - 1) - at, r = t / (kTaps / 2.0);
      const double window = bessel_i0(kBeta * std::sqrt(std::max(0.0, 1.0 - r * r)));
      sum += h[k] = std::sin(std::numbers::pi * t) / (std::numbers::pi * t) * window;
    }
    for (int k = 0; k < kTaps; ++k) magnitude += std::abs(h[k] /= sum);
    reach = std::max(reach, static_cast<float>(magnitude));
  }
};

// Made at first use: code of another instruction set must not run when the program is loaded.
const Interpolator& interpolator() {
  static const Interpolator instance;
  return instance;
}

// A parabola through three points a quarter of a sample apart finds the top between them: what it misses is
// under 0.05 dB up to 0.45 of the sample rate. The largest correction is that of a tone at half the rate.
constexpr float kMostRefined = 1.0824f;

// One span of one channel: the points at 0, 1/4, 1/2 and 3/4 after each frame, and one more on each side.
class Span {
 public:
  Span(const Interpolator& filter, const float* x) noexcept : x_(x) {
    for (int n = 0; n < kSpan; n += kGroup) interpolate(filter, n);
    third_[0] = third_before(filter);
  }

  // Highest of the points of hop j as they are.
  [[nodiscard]] float points(int j) const noexcept {
    Wide top{};
    for (int n = j * kHop; n < (j + 1) * kHop; n += kWide) {
      top = higher(higher(top, magnitude(wide(x_ + n))), magnitude(wide(first_ + n)));
      top = higher(higher(top, magnitude(wide(second_ + n))), magnitude(wide(third_ + 1 + n)));
    }
    return highest(top);
  }

  // Highest of the parabolas through them.
  [[nodiscard]] float tops(int j) const noexcept {
    Wide top{};
    for (int n = j * kHop; n < (j + 1) * kHop; n += kWide) {
      const Wide before = wide(third_ + n), at = wide(x_ + n), first = wide(first_ + n),
                 second = wide(second_ + n), third = wide(third_ + 1 + n), after = wide(x_ + n + 1);
      top = higher(higher(top, parabola(before, at, first)), parabola(at, first, second));
      top = higher(higher(top, parabola(first, second, third)), parabola(second, third, after));
    }
    return highest(top);
  }

 private:
  // As many sums as the registers hold.
  static constexpr int kRows = kWide == 16 ? 6 : kWide == 8 ? 3 : 2, kGroup = kRows * kWide;

  static Wide parabola(const Wide& a, const Wide& b, const Wide& c) noexcept {
    const Wide slope = a - c, bend = b + b - a - c, steep = magnitude(bend);
    const Wide more = slope * slope / (8.0f * steep + 1e-30f);
    return magnitude(b) + ((magnitude(slope) <= steep) & (bend * b > 0.0f) ? more : Wide{});
  }

  __attribute__((noinline)) void interpolate(const Interpolator& filter, int n) noexcept {
    Wide even[kRows] = {}, odd[kRows] = {}, half[kRows] = {};
    const float* left = x_ + n - (kTaps / 2 - 1);
    const float* right = x_ + n + kTaps / 2;
    for (int k = 0; k < kPairs; ++k) {
      const Wide e = splat_wide(filter.even[k]), o = splat_wide(filter.odd[k]),
                 h = splat_wide(filter.half[k]);
      for (int r = 0; r < kRows; ++r) {
        Wide a = wide(left + k + r * kWide), b = wide(right - k + r * kWide);
        asm("" : "+x"(a), "+x"(b));
        even[r] = fuse(e, a + b, even[r]);
        odd[r] = fuse(o, a - b, odd[r]);
        half[r] = fuse(h, a + b, half[r]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      keep(even[r] + odd[r], first_ + n + r * kWide);
      keep(half[r], second_ + n + r * kWide);
      keep(even[r] - odd[r], third_ + 1 + n + r * kWide);
    }
  }

  [[nodiscard]] float third_before(const Interpolator& filter) const noexcept {
    float sum = 0.0f;
    for (int k = 0; k < kPairs; ++k) {
      const float a = x_[k - kTaps / 2], b = x_[kTaps / 2 - 1 - k];
      sum += filter.even[k] * (a + b) - filter.odd[k] * (a - b);
    }
    return sum;
  }

  const float* x_;
  alignas(64) float first_[kSpan], second_[kSpan], third_[kSpan + kWide];
};

float sample_peak(const float* x) noexcept {
  Wide top{};
  for (int n = 0; n < kHop; n += kWide) top = higher(top, magnitude(wide(x + n)));
  return highest(top);
}

}  // namespace

void peaks(const float* x, int hops, float floor, float* sample_peaks, float* true_peaks) {
  for (int j = 0; j < hops; ++j) true_peaks[j] = sample_peaks[j] = sample_peak(x + j * kHop);
  constexpr int kHops = kSpan / kHop;
  const Interpolator& filter = interpolator();
  for (int j = 0; j < hops; j += kHops) {
    float around = 0.0f;
    for (int k = j - kNear; k < j + kHops + kNear; ++k)
      around = std::max(around, k >= 0 && k < hops ? sample_peaks[k] : sample_peak(x + k * kHop));
    if (around * filter.reach * kMostRefined <= floor) continue;
    const Span span(filter, x + j * kHop);
    for (int k = j; k < std::min(j + kHops, hops); ++k) {
      const float top = span.points(k - j);
      true_peaks[k] = top * kMostRefined > floor ? span.tops(k - j) : top;
    }
  }
}

}  // namespace SYNTH_ISA
}  // namespace synth
