// The attack, decay, sustain, release envelopes of eight notes, one per lane.
#pragma once

#include <algorithm>
#include <cmath>

#include "synth/dsp/lane_math.h"

namespace synth {
inline namespace SYNTH_ISA {

// How long corners of a level are rounded. A corner is broad: that of a rise in 2 ms is heard at -45 dB.
inline constexpr float kBendS = 0.004f;

// Per frame. Attack is a straight line from silence to full with both its ends rounded over bend_s; it takes
// attack_s, or bend_s where that is more. Decay covers 99 % of its way in decay_s. Release falls by 60 dB in
// release_s and ends at -100 dB. Both begin with what went before and are themselves behind bend_s.
struct AdsrTimes {
  float attack = 1.0f, decay_keep = 0.0f, sustain = 1.0f, release_keep = 0.0f, bend = 1.0f;

  static AdsrTimes of(float attack_s, float decay_s, float sustain, float release_s, float rate,
                      float bend_s = kBendS) noexcept {
    return {std::max((attack_s - bend_s) * rate, 1.0f), std::exp(-4.60517f / std::max(decay_s * rate, 1.0f)),
            sustain, std::exp(-6.90776f / std::max(release_s * rate, 1.0f)), bend_s * rate};
  }
};

// The level is a goal plus a way that remains, which shrinks by a factor. Kept apart they do not stall where
// a long decay's step is below the resolution of the level. Only bends, and rises, need a look at each frame.
// A note that is struck again rises from where it is, with the slope that it has.
class LaneAdsr {
 public:
  void on(int lane, const AdsrTimes& times) noexcept {
    turn(lane, kAttack);
    span_[lane] = times.attack;
    settle(times);
  }
  void off(int lane, const AdsrTimes& times) noexcept {
    if (stage_[lane] != kIdle) {
      turn(lane, kRelease);
      goal_[lane] = 0.0f, way_[lane] = from_[lane];
    }
    settle(times);
  }
  // A new note starts from silence.
  void silence(int lane) noexcept {
    goal_[lane] = way_[lane] = now_[lane] = speed_[lane] = 0.0f;
    stage_[lane] = kIdle;
    age_[lane] = shown_[lane] = kLongAgo;
  }
  [[nodiscard]] bool active(int lane) const noexcept { return stage_[lane] != kIdle; }
  [[nodiscard]] bool active() const noexcept { return any(stage_ != kIdle); }
  // Nothing moves: idle or held at the sustain level.
  [[nodiscard]] bool flat() const noexcept { return flat_; }
  [[nodiscard]] F8 level() const noexcept { return bends_ ? now_ : goal_ + way_; }

  // Cross-fades over bend_s: a lane that comes in, and a copy of it that goes out. What fill() gives is the
  // level times the fade; level() knows nothing of it.
  void show(int lane) noexcept {
    begin_bend();
    shown_[lane] = 0;
  }
  void show_all() noexcept {
    begin_bend();
    shown_ = I8{};
  }
  void hide_all() noexcept {
    begin_bend();
    hidden_ = 0;
  }
  void hide_all_but(int lane) noexcept {
    hide_all();
    for (int i = 0; i < kLanes; ++i)
      if (i != lane) silence(i);
  }
  // Nothing was heard since it was hidden.
  [[nodiscard]] bool just_hidden() const noexcept { return hidden_ == 0; }
  void take(int lane, const LaneAdsr& other) noexcept {
    stage_[lane] = other.stage_[lane], age_[lane] = other.age_[lane], shown_[lane] = other.shown_[lane];
    for (F8 LaneAdsr::*of : {&LaneAdsr::goal_, &LaneAdsr::way_, &LaneAdsr::keep_, &LaneAdsr::from_,
                             &LaneAdsr::slope_, &LaneAdsr::span_, &LaneAdsr::now_, &LaneAdsr::speed_})
      (this->*of)[lane] = (other.*of)[lane];
  }

  // Once per control line: ends what has become inaudible and takes on new times, but that of a rise.
  void settle(const AdsrTimes& times) noexcept {
    const F8 zero = splat(0.0f), one = splat(1.0f);
    sustain_ = times.sustain, decay_keep_ = times.decay_keep, bend_ = times.bend;
    if (hidden_ >= 0 && static_cast<float>(hidden_) >= bend_) stage_ = I8{} + kIdle;
    const I8 bent = to_float(age_) < splat(bend_), shown = to_float(shown_) < splat(bend_);
    const F8 after = goal_ + way_;
    const I8 ended = (stage_ == kRelease) & ~bent & (after < splat(1e-5f));
    stage_ = ended ? I8{} + kIdle : stage_;
    const I8 decays = stage_ == kDecay, rises = stage_ == kAttack, idle = stage_ == kIdle;
    const F8 goal = decays ? splat(times.sustain) : zero;
    way_ = idle ? zero : goal == goal_ ? way_ : after - goal;
    goal_ = goal;
    const I8 arrived = decays & (abs(way_) < splat(1e-6f));
    way_ = arrived ? zero : way_;
    keep_ = stage_ == kRelease  ? splat(times.release_keep)
            : decays & ~arrived ? splat(times.decay_keep)
                                : one;
    age_ = idle | (~rises & ~bent) ? I8{} + kLongAgo : age_;
    shown_ = shown ? shown_ : I8{} + kLongAgo;
    if (bends_) {
      now_ = idle ? zero : now_;
      speed_ = idle ? zero : speed_;
    }
    bends_ = any(~idle & (rises | bent | shown)) || (hidden_ >= 0 && any(~idle));
    flat_ = !bends_ && !any(keep_ != one);
    // Up to the next control line.
    const F8 age = to_float(age_);
    const I8 line = (age >= splat(bend_)) & (age + splat(static_cast<float>(kSettleFrames)) < span_);
    straight_ = bends_ && hidden_ < 0 && !any(~idle & ((rises & ~line) | (~rises & bent) | shown));
  }

  // What all but bends and rises are: a way that shrinks by a factor per frame, before its level is taken.
  struct Fall {
    F8 goal, way, keep;
  };
  [[nodiscard]] bool bends() const noexcept { return bends_; }
  [[nodiscard]] Fall fall() const noexcept { return {goal_, way_, keep_}; }
  void fell_to(const F8& way) noexcept { way_ = way; }

  // The level after each of the coming frames.
  void fill(F8* out, int frames) noexcept {
    if (bends_) return straight_ ? rise(out, frames) : bend(out, frames);
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
  static constexpr int kSettleFrames = 64;           // most between two calls of settle()
  static constexpr std::int32_t kLongAgo = 1 << 22;  // more than any bend

  // A slope that sets in over the first `bend` frames: the area under smoothstep, 1/2 u^4 (2 u^2 - 6 u + 5).
  static SYNTH_INLINE F8 ramp(const F8& frames, float bend, float per_bend) noexcept {
    const F8 u = clamp(frames * splat(per_bend), 0.0f, 1.0f), square = u * u;
    const F8 area =
        splat(0.5f * bend) * square * square * fma(u, fma(splat(2.0f), u, splat(-6.0f)), splat(5.0f));
    return area + max(frames - splat(bend), splat(0.0f));
  }

  void begin_bend() noexcept {
    flat_ = straight_ = false;
    if (bends_) return;
    bends_ = true;
    now_ = goal_ + way_;
    speed_ = way_ * (keep_ - splat(1.0f));
  }
  void turn(int lane, std::int32_t stage) noexcept {
    begin_bend();
    from_[lane] = now_[lane];
    slope_[lane] = speed_[lane];
    stage_[lane] = stage;
    age_[lane] = 0;
  }

  // What rises is between the bends, and nothing else bends.
  void rise(F8* out, int frames) noexcept {
    const I8 rises = stage_ == kAttack, each = I8{} + 1;
    const F8 step = (splat(1.0f) - from_) / span_, zero = fma(step, splat(-0.5f * bend_), from_);
    for (int i = 0; i < frames; ++i) {
      age_ += each;
      way_ *= keep_;
      out[i] = rises ? fma(step, to_float(age_), zero) : goal_ + way_;
    }
    now_ = out[frames - 1];
    speed_ = rises ? step : way_ * (keep_ - splat(1.0f));
  }

  void bend(F8* out, int frames) noexcept {
    const F8 one = splat(1.0f), zero = splat(0.0f), sustain = splat(sustain_), length = splat(bend_);
    const float per_bend = 1.0f / bend_;
    const I8 each = I8{} + 1;
    for (int i = 0; i < frames; ++i) {
      age_ += each;
      way_ *= keep_;
      const F8 age = to_float(age_), after = goal_ + way_;
      const F8 into = smoothstep(min(age * splat(per_bend), one));
      const F8 before = fma(slope_, min(age, length), from_);
      const I8 rises = stage_ == kAttack;
      F8 level = age >= length ? after : fma(into, after - before, before);
      if (any(rises)) {
        const F8 step = (one - from_) / span_;
        const F8 risen = ramp(age, bend_, per_bend) - ramp(age - span_, bend_, per_bend);
        const F8 curve = fma(step, risen, from_) + slope_ * min(age, length) * (one - into);
        const F8 line = fma(step, age, fma(step, splat(-0.5f * bend_), from_));
        const I8 top = rises & (age >= span_ + length);
        level = rises ? (top ? one : (age >= length) & (age < span_) ? line : curve) : level;
        stage_ = top ? I8{} + kDecay : stage_;
        goal_ = top ? sustain : goal_;
        way_ = top ? one - sustain : way_;
        keep_ = top ? splat(decay_keep_) : keep_;
        from_ = top ? one : from_;
        slope_ = top ? zero : slope_;
        age_ = top ? I8{} : age_;
      }
      speed_ = level - now_;
      now_ = level;
      shown_ += each;
      const F8 shown = to_float(shown_);
      out[i] = shown >= length ? level : level * smoothstep(shown * splat(per_bend));
      if (hidden_ >= 0) {
        ++hidden_;
        const F8 hidden = splat(std::min(static_cast<float>(hidden_) * per_bend, 1.0f));
        out[i] *= one - smoothstep(hidden);
      }
    }
  }

  I8 stage_{}, age_ = I8{} + kLongAgo, shown_ = I8{} + kLongAgo;
  F8 goal_{}, way_{}, keep_{};
  F8 from_{}, slope_{}, span_ = splat(1.0f);  // where the last corner was; frames of a rise
  F8 now_{}, speed_{};                        // of what bends
  float sustain_ = 1.0f, decay_keep_ = 0.0f, bend_ = 1.0f;
  std::int32_t hidden_ = -1;
  bool bends_ = false, flat_ = true, straight_ = false;
};

}  // namespace SYNTH_ISA
}  // namespace synth
