// The filters of eight voices, one per lane.
#pragma once

#include "synth/dsp/envelope.h"

namespace synth {
inline namespace SYNTH_ISA {

enum class FilterKind { lowpass, highpass, bandpass, notch, ladder };

// Two or four integrators per channel, and coefficients on straight lines between control lines.
//
// The first four are the state variable filter of filter.h with its update written out, which shortens the
// chain from one frame's state to the next. The ladder is four one-pole low-passes in a loop solved without
// delay, with a saturating input (Zavalishin, "The Art of VA Filter Design", chapter 5); it oscillates by
// itself at resonance 1, and the saturation bounds it.
class VoiceFilter {
 public:
  // Cutoffs in Hz, resonance 0 .. 1 per lane: Q 0.707 to 12, or a loop gain of 0 to 4.3.
  void aim(FilterKind kind, const F8& cutoff_hz, const F8& resonance, float rate, int frames) noexcept {
    if ((kind == FilterKind::ladder) != (kind_ == FilterKind::ladder)) forget();
    kind_ = kind;
    const F8 g = tan_pi(clamp(cutoff_hz * splat(1.0f / rate), 1e-5f, 0.49f));
    const F8 one = splat(1.0f);
    if (kind == FilterKind::ladder) {
      c_[0].aim(g / (one + g), frames);
      c_[3].aim(splat(4.3f) * resonance, frames);
      return;
    }
    const F8 k = splat(1.41421356f) * exp2(splat(-4.08495f) * resonance);
    const F8 a = splat(2.0f) / fma(g, g + k, one);
    c_[0].aim(a - one, frames);
    c_[1].aim(g * a, frames);
    c_[2].aim(g * g * a, frames);
    c_[3].aim(k, frames);
  }
  [[nodiscard]] bool moves() const noexcept {
    return c_[0].moves || c_[1].moves || c_[2].moves || c_[3].moves;
  }
  void arrive(int lane) noexcept {
    for (LaneSmooth& c : c_) c.arrive(lane);
  }
  // A voice that starts: no state, and coefficients that are already there.
  void start(int lane) noexcept {
    arrive(lane);
    for (auto& channel : state_)
      for (F8& s : channel) s[lane] = 0.0f;
  }
  // The ladder and the others share neither state nor the meaning of coefficients: half-way between them is
  // no filter, and may grow without end.
  void forget() noexcept {
    for (LaneSmooth& c : c_) c = {};
    for (auto& channel : state_)
      for (F8& s : channel) s = splat(0.0f);
  }
  // Adds `kGroups` groups of voices, filtered and at their levels, to left and right. Several at a time, so
  // that their chains overlap. Groups of one call have the same kind, and `right` for all of them or none.
  struct Voices {
    VoiceFilter* filter;
    F8 *x, *right;  // the ladder writes there; null when left and right are the same
    LaneAdsr* envelope;
    const LaneSmooth *left_level, *right_level;  // aimed together
  };
#if defined(__AVX512F__)
  static constexpr int kMostGroups = 8;
#else
  static constexpr int kMostGroups = 4;
#endif
  static constexpr int kMostFrames = 64;
  template <int kGroups>
  static void mix(const Voices (&voices)[kGroups], F8* left, F8* right, int frames) noexcept;

 private:
  // Of a low-pass: nothing moves at all; no envelope bends; whatever. Then the other kinds, and no filter.
  enum class Path { still, falling, lowpass, any, through };
  using Envelopes = F8 (*)[kMostFrames];
  template <Path kPath, bool kStereo, int kGroups>
  static void run(const Voices* voices, Envelopes envelopes, F8* left, F8* right, int frames) noexcept;
  template <bool kStereo, int kGroups>
  static void choose(Path path, const Voices* voices, F8* left, F8* right, int frames) noexcept;
  void ladder(F8* x, F8* state, int frames) noexcept;

  FilterKind kind_ = FilterKind::lowpass;
  LaneSmooth c_[4];
  F8 state_[2][4]{};
  bool stereo_ = false;
};

}  // namespace SYNTH_ISA
}  // namespace synth
