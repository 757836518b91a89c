// Short decaying sinusoids at random times: drops, bubbles, crackles.
#pragma once

#include <array>
#include <cmath>

#include "synth/dsp/frames.h"
#include "synth/dsp/smooth.h"
#include "synth/random.h"

namespace synth {
inline namespace SYNTH_ISA {

// One burst: a two-pole resonance, rung. It starts at zero phase, so its onset is sharp but not a step.
struct Grain {
  float y1 = 0.0f, y2 = 0.0f, c1 = 0.0f, c2 = 0.0f;
  float left = 0.0f, right = 0.0f;
  int remaining = 0;

  void strike(float hz, float decay_s, float level, float pan, float rate) noexcept {
    const float radius = std::exp(-1.0f / (decay_s * rate));
    const float w = 2.0f * kPi * std::min(hz / rate, 0.45f);
    c1 = 2.0f * radius * std::cos(w);
    c2 = radius * radius;
    y1 = 0.0f;
    y2 = -level * std::sin(w) / radius;
    left = std::sqrt(0.5f * (1.0f - pan));
    right = std::sqrt(0.5f * (1.0f + pan));
    remaining = static_cast<int>(6.0f * decay_s * rate);  // to -52 dB
  }
};

// Eight bursts, one per lane.
class GrainLanes {
 public:
  [[nodiscard]] int remaining(int lane) const noexcept { return static_cast<int>(remaining_[lane]); }
  [[nodiscard]] bool sounds() const noexcept { return longest_ > 0; }
  void put(int lane, const Grain& g) noexcept {
    y1_[lane] = g.y1, y2_[lane] = g.y2, c1_[lane] = g.c1, c2_[lane] = -g.c2;
    left_[lane] = g.left, right_[lane] = g.right;
    remaining_[lane] = static_cast<float>(g.remaining);
    longest_ = std::max(longest_, g.remaining);
  }
  // A lane falls silent behind its last frame.
  void add_to(F8* left, F8* right, int frames) noexcept {
    const F8 one = splat(1.0f), zero = splat(0.0f), c1 = c1_, c2 = c2_, to_left = left_, to_right = right_;
    F8 y1 = y1_, y2 = y2_, remaining = remaining_;
    for (int i = 0; i < frames; ++i) {
      const F8 y = fma(c1, y1, c2 * y2) * min(max(remaining, zero), one);
      y2 = y1, y1 = y;
      left[i] = fma(to_left, y, left[i]);
      right[i] = fma(to_right, y, right[i]);
      remaining = remaining - one;
    }
    y1_ = y1, y2_ = y2, remaining_ = max(remaining, zero);
    longest_ -= frames;
  }

 private:
  F8 y1_{}, y2_{}, c1_{}, c2_{}, left_{}, right_{}, remaining_{};
  int longest_ = 0;
};

// A Poisson stream of grains. `Shape` is called once per arrival, as shape(grain), with all randomness drawn
// from the grain's own generator: the order of draws is the order of arrivals, however the render is split.
template <std::size_t kGrains>
class GrainStream {
  static_assert(kGrains % kLanes == 0);

 public:
  void set_rate(float per_second, float rate_hz) noexcept {
    mean_wait_ = rate_hz / per_second;
    if (!started_) wait_ = draw_wait(), started_ = true;
    // A wait that was drawn at a much lower density must not hold back a higher one.
    wait_ = std::min(wait_, static_cast<int>(8.0f * mean_wait_) + 1);
  }

  template <class Shape>
  void add_to(float* left, float* right, int frames, Shape&& shape) noexcept {
    int done = 0;
    // Cut at every arrival, so that the grains of any one frame are always summed in the order of their
    // slots.
    while (wait_ < frames) {
      ring(left, right, done, wait_);
      done = wait_;
      Grain grain;
      shape(grain);
      if (random.bits() & 1u) grain.y2 = -grain.y2;  // a burst has an offset; together they have none
      const int slot = next_free();
      grains_[static_cast<std::size_t>(slot / kLanes)].put(slot % kLanes, grain);
      wait_ += draw_wait();
    }
    ring(left, right, done, frames);
    wait_ -= frames;
  }

  Random random;

 private:
  static constexpr int kMostFrames = 64;  // at once

  void ring(float* left, float* right, int begin, int end) noexcept {
    for (int at = begin; at < end; at += kMostFrames) {
      const int n = std::min(kMostFrames, end - at), rounded = (n + kLanes - 1) / kLanes * kLanes;
      if (std::none_of(grains_.begin(), grains_.end(), [](const GrainLanes& g) { return g.sounds(); }))
        return;
      F8 to_left[kMostFrames], to_right[kMostFrames];
      std::fill_n(to_left, rounded, F8{});
      std::fill_n(to_right, rounded, F8{});
      for (GrainLanes& g : grains_)
        if (g.sounds()) g.add_to(to_left, to_right, n);
      for (int i = 0; i < n; i += kLanes) {
        const int some = std::min(kLanes, n - i);
        float *l = left + at + i, *r = right + at + i;
        store_some(l, load_some(l, some) + sums_of_lanes(to_left + i), some);
        store_some(r, load_some(r, some) + sums_of_lanes(to_right + i), some);
      }
    }
  }

  // With more grains than slots the one nearest its end gives way; it is below -40 dB by then.
  [[nodiscard]] int next_free() const noexcept {
    int shortest = 0, least = 1 << 30;
    for (int slot = 0; slot < static_cast<int>(kGrains); ++slot) {
      const GrainLanes& group = grains_[static_cast<std::size_t>(slot / kLanes)];
      const int remaining = group.sounds() ? group.remaining(slot % kLanes) : 0;
      if (remaining <= 0) return slot;
      if (remaining < least) shortest = slot, least = remaining;
    }
    return shortest;
  }

  // Whole frames, at least one; a Poisson process needs no more at these rates.
  int draw_wait() noexcept { return 1 + static_cast<int>(std::min(random.exponential(mean_wait_), 1e9f)); }

  std::array<GrainLanes, kGrains / kLanes> grains_{};
  int wait_ = 0;
  float mean_wait_ = 1e9f;
  bool started_ = false;
};

}  // namespace SYNTH_ISA
}  // namespace synth
