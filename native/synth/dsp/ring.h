// A ring of past samples that is written and read eight frames at a time.
#pragma once

#include "synth/dsp/frames.h"
#include "synth/memory.h"

namespace synth {
inline namespace SYNTH_ISA {

// The effects that use rings cut time at multiples of eight frames (see Chunks), so a write never crosses the
// ring's end; reads may, and find the ring's begin once more behind its end. Frames that are not known yet
// are written as garbage, but always before they are read: hence the slack.
//
// Where many rings are read at whole distances of kNearest or more, windows save most of the addresses: at
// most kWindow frames that end before a multiple of kWindow, which lie in a row. A window is shut when it is
// written, and what the ring's end has to find is copied then.
class Ring {
 public:
  static constexpr int kWindow = 64, kSlack = kWindow + 16;

  void prepare(Arena& arena, int longest_frames) {
    capacity_ = size_for(longest_frames);
    data_ = arena.floats(capacity_ + kSlack);
    mask_ = static_cast<std::uint32_t>(capacity_ - 1);
  }
  // Uses no more of the memory than this distance needs: short rings stay in the cache. Leaves samples behind
  // that mean nothing; clear() them.
  void shorten(int longest_frames) noexcept {
    mask_ = static_cast<std::uint32_t>(std::min(capacity_, size_for(longest_frames)) - 1);
  }
  void clear() noexcept { std::memset(data_, 0, (mask_ + 1 + kSlack) * sizeof(float)); }

  SYNTH_INLINE void write(std::uint32_t at, const F8& x) noexcept {
    const std::uint32_t i = at & mask_;
    store(data_ + i, x);
    if (i < kLanes) store(data_ + mask_ + 1 + i, x);
  }
  static constexpr int kNearest = kWindow + kLanes;
  [[nodiscard]] SYNTH_INLINE float* window(std::uint32_t at) noexcept { return data_ + (at & mask_); }
  [[nodiscard]] SYNTH_INLINE const float* window(std::uint32_t at, int distance) const noexcept {
    return data_ + ((at - static_cast<std::uint32_t>(distance)) & mask_);
  }
  SYNTH_INLINE void shut(std::uint32_t at, int frames) noexcept {
    const std::uint32_t i = at & mask_;
    if (i < kWindow)
      std::memcpy(data_ + mask_ + 1 + i, data_ + i, static_cast<std::size_t>(frames) * sizeof(float));
  }
  // Eight frames that begin `distance` before `at`. What was not written yet can only be read from 8 on.
  SYNTH_INLINE F8 read(std::uint32_t at, int distance) const noexcept {
    return load(data_ + ((at - static_cast<std::uint32_t>(distance)) & mask_));
  }
  // At a distance of its own for each frame, 1 or more: third-order Lagrange interpolation. Lines that move
  // slowly mostly have one whole part for all eight.
  SYNTH_INLINE F8 read(std::uint32_t at, const F8& distance) const noexcept {
    const I8 whole = to_int(distance);
    const F8 d = distance - to_float(whole);
    F8 taps[4];
    if (any(whole != I8{} + whole[0]))
      gather(at, whole, taps);
    else
      for (int k = 0; k < 4; ++k) taps[k] = read(at, whole[0] + k - 1);
    const F8 one = splat(1.0f), two = splat(2.0f), sixth = splat(1.0f / 6.0f), half = splat(0.5f);
    const F8 up = d + one, down = d - one, far = d - two;
    const F8 outer = d * down * sixth, inner = up * far * half;
    return fma(inner * down, taps[1], (outer * up) * taps[3]) -
           fma(inner * d, taps[2], (outer * far) * taps[0]);
  }

 private:
  static std::size_t size_for(int longest_frames) noexcept {
    std::size_t size = kWindow;
    while (size < static_cast<std::size_t>(longest_frames + 2 * kLanes)) size *= 2;
    return size;
  }
  __attribute__((noinline)) void gather(std::uint32_t at, const I8& whole, F8 (&taps)[4]) const noexcept {
    for (std::uint32_t j = 0; j < kLanes; ++j)
      for (std::uint32_t k = 0; k < 4; ++k)
        taps[k][j] = data_[(at + j + 1 - k - static_cast<std::uint32_t>(whole[j])) & mask_];
  }

  float* data_ = nullptr;
  std::size_t capacity_ = 0;
  std::uint32_t mask_ = 0;
};

// Cuts the frames of a call at multiples of eight since the start: turn(at, first frame, frames).
class Chunks {
 public:
  template <class Turn>
  SYNTH_INLINE void run(int frames, Turn&& turn) noexcept {
    for (int i = 0; i < frames;) {
      const int n = std::min(frames - i, kLanes - static_cast<int>(at_ % kLanes));
      turn(at_, i, n);
      i += n;
      at_ += static_cast<std::uint32_t>(n);
    }
  }

 private:
  std::uint32_t at_ = 0;
};

// A whole distance at which a ring is read. When it changes, the old place fades into the new one.
class Tap {
 public:
  void jump(int distance) noexcept { from_ = to_ = distance; }
  void aim(int distance) noexcept {
    if (from_ != to_ && faded_ < kFade) return;  // the next control line asks again
    from_ = to_;
    to_ = distance;
    faded_ = 0;
  }
  SYNTH_INLINE F8 read(const Ring& ring, std::uint32_t at, int frames) noexcept {
    if (from_ == to_) return ring.read(at, to_);
    const F8 share = (splat(static_cast<float>(faded_)) + lane_index()) * splat(1.0f / kFade);
    const F8 come = min(share, splat(1.0f));  // at 1 exactly the new place, as behind the fade
    const F8 x = fma(come, ring.read(at, to_), (splat(1.0f) - come) * ring.read(at, from_));
    faded_ += frames;
    if (faded_ >= kFade) from_ = to_;
    return x;
  }

 private:
  static constexpr int kFade = 1024;
  int from_ = 0, to_ = 0, faded_ = 0;
};

}  // namespace SYNTH_ISA
}  // namespace synth
