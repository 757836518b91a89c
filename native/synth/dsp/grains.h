// Short decaying sinusoids at random times: drops, bubbles, crackles.
#pragma once

#include <array>
#include <cmath>

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

  void add_to(float* out_left, float* out_right, int frames) noexcept {
    const int n = std::min(frames, remaining);
    for (int i = 0; i < n; ++i) {
      const float y = c1 * y1 - c2 * y2;
      y2 = y1;
      y1 = y;
      out_left[i] += left * y;
      out_right[i] += right * y;
    }
    remaining -= n;
  }
};

// A Poisson stream of grains. `Shape` is called once per arrival, as shape(grain), with all randomness drawn
// from the grain's own generator: the order of draws is the order of arrivals, however the render is split.
template <std::size_t kGrains>
class GrainStream {
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
      Grain& grain = next_free();
      shape(grain);
      if (random.bits() & 1u) grain.y2 = -grain.y2;  // a burst has an offset; together they have none
      wait_ += draw_wait();
    }
    ring(left, right, done, frames);
    wait_ -= frames;
  }

  Random random;

 private:
  void ring(float* left, float* right, int begin, int end) noexcept {
    for (Grain& g : grains_)
      if (g.remaining > 0) g.add_to(left + begin, right + begin, end - begin);
  }

  // With more grains than slots the one nearest its end gives way; it is below -40 dB by then.
  Grain& next_free() noexcept {
    Grain* shortest = &grains_[0];
    for (Grain& g : grains_) {
      if (g.remaining <= 0) return g;
      if (g.remaining < shortest->remaining) shortest = &g;
    }
    return *shortest;
  }

  // Whole frames, at least one; a Poisson process needs no more at these rates.
  int draw_wait() noexcept { return 1 + static_cast<int>(std::min(random.exponential(mean_wait_), 1e9f)); }

  std::array<Grain, kGrains> grains_{};
  int wait_ = 0;
  float mean_wait_ = 1e9f;
  bool started_ = false;
};

}  // namespace SYNTH_ISA
}  // namespace synth
