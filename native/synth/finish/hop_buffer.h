// Samples that wait until what follows them has decided their gain.
#pragma once

#include <algorithm>
#include <vector>

#include "synth/finish/audio.h"

namespace synth {

// Takes any number of frames and gives as many back, `latency` frames later, in place on the hop grid. What
// is done to a hop meanwhile depends on the grid alone, so any split gives the same samples. Allocates only
// when it is made.
class HopBuffer {
 public:
  static constexpr std::size_t kMost = 1024;  // frames at a time

  HopBuffer(std::size_t channels, std::size_t latency)
      : latency_(latency),
        room_(2 * (latency + kMost + (kPast + 2 + kSlack) * kHop)),
        x_(channels, std::vector<float>(room_)),
        base_(-static_cast<std::int64_t>(latency / kHop) - 1 - kPast) {}

  [[nodiscard]] std::size_t latency() const noexcept { return latency_; }
  [[nodiscard]] std::size_t channels() const noexcept { return x_.size(); }
  // Hops that have come whole.
  [[nodiscard]] std::int64_t hops() const noexcept { return frames_ / kHop; }
  // The first frame of a hop that has not been given back.
  [[nodiscard]] float* hop(std::size_t channel, std::int64_t hop) noexcept {
    return x_[channel].data() + (hop - base_) * kHop;
  }

  // At most kMost frames, from `begin` on.
  void add(std::span<const float* const> channels, std::size_t begin, std::size_t frames, float gain = 1.0f) {
    for (std::size_t c = 0; c < x_.size(); ++c) {
      const float* const from = channels[c] + begin;
      if (gain == 1.0f)
        std::copy_n(from, frames, next(c, frames));
      else
        std::transform(from, from + frames, next(c, frames), [gain](float x) { return gain * x; });
    }
    frames_ += static_cast<std::int64_t>(frames);
  }
  // The same, of frames that will be written hop by hop.
  void add(std::size_t frames) {
    next(0, frames);
    frames_ += static_cast<std::int64_t>(frames);
  }

  // As many as were added last.
  void take(std::span<float* const> out, std::size_t begin, std::size_t frames) {
    const std::int64_t from = frames_ - static_cast<std::int64_t>(frames + latency_);
    for (std::size_t c = 0; c < x_.size(); ++c) std::copy_n(hop(c, 0) + from, frames, out[c] + begin);
  }

 private:
  static constexpr int kPast = kNear + 1,
                       kSlack = 12;  // hops that kernels may read outside what they are asked for

  float* next(std::size_t channel, std::size_t frames) {
    if (static_cast<std::size_t>(frames_ - base_ * kHop) + frames + kSlack * kHop > room_) move_up();
    return hop(channel, 0) + frames_;
  }

  void move_up() {
    const std::int64_t base = (frames_ - static_cast<std::int64_t>(latency_)) / kHop - kPast;
    for (std::size_t c = 0; c < x_.size(); ++c) std::move(hop(c, base), hop(c, 0) + frames_, x_[c].data());
    base_ = base;
  }

  std::size_t latency_, room_;
  std::vector<std::vector<float>> x_;
  std::int64_t base_, frames_ = 0;  // base_: the hop that x_ begins with
};

}  // namespace synth
