// The attack, decay, sustain, release envelopes of eight notes, one per lane.
#pragma once

#include <algorithm>
#include <cmath>

#include "synth/dsp/lane_math.h"

namespace synth {
inline namespace SYNTH_ISA {

// Per frame. Attack is a straight line of attack_s from silence to full. Decay covers 99 % of its way in
// decay_s. Release falls by 60 dB in release_s and ends at -100 dB.
struct AdsrTimes {
  float attack_step = 1.0f, decay_keep = 0.0f, sustain = 1.0f, release_keep = 0.0f;

  static AdsrTimes of(float attack_s, float decay_s, float sustain, float release_s, float rate) noexcept {
    return {1.0f / std::max(attack_s * rate, 1.0f), std::exp(-4.60517f / std::max(decay_s * rate, 1.0f)),
            sustain, std::exp(-6.90776f / std::max(release_s * rate, 1.0f))};
  }
};

// The level is a goal plus a way that remains: the way shrinks by a factor or, in a rise, grows by a step.
// Kept apart they do not stall where a long decay's step is below the resolution of the level. Only a rise
// needs a look at each frame. A note that is struck again rises from where it is.
class LaneAdsr {
 public:
  void on(int lane, const AdsrTimes& times) noexcept {
    stage_[lane] = kAttack;
    settle(times);
  }
  void off(int lane, const AdsrTimes& times) noexcept {
    if (stage_[lane] != kIdle) stage_[lane] = kRelease;
    settle(times);
  }
  // A new note starts from silence.
  void silence(int lane) noexcept { goal_[lane] = way_[lane] = 0.0f; }
  [[nodiscard]] bool active(int lane) const noexcept { return stage_[lane] != kIdle; }
  [[nodiscard]] bool active() const noexcept { return any(stage_ != kIdle); }
  // Nothing moves: idle or held at the sustain level.
  [[nodiscard]] bool flat() const noexcept { return flat_; }
  [[nodiscard]] F8 level() const noexcept { return goal_ + way_; }

  // Once per control line: ends what has become inaudible and takes on new times.
  void settle(const AdsrTimes& times) noexcept {
    const F8 zero = splat(0.0f), one = splat(1.0f);
    sustain_ = times.sustain;
    decay_keep_ = times.decay_keep;
    F8 now = level();
    const I8 ended = (stage_ == kRelease) & (now < splat(1e-5f));
    stage_ = ended ? I8{} + kIdle : stage_;
    now = stage_ == kIdle ? zero : now;
    const I8 decays = stage_ == kDecay;
    const F8 goal = decays ? splat(times.sustain) : zero;
    way_ = goal == goal_ && stage_ != kIdle ? way_ : now - goal;
    goal_ = goal;
    const I8 arrived = decays & (abs(way_) < splat(1e-6f));
    way_ = arrived ? zero : way_;
    keep_ = stage_ == kRelease  ? splat(times.release_keep)
            : decays & ~arrived ? splat(times.decay_keep)
                                : one;
    add_ = stage_ == kAttack ? splat(times.attack_step) : zero;
    rises_ = any(stage_ == kAttack);
    flat_ = !any((keep_ != one) | (add_ != zero));
  }

  // What all but a rise is: a way that shrinks by a factor per frame, before its level is taken.
  struct Fall {
    F8 goal, way, keep;
  };
  [[nodiscard]] bool rises() const noexcept { return rises_; }
  [[nodiscard]] Fall fall() const noexcept { return {goal_, way_, keep_}; }
  void fell_to(const F8& way) noexcept { way_ = way; }

  // The level after each of the coming frames.
  void fill(F8* out, int frames) noexcept {
    if (rises_) return rise(out, frames);
    const F8 goal = goal_, keep = keep_;
    F8 way = way_;
    for (int i = 0; i < frames; ++i) {
      way *= keep;
      out[i] = goal + way;
    }
    way_ = way;
  }

 private:
  static constexpr std::int32_t kIdle = 0, kAttack = 1, kDecay = 2, kRelease = 3;

  void rise(F8* out, int frames) noexcept {
    const F8 one = splat(1.0f), sustain = splat(sustain_), rest = one - sustain, decay = splat(decay_keep_);
    F8 goal = goal_, way = way_, keep = keep_, add = add_;
    I8 topped = {};
    for (int i = 0; i < frames; ++i) {
      way = fma(way, keep, add);
      const I8 over = (goal + way >= one) & (stage_ == kAttack) & ~topped;
      goal = over ? sustain : goal;
      way = over ? rest : way;
      keep = over ? decay : keep;
      add = over ? splat(0.0f) : add;
      topped |= over;
      out[i] = goal + way;
    }
    goal_ = goal, way_ = way, keep_ = keep, add_ = add;
    stage_ = topped & (stage_ == kAttack) ? I8{} + kDecay : stage_;
    rises_ = any(stage_ == kAttack);
  }

  I8 stage_{};
  F8 goal_{}, way_{}, keep_{}, add_{};
  float sustain_ = 1.0f, decay_keep_ = 0.0f;
  bool rises_ = false, flat_ = true;
};

}  // namespace SYNTH_ISA
}  // namespace synth
