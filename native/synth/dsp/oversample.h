// Curves at four times the sample rate, so that the harmonics that they make do not fold back.
#pragma once

#include <cstring>

#include "synth/dsp/frames.h"

namespace synth {
inline namespace SYNTH_ISA {

// Half of a half-band low-pass of 2 kTaps - 1 coefficients: every other one is 0 and the middle is 0.5. A
// windowed sine (Kaiser and Schafer, "On the use of the I0-sinh window for spectrum analysis", IEEE Trans.
// ASSP 28(1), 1980).
template <int kTaps>
struct HalfBand {
  F8 taps[kTaps];

  void design(double beta) noexcept;
};

// x / sqrt(1 + x^2) of one channel, up and down in two steps of half-band filters, which in between are
// computed for eight frames at a time. The curve is averaged over the straight line from each value to the
// next, which takes away more of what folds (Parker, Zavalishin, Le Bivic, "Reducing the aliasing of
// nonlinear waveshaping using continuous-time convolution", DAFx 2016): its integral is sqrt(1 + x^2), and
// the quotient of the differences is the quotient of the sums below, which never divides by nothing.
class SoftClip {
 public:
  static constexpr int kSpan = 64;
  static constexpr int kLatency = 35;  // frames, 34.6 to be exact

  void prepare() { filters_ = &filters(); }
  // At most kSpan frames, in place.
  void run(float* x, int frames) noexcept;

 private:
  static constexpr int kNear = 8, kFar = 32, kPast = 32, kRoom = kPast + kSpan + kLanes;
  // One value per frame each: what came in; of every two at the double rate and every four at the fourfold
  // rate what lies at that place; behind the curve again two.
  enum { kIn, kEven, kOdd, kLastValue, kLastRoot, kShaped, kDownEven = kShaped + 4, kDownOdd, kRows };
  struct Filters {
    HalfBand<kFar> first;
    HalfBand<kNear> second;
    Filters() noexcept;
  };
  static const Filters& filters() noexcept;
  void clip(const Filters& f, int frames) noexcept;

  [[nodiscard]] float* row(int which) noexcept { return rows_[which] + kPast; }
  const Filters* filters_ = nullptr;
  alignas(32) float rows_[kRows][kRoom] = {};
};

}  // namespace SYNTH_ISA
}  // namespace synth
