// True peak: the highest value of the continuous signal behind the samples, per hop.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "synth/kernels/finish.h"
#include "synth/kernels/wide.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kHopsPerSpan = 6, kSpan = kHopsPerSpan * kHop;  // what is interpolated at a time

double bessel_i0(double x) {
  double sum = 1.0, term = 1.0;
  for (int k = 1; k < 40; ++k) sum += term *= (x / (2.0 * k)) * (x / (2.0 * k));
  return sum;
}

// Windows over -1 to 1.
struct Hann {
  static double at(double r) { return 0.5 + 0.5 * std::cos(std::numbers::pi * r); }
};
struct Kaiser {
  static double at(double r) { return bessel_i0(5.5 * std::sqrt(std::max(0.0, 1.0 - r * r))); }
};

// Windowed sincs for the points at 1/4, 1/2 and 3/4 between two samples. Those at 1/4 and 3/4 are mirror
// images of each other, so their sum and their difference need the filter of one.
template <int kTaps, class Window>
struct Interpolator {
  static constexpr int kPairs = kTaps / 2;
  float even[kPairs], odd[kPairs], half[kPairs];
  float reach = 0.0f;  // no interpolated value is further above the samples than this factor

  // Made at first use: code of another instruction set must not run when the program is loaded.
  static const Interpolator& instance() {
    static const Interpolator instance;
    return instance;
  }

 private:
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

  void design(double at, double* h) {
    double sum = 0.0, magnitude = 0.0;
    for (int k = 0; k < kTaps; ++k) {
      const double t = k - (kTaps / 2 - 1) - at;
      sum += h[k] = std::sin(std::numbers::pi * t) / (std::numbers::pi * t) * Window::at(t / (kTaps / 2.0));
    }
    for (int k = 0; k < kTaps; ++k) magnitude += std::abs(h[k] /= sum);
    reach = std::max(reach, static_cast<float>(magnitude));
  }
};

// What meters use: the length of BS.1770-4's own filter, which gives way above 0.3 of the sample rate.
using MeterFilter = Interpolator<12, Hann>;
// Flat within 0.02 dB up to 0.45 of the sample rate.
using StrictFilter = Interpolator<36, Kaiser>;

// The points at 1/4, 1/2 and 3/4 after each frame of a span. `third` begins with the one before the span.
struct Points {
  alignas(64) float first[kSpan], second[kSpan], third[kSpan + kWide];
};

// Not inlined, so that the sums get all registers. The samples are loaded once, which the compiler would not
// do.
template <class Filter>
__attribute__((noinline)) void interpolate(const Filter& filter, const float* x, Points& points) noexcept {
  constexpr int kRows = kWide == 16 ? 6 : kWide == 8 ? 3 : 2, kGroup = kRows * kWide;
  for (int n = 0; n < kSpan; n += kGroup) {
    Wide even[kRows] = {}, odd[kRows] = {}, half[kRows] = {};
    const float* left = x + n - (Filter::kPairs - 1);
    const float* right = x + n + Filter::kPairs;
    for (int k = 0; k < Filter::kPairs; ++k) {
      const Wide e = splat_wide(filter.even[k]), o = splat_wide(filter.odd[k]),
                 h = splat_wide(filter.half[k]);
      for (int r = 0; r < kRows; ++r) {
        const Wide a = once(left + k + r * kWide), b = once(right - k + r * kWide);
        even[r] = fuse(e, a + b, even[r]);
        odd[r] = fuse(o, a - b, odd[r]);
        half[r] = fuse(h, a + b, half[r]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      keep(even[r] + odd[r], points.first + n + r * kWide);
      keep(half[r], points.second + n + r * kWide);
      keep(even[r] - odd[r], points.third + 1 + n + r * kWide);
    }
  }
}

float third_before(const StrictFilter& filter, const float* x) noexcept {
  float sum = 0.0f;
  for (int k = 0; k < StrictFilter::kPairs; ++k) {
    const float a = x[k - StrictFilter::kPairs], b = x[StrictFilter::kPairs - 1 - k];
    sum += filter.even[k] * (a + b) - filter.odd[k] * (a - b);
  }
  return sum;
}

float highest_sample(const float* x) noexcept {
  Wide top{};
  for (int n = 0; n < kHop; n += kWide) top = higher(top, magnitude(wide(x + n)));
  return highest(top);
}

// Of the hop at frame n of the span.
float highest_point(const float* x, const Points& points, int n) noexcept {
  Wide top{};
  for (const int end = n + kHop; n < end; n += kWide) {
    top = higher(higher(top, magnitude(wide(x + n))), magnitude(wide(points.first + n)));
    top = higher(higher(top, magnitude(wide(points.second + n))), magnitude(wide(points.third + 1 + n)));
  }
  return highest(top);
}

// A parabola through three points a quarter of a sample apart finds the top between them: what it misses is
// under 0.05 dB up to 0.45 of the sample rate. It adds most to a tone at half the rate.
constexpr float kMostAdded = 1.0824f;

Wide parabola(const Wide& a, const Wide& b, const Wide& c) noexcept {
  const Wide slope = a - c, bend = b + b - a - c, steep = magnitude(bend);
  const Wide more = slope * slope / (8.0f * steep + 1e-30f);
  return magnitude(b) + ((magnitude(slope) <= steep) & (bend * b > 0.0f) ? more : Wide{});
}

float highest_parabola(const float* x, const Points& points, int n) noexcept {
  Wide top{};
  for (const int end = n + kHop; n < end; n += kWide) {
    const Wide before = wide(points.third + n), at = wide(x + n), first = wide(points.first + n),
               second = wide(points.second + n), third = wide(points.third + 1 + n), after = wide(x + n + 1);
    top = higher(higher(top, parabola(before, at, first)), parabola(at, first, second));
    top = higher(higher(top, parabola(first, second, third)), parabola(second, third, after));
  }
  return highest(top);
}

// Calls see(first hop, samples) for each span whose samples may reach the floor.
template <class See>
void spans(const float* x, int hops, float reach, float floor, const float* sample_peaks, See see) noexcept {
  for (int j = 0; j < hops; j += kHopsPerSpan) {
    float around = 0.0f;
    for (int k = j - kNear; k < j + kHopsPerSpan + kNear; ++k)
      around = std::max(around, k >= 0 && k < hops ? sample_peaks[k] : highest_sample(x + k * kHop));
    if (around * reach > floor) see(j, std::min(j + kHopsPerSpan, hops), x + j * kHop);
  }
}

}  // namespace

static_assert(StrictFilter::kPairs + 1 <= kNear * kHop);

void sample_peaks(const float* x, int hops, float* peaks) {
  for (int j = 0; j < hops; ++j) peaks[j] = highest_sample(x + j * kHop);
}

void meter_peaks(const float* x, int hops, float floor, const float* samples, float* peaks) {
  std::copy_n(samples, hops, peaks);
  const MeterFilter& filter = MeterFilter::instance();
  Points points;
  spans(x, hops, filter.reach, floor, samples, [&](int begin, int end, const float* at) {
    interpolate(filter, at, points);
    for (int j = begin; j < end; ++j) peaks[j] = highest_point(at, points, (j - begin) * kHop);
  });
}

void strict_peaks(const float* x, int hops, float floor, const float* samples, float* peaks) {
  std::copy_n(samples, hops, peaks);
  const StrictFilter& filter = StrictFilter::instance();
  Points points;
  spans(x, hops, filter.reach * kMostAdded, floor, samples, [&](int begin, int end, const float* at) {
    interpolate(filter, at, points);
    points.third[0] = third_before(filter, at);
    for (int j = begin; j < end; ++j) {
      const float top = highest_point(at, points, (j - begin) * kHop);
      peaks[j] = top * kMostAdded > floor ? highest_parabola(at, points, (j - begin) * kHop) : top;
    }
  });
}

}  // namespace SYNTH_ISA
}  // namespace synth
