// What the searches for true peaks share.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "synth/kernels/finish.h"
#include "synth/kernels/wide.h"

namespace synth {
inline namespace SYNTH_ISA {

// Bessel's I0, of which Kaiser's window is made.
inline double bessel_i0(double x) {
  double sum = 1.0, term = 1.0;
  for (int k = 1; k < 40; ++k) sum += term *= (x / (2.0 * k)) * (x / (2.0 * k));
  return sum;
}

// A window over -1 to 1.
inline double hann(double r) { return 0.5 + 0.5 * std::cos(std::numbers::pi * r); }

// Windowed sincs for the points at 1/4, 1/2 and 3/4 between two samples. Those at 1/4 and 3/4 are mirror
// images of each other, so their sum and their difference need the filter of one.
struct MeterFilter {
  // The length of BS.1770-4's own filter, which gives way above 0.3 of the sample rate.
  static constexpr int kTaps = 12, kPairs = kTaps / 2;
  float even[kPairs], odd[kPairs], half[kPairs];
  float reach = 0.0f;  // no interpolated value is further above the samples than this factor

  // Made at first use: code of another instruction set must not run when the program is loaded.
  static const MeterFilter& instance() {
    static const MeterFilter instance;
    return instance;
  }

 private:
  MeterFilter() {
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
      sum += h[k] = std::sin(std::numbers::pi * t) / (std::numbers::pi * t) * hann(t / (kTaps / 2.0));
    }
    for (int k = 0; k < kTaps; ++k) magnitude += std::abs(h[k] /= sum);
    reach = std::max(reach, static_cast<float>(magnitude));
  }
};

SYNTH_INLINE float highest_sample(const float* x) noexcept {
  Wide top{};
  for (int n = 0; n < kHop; n += kWide) top = higher(top, magnitude(wide(x + n)));
  return highest(top);
}

// Calls see(first hop, hop behind the last, highest sample) for each span whose samples may reach the floor.
template <class See>
SYNTH_INLINE void spans(const float* x, int hops, int longest, float reach, float floor,
                        const float* sample_peaks, See see) noexcept {
  for (int j = 0; j < hops; j += longest) {
    const int end = std::min(j + longest, hops);
    float around = 0.0f;
    for (int k = j - kNear; k < end + kNear; ++k)
      around = std::max(around, k >= 0 && k < hops ? sample_peaks[k] : highest_sample(x + k * kHop));
    if (around * reach > floor) see(j, end, around);
  }
}

}  // namespace SYNTH_ISA
}  // namespace synth
