// Audio that exists already, and the grid on which it is measured and finished.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "synth/finish/kernels.h"

namespace synth {

// Planar: one pointer per channel.
struct AudioView {
  std::span<const float* const> channels;
  std::size_t frames;
  double sample_rate_hz;
};

// Cuts the hops into windows of 1 / per_second seconds, each within half a hop of its exact place.
class HopClock {
 public:
  HopClock(double sample_rate_hz, double per_second) : hops_per_window_(sample_rate_hz / per_second / kHop) {}

  // One more hop; true when it completes a window.
  bool tick() noexcept {
    if (++hops_ < edge(windows_ + 1)) return false;
    ++windows_;
    return true;
  }
  // Windows completed, frames in the latest `count` of them, hops in the one that is not complete.
  [[nodiscard]] std::int64_t windows() const noexcept { return windows_; }
  [[nodiscard]] double frames(std::int64_t count) const noexcept {
    return static_cast<double>((edge(windows_) - edge(windows_ - count)) * kHop);
  }
  [[nodiscard]] std::int64_t pending() const noexcept { return hops_ - edge(windows_); }

 private:
  [[nodiscard]] std::int64_t edge(std::int64_t window) const noexcept {
    return static_cast<std::int64_t>(static_cast<double>(window) * hops_per_window_ + 0.5);
  }
  double hops_per_window_;
  std::int64_t hops_ = 0, windows_ = 0;
};

}  // namespace synth
