// The soft limit of eight voices, at twice the sample rate.
#pragma once

#include <algorithm>
#include <cmath>

#include "synth/dsp/lane_math.h"

namespace synth {
inline namespace SYNTH_ISA {

// x / sqrt(1 + x^2), averaged over the line from each value to the next as in oversample.h, between two
// half-band filters of 2 kTaps - 1 coefficients each (Kaiser window). 15 frames late.
class LaneDrive {
 public:
  static constexpr int kTaps = 16, kMostFrames = 64;

  static void prepare() { filter(); }
  // At most kMostFrames, in place.
  void run(F8* x, float gain, int frames) noexcept {
    const Taps& taps = filter();
    const F8 by = splat(gain), half = splat(0.5f);
    F8 in[kPast + kMostFrames], odd[kPast + kMostFrames], even[kPast + kMostFrames];
    std::copy_n(in_, kPast, in);
    std::copy_n(odd_, kPast, odd);
    std::copy_n(even_, kPast, even);
    F8 last = last_, root = root_;
    for (int i = kPast; i < kPast + frames; ++i) {
      in[i] = by * x[i - kPast];
      odd[i] = curve(sum(taps, in + i), last, root);
      even[i] = curve(in[i - kTaps / 2 + 1], last, root);
      x[i - kPast] = half * (even[i - kTaps / 2] + sum(taps, odd + i));
    }
    last_ = last, root_ = root;
    std::copy_n(in + frames, kPast, in_);
    std::copy_n(odd + frames, kPast, odd_);
    std::copy_n(even + frames, kPast, even_);
  }

 private:
  static constexpr int kPast = kTaps;
  struct Taps {
    float at[kTaps];
    Taps() noexcept {
      constexpr double kPiExact = 3.141592653589793, kBeta = 6.0;
      double values[kTaps], all = 0.0;
      for (int k = 0; k < kTaps; ++k) {
        const double away = k - 0.5 * (kTaps - 1), place = 2.0 * away / kTaps;
        values[k] =
            std::sin(kPiExact * away) / (kPiExact * away) * bessel(kBeta * std::sqrt(1.0 - place * place));
        all += values[k];
      }
      for (int k = 0; k < kTaps; ++k) at[k] = static_cast<float>(values[k] / all);
    }
    // The modified Bessel function of order 0.
    static double bessel(double x) noexcept {
      double sum = 1.0, term = 1.0;
      for (int k = 1; k < 40; ++k) sum += term *= 0.25 * x * x / (k * k);
      return sum;
    }
  };
  static const Taps& filter() noexcept {
    static const Taps taps;
    return taps;
  }
  static SYNTH_INLINE F8 sum(const Taps& taps, const F8* x) noexcept {
    F8 a{}, b{};
    for (int k = 0; k < kTaps; k += 2) {
      a = fma(splat(taps.at[k]), x[-k], a);
      b = fma(splat(taps.at[k + 1]), x[-k - 1], b);
    }
    return a + b;
  }
  static SYNTH_INLINE F8 curve(const F8& x, F8& last, F8& root) noexcept {
    const F8 now = sqrt(fma(x, x, splat(1.0f))), y = (x + last) / (now + root);
    last = x, root = now;
    return y;
  }

  F8 in_[kPast]{}, odd_[kPast]{}, even_[kPast]{};
  F8 last_{}, root_ = splat(1.0f);
};

}  // namespace SYNTH_ISA
}  // namespace synth
