// The peaks of some hops of a channel.
#pragma once

#include <algorithm>
#include <cstdint>

#include "synth/finish/kernels.h"
#include "synth/isa.h"

namespace synth {

// A stretch of a channel with what is around them: in place, or at its ends a copy with zeros beyond.
class Window {
 public:
  static constexpr std::int64_t kHops = 84;

  Window(const float* x, std::size_t frames, std::int64_t first, std::int64_t hops) noexcept
      : hops_(static_cast<int>(hops)) {
    const auto length = static_cast<std::int64_t>(frames), begin = (first - kNear) * kHop,
               end = (first + hops + kRead) * kHop;
    if (begin >= 0 && end <= length) {
      here_ = x + first * kHop;
      return;
    }
    const std::int64_t from = std::clamp<std::int64_t>(0, begin, end), to = std::clamp(length, from, end);
    std::fill_n(copy_, from - begin, 0.0f);
    std::copy(x + from, x + to, copy_ + (from - begin));
    std::fill(copy_ + (to - begin), copy_ + (end - begin), 0.0f);
    here_ = copy_ + kNear * kHop;
  }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  const float* here() const noexcept { return here_; }
  // True peaks by one of the kernels, exact where they are above the floor.
  using Search = void (*)(const float* x, int hops, float floor, const float* samples, float* peaks);
  void peaks(Search search, float floor, float* found) const noexcept {
    float samples[kHops];
    isa().finish.sample_peaks(here_, hops_, samples);
    search(here_, hops_, floor, samples, found);
  }
  float highest(Search search, float floor) const noexcept {
    float found[kHops];
    peaks(search, floor, found);
    return *std::max_element(found, found + hops_);
  }

 private:
  static constexpr std::int64_t kRead = kNear + 6;  // hops behind it that kernels may read
  const float* here_;
  int hops_;
  float copy_[(kNear + kHops + kRead) * kHop];
};

}  // namespace synth
