// The state variable filter of filter.h for two channels at once.
#pragma once

#include "synth/dsp/filter.h"
#include "synth/dsp/stereo.h"

namespace synth {
inline namespace SYNTH_ISA {

// Coefficients on straight lines between control points. The update is written out in terms of the states
// before, which shortens the chain from frame to frame; it is linear in the coefficients, so all that is said
// there of their mixes holds.
class StereoSvf {
 public:
  struct Frame {
    F4 in, low, band, damping;
    [[nodiscard]] SYNTH_INLINE F4 band_pass() const noexcept { return damping * band; }
    [[nodiscard]] SYNTH_INLINE F4 notch() const noexcept { return in - damping * band; }
    [[nodiscard]] SYNTH_INLINE F4 high() const noexcept { return in - damping * band - low; }
  };

  void jump(const SvfCoefficients& c) noexcept {
    aimed_ = from_ = written_out(c);
    step_ = F4{};
    done_ = 0;
    moves_ = false;
  }
  void aim(const SvfCoefficients& c, int frames) noexcept {
    const F4 goal = written_out(c);
    if (same(goal, aimed_)) {
      if (moves_ && done_ >= length_) jump(c);
      // One that was aimed between two grid lines must not run past its goal, where the filter may be no
      // filter.
      if (!moves_ || length_ - done_ >= frames) return;
    }
    from_ = at(0);
    step_ = (goal - from_) / splat4(static_cast<float>(frames));
    aimed_ = goal;
    done_ = 0;
    length_ = frames;
    moves_ = true;
  }
  // give(i, Frame) for each of the frames that take(i) has.
  template <class Take, class Give>
  SYNTH_INLINE void run(int frames, Take&& take, Give&& give) noexcept {
    if (moves_)
      turn<true>(frames, take, give);
    else
      turn<false>(frames, take, give);
    done_ += frames;
  }
  // One frame with coefficients that rest.
  SYNTH_INLINE Frame step(const F4& x) noexcept { return step(x, spread(from_), s1_, s2_); }

 private:
  struct Spread {
    F4 c1, c2, c3, damping;
  };
  static SYNTH_INLINE Spread spread(const F4& c) noexcept {
    return {__builtin_shufflevector(c, c, 0, 0, 0, 0), __builtin_shufflevector(c, c, 1, 1, 1, 1),
            __builtin_shufflevector(c, c, 2, 2, 2, 2), __builtin_shufflevector(c, c, 3, 3, 3, 3)};
  }
  static F4 written_out(const SvfCoefficients& c) noexcept {
    return F4{2.0f * c.a1 - 1.0f, 2.0f * c.a2, 2.0f * c.a3, c.damping};
  }
  static bool same(const F4& a, const F4& b) noexcept {
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3];
  }
  [[nodiscard]] SYNTH_INLINE F4 at(int frame) const noexcept {
    return fma(step_, splat4(static_cast<float>(done_ + frame)), from_);
  }
  static SYNTH_INLINE Frame step(const F4& x, const Spread& c, F4& s1, F4& s2) noexcept {
    const F4 half = splat4(0.5f), d = x - s2;
    const F4 to1 = fma(c.c1, s1, c.c2 * d), to2 = fma(c.c3, d, fma(c.c2, s1, s2));
    const Frame frame{x, half * (s2 + to2), half * (s1 + to1), c.damping};
    s1 = to1, s2 = to2;
    return frame;
  }
  template <bool kMoves, class Take, class Give>
  SYNTH_INLINE void turn(int frames, Take& take, Give& give) noexcept {
    F4 s1 = s1_, s2 = s2_;
    Spread c = spread(from_);
    for (int i = 0; i < frames; ++i) {
      if constexpr (kMoves) c = spread(at(i));
      give(i, step(take(i), c, s1, s2));
    }
    s1_ = s1, s2_ = s2;
  }

  F4 from_{}, step_{}, aimed_{}, s1_{}, s2_{};
  int done_ = 0, length_ = 1;
  bool moves_ = false;
};

}  // namespace SYNTH_ISA
}  // namespace synth
