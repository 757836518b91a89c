// A ring of past samples, read at fractional distances.
#pragma once

#include <cmath>
#include <cstddef>

#include "synth/memory.h"

namespace synth {
inline namespace SYNTH_ISA {

class DelayLine {
 public:
  void prepare(Arena& arena, int longest_frames) {
    std::size_t size = 4;
    while (size < static_cast<std::size_t>(longest_frames) + 4) size *= 2;
    ring_ = arena.floats(size);
    mask_ = size - 1;
    at_ = 0;
  }
  void write(float x) noexcept {
    at_ = (at_ + 1) & mask_;
    ring_[at_] = x;
  }
  // frames 0 is the sample written last.
  [[nodiscard]] float read(int frames) const noexcept {
    return ring_[(at_ - static_cast<std::size_t>(frames)) & mask_];
  }

  // Third-order Lagrange interpolation; frames >= 1.
  [[nodiscard]] float read(float frames) const noexcept {
    const int whole = static_cast<int>(frames);
    const float d = frames - static_cast<float>(whole);
    const float a = read(whole - 1), b = read(whole), c = read(whole + 1), e = read(whole + 2);
    const float c0 = -d * (d - 1.0f) * (d - 2.0f) / 6.0f, c1 = 0.5f * (d + 1.0f) * (d - 1.0f) * (d - 2.0f);
    const float c2 = -0.5f * (d + 1.0f) * d * (d - 2.0f), c3 = (d + 1.0f) * d * (d - 1.0f) / 6.0f;
    return c0 * a + c1 * b + c2 * c + c3 * e;
  }

 private:
  float* ring_ = nullptr;
  std::size_t mask_ = 0, at_ = 0;
};

}  // namespace SYNTH_ISA
}  // namespace synth
