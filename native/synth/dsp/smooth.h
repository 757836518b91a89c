// Small values that move without clicks, and unit conversions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "synth/smoothstep.h"

namespace synth {
inline namespace SYNTH_ISA {

inline constexpr float kPi = 3.14159265358979f;

inline float gain_from_db(float db) { return std::pow(10.0f, db / 20.0f); }
inline float hz_from_note(float note) { return 440.0f * std::exp2((note - 69.0f) / 12.0f); }

// A straight line towards a target, aimed once per control block. Its value is a function of the frames since
// it was aimed (never a running sum), so it is the same however a render is split, and loops over it
// vectorise.
class Smooth {
 public:
  void jump(float value) noexcept {
    from_ = value;
    step_ = 0.0f;
    done_ = 0;
  }
  void aim(float target, int frames) noexcept {
    from_ = now();
    done_ = 0;
    if (target == from_)
      step_ = 0.0f;
    else
      step_ = (target - from_) / static_cast<float>(frames);
  }
  [[nodiscard]] float now() const noexcept { return at(0); }
  [[nodiscard]] float at(int frame) const noexcept {
    return from_ + step_ * static_cast<float>(done_ + frame);
  }
  void advance(int frames) noexcept { done_ += frames; }
  [[nodiscard]] bool moves() const noexcept { return step_ != 0.0f; }
  // The line's parts, for loops over lanes (see frames.h).
  [[nodiscard]] float from() const noexcept { return from_; }
  [[nodiscard]] float step() const noexcept { return step_; }
  [[nodiscard]] int done() const noexcept { return done_; }

 private:
  float from_ = 0.0f;
  float step_ = 0.0f;
  int done_ = 0;
};

// How much of its input an effect hears: all of it, but for a fade behind wake().
class FadeIn : public Smooth {
 public:
  FadeIn() { jump(1.0f); }
  void wake() noexcept { jump(0.0f); }
  void go_on(int block, float sample_rate_hz) noexcept {
    constexpr float kSeconds = 0.01f;
    aim(std::min(1.0f, now() + static_cast<float>(block) / (kSeconds * sample_rate_hz)), block);
  }
};

// What a word chooses among kCount parts of a sound, as weights that go to those of the next word in 5 ms.
template <int kCount>
class Blend {
 public:
  void prepare(const float (&weights)[kCount], float sample_rate_hz) noexcept {
    length_ = age_ = static_cast<int>(0.005f * sample_rate_hz);
    std::copy_n(weights, kCount, goal_);
    std::copy_n(weights, kCount, from_);
  }
  void aim(const float (&weights)[kCount]) noexcept {
    if (std::equal(weights, weights + kCount, goal_)) return;
    for (int k = 0; k < kCount; ++k) from_[k] = at(k, share(-1));
    std::copy_n(weights, kCount, goal_);
    age_ = 0;
  }
  // Frames in which it still moves.
  [[nodiscard]] int left() const noexcept { return length_ - age_; }
  [[nodiscard]] float share(int frame) const noexcept {
    return smoothstep(std::min(1.0f, static_cast<float>(age_ + frame + 1) / static_cast<float>(length_)));
  }
  [[nodiscard]] float at(int which, float share) const noexcept {
    return from_[which] + share * (goal_[which] - from_[which]);
  }
  void advance(int frames) noexcept { age_ = std::min(age_ + frames, length_); }

 private:
  float from_[kCount] = {}, goal_[kCount] = {};
  int age_ = 1, length_ = 1;
};

// From `now` to `goal`, by at most so much.
inline float towards(float now, float goal, float most) noexcept {
  return now + std::clamp(goal - now, -most, most);
}

// A phase in 2^-32 turns: integer, so that advancing by 10 + 54 frames is exactly advancing by 64.
class Lfo {
 public:
  void set_rate(float hz, float sample_rate_hz) noexcept {
    increment_ = static_cast<std::uint32_t>(static_cast<double>(hz) / static_cast<double>(sample_rate_hz) *
                                            4294967296.0);
  }
  void set_phase(float turns) noexcept {
    phase_ = static_cast<std::uint32_t>(static_cast<double>(turns) * 4294967296.0);
  }
  void advance(int frames) noexcept { phase_ += increment_ * static_cast<std::uint32_t>(frames); }
  [[nodiscard]] std::uint32_t phase(int ahead) const noexcept {
    return phase_ + increment_ * static_cast<std::uint32_t>(ahead);
  }
  // The phase, in turns [0, 1), that many frames from now.
  [[nodiscard]] float turns(int ahead) const noexcept {
    return static_cast<float>((phase_ + increment_ * static_cast<std::uint32_t>(ahead)) >> 8) * 0x1p-24f;
  }
  [[nodiscard]] float sine(int ahead) const noexcept { return std::sin(2.0f * kPi * turns(ahead)); }

 private:
  std::uint32_t phase_ = 0, increment_ = 0;
};

// When a voice is cut off for a new note its last sample is faded out over about 2 ms instead of dropped.
class Declick {
 public:
  void prepare(double sample_rate_hz) {
    keep_ = static_cast<float>(std::exp(-1.0 / (0.0006 * sample_rate_hz)));
  }
  void catch_left_right(float left, float right) noexcept {
    left_ += left;
    right_ += right;
  }
  void add_to(float* left, float* right, int frames) noexcept {
    if (left_ == 0.0f && right_ == 0.0f)
      return;  // where flushed denormals end; any other bound would depend on the split
    for (int i = 0; i < frames; ++i) {
      left_ *= keep_;
      right_ *= keep_;
      left[i] += left_;
      right[i] += right_;
    }
  }

 private:
  float left_ = 0.0f, right_ = 0.0f, keep_ = 0.0f;
};

}  // namespace SYNTH_ISA
}  // namespace synth
