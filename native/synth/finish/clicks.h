// What is wrong inside one channel: clipping and clicks.
#pragma once

#include <cstdint>

#include "synth/finish/kernels.h"

namespace synth {

// Fed hop by hop; looks two hops ahead and four back.
class Faults {
 public:
  // All samples are times kHeadroom. `x` is the first frame of `hop`, with kBehind hops before it and two
  // after it in reach; `bends` are those of the hops from two before to two after it. `begin` and `end` are
  // the frames of the audio, counted from x.
  struct Place {
    const float* x;
    const float* bends;
    std::int64_t hop, begin, end;
  };
  void look(const Place& place, float sample_peak) noexcept;
  void end() noexcept { close_run(); }

  [[nodiscard]] long clipped_samples() const noexcept { return clipped_; }
  [[nodiscard]] long clicks() const noexcept { return clicks_; }
  // Of all; four times what a tone at half the rate reaches.
  [[nodiscard]] double largest_bend() const noexcept {
    return static_cast<double>(largest_bend_) / static_cast<double>(kHeadroom);
  }

 private:
  void close_run() noexcept {
    if (run_ >= 3) clipped_ += run_;
    run_ = 0;
  }
  void look_for_click(const Place& place) noexcept;

  float largest_bend_ = 0.0f;
  long clipped_ = 0, run_ = 0, clicks_ = 0;
  std::int64_t last_click_ = -1000;
};

}  // namespace synth
