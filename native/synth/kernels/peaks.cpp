// True peak as meters read it, per hop.
#include "synth/kernels/peaks.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kMeterHops = 6, kMeterSpan = kMeterHops * kHop;  // what is interpolated at a time

// The points at 1/4, 1/2 and 3/4 after each frame of a span.
struct MeterPoints {
  alignas(64) float first[kMeterSpan], second[kMeterSpan], third[kMeterSpan];
};

// Not inlined, so that the sums get all registers. The samples are loaded once, which the compiler would not
// do.
__attribute__((noinline)) void interpolate(const MeterFilter& filter, const float* x,
                                           MeterPoints& points) noexcept {
  constexpr int kRows = kWide == 16 ? 6 : kWide == 8 ? 3 : 2, kGroup = kRows * kWide;
  for (int n = 0; n < kMeterSpan; n += kGroup) {
    Wide even[kRows] = {}, odd[kRows] = {}, half[kRows] = {};
    const float* left = x + n - (MeterFilter::kPairs - 1);
    const float* right = x + n + MeterFilter::kPairs;
    for (int k = 0; k < MeterFilter::kPairs; ++k) {
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
      keep(even[r] - odd[r], points.third + n + r * kWide);
    }
  }
}

// Of the hop at frame n of the span.
float highest_point(const float* x, const MeterPoints& points, int n) noexcept {
  Wide top{};
  for (const int end = n + kHop; n < end; n += kWide) {
    top = higher(higher(top, magnitude(wide(x + n))), magnitude(wide(points.first + n)));
    top = higher(higher(top, magnitude(wide(points.second + n))), magnitude(wide(points.third + n)));
  }
  return highest(top);
}

}  // namespace

void sample_peaks(const float* x, int hops, float* peaks) {
  for (int j = 0; j < hops; ++j) peaks[j] = highest_sample(x + j * kHop);
}

void meter_peaks(const float* x, int hops, float floor, const float* samples, float* peaks) {
  std::copy_n(samples, hops, peaks);
  const MeterFilter& filter = MeterFilter::instance();
  MeterPoints points;
  spans(x, hops, kMeterHops, filter.reach, floor, samples, [&](int begin, int end, float) {
    const float* at = x + begin * kHop;
    interpolate(filter, at, points);
    for (int j = begin; j < end; ++j) peaks[j] = highest_point(at, points, (j - begin) * kHop);
  });
}

}  // namespace SYNTH_ISA
}  // namespace synth
