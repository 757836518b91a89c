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

// Every stage is level * keep + add, so a frame costs one fused operation; only a rise needs a look at each
// frame. A note that is struck again rises from where it is.
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
  void silence(int lane) noexcept { level_[lane] = 0.0f; }
  [[nodiscard]] bool active(int lane) const noexcept { return stage_[lane] != kIdle; }
  [[nodiscard]] bool active() const noexcept { return any(stage_ != kIdle); }
  [[nodiscard]] const F8& level() const noexcept { return level_; }

  // Once per control line: ends what has become inaudible and takes on new times.
  void settle(const AdsrTimes& times) noexcept {
    const F8 sustain = splat(times.sustain), zero = splat(0.0f), one = splat(1.0f);
    const I8 ended = (stage_ == kRelease) & (level_ < splat(1e-5f));
    stage_ = ended ? I8{} + kIdle : stage_;
    level_ = stage_ == kIdle ? zero : level_;
    const I8 decays = stage_ == kDecay;
    const I8 arrived = decays & (abs(level_ - sustain) < splat(1e-6f));
    level_ = arrived ? sustain : level_;
    keep_ = one;
    add_ = stage_ == kAttack ? splat(times.attack_step) : zero;
    decay_keep_ = times.decay_keep;
    decay_add_ = times.sustain * (1.0f - times.decay_keep);
    const I8 falls = decays & ~arrived;
    keep_ = falls ? splat(decay_keep_) : keep_;
    add_ = falls ? splat(decay_add_) : add_;
    keep_ = stage_ == kRelease ? splat(times.release_keep) : keep_;
    rises_ = any(stage_ == kAttack);
    flat_ = !any((keep_ != one) | (add_ != zero));
  }

  // The level after each of the coming frames.
  void fill(F8* out, int frames) noexcept {
    F8 level = level_;
    if (rises_) return rise(out, frames);
    if (flat_)
      for (int i = 0; i < frames; ++i) out[i] = level;
    else
      for (int i = 0; i < frames; ++i) out[i] = level = fma(level, keep_, add_);
    level_ = level;
  }

 private:
  static constexpr std::int32_t kIdle = 0, kAttack = 1, kDecay = 2, kRelease = 3;

  void rise(F8* out, int frames) noexcept {
    const F8 one = splat(1.0f), decay_keep = splat(decay_keep_), decay_add = splat(decay_add_);
    F8 level = level_, keep = keep_, add = add_;
    I8 topped = {};
    for (int i = 0; i < frames; ++i) {
      level = fma(level, keep, add);
      const I8 over = level >= one;
      level = min(level, one);
      keep = over ? decay_keep : keep;
      add = over ? decay_add : add;
      topped |= over;
      out[i] = level;
    }
    level_ = level, keep_ = keep, add_ = add;
    stage_ = topped & (stage_ == kAttack) ? I8{} + kDecay : stage_;
    rises_ = any(stage_ == kAttack);
  }

  I8 stage_{};
  F8 level_{}, keep_{}, add_{};
  float decay_keep_ = 0.0f, decay_add_ = 0.0f;
  bool rises_ = false, flat_ = true;
};

}  // namespace SYNTH_ISA
}  // namespace synth
