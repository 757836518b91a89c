// The parts of a feedback delay network: lines and their taps, diffusion, losses, rotations, mixing.
#pragma once

#include "synth/dsp/ring.h"
#include "synth/dsp/smooth.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace room {

constexpr int kLines = 16, kSides = 2, kHalf = kLines / kSides, kStages = 4;

// A ring that is read at one distance, as all of this node's are but the pre-delays.
struct Line {
  Ring ring;
  int length = 0;
};

// Where lines are read and written, for the frames of a window (see Ring). `kNear` is for rooms so small, or
// rates so low, that a line is shorter than a window.
template <bool kNear, int kCount>
class Taps {
 public:
  SYNTH_INLINE Taps(Line* lines, std::uint32_t at) noexcept : lines_(lines), at_(at) {
    if constexpr (!kNear)
      for (int k = 0; k < kCount; ++k) {
        from_[k] = lines[k].ring.window(at, lines[k].length);
        to_[k] = lines[k].ring.window(at);
      }
  }
  SYNTH_INLINE F8 read(int k, int i) const noexcept {
    if constexpr (kNear) return lines_[k].ring.read(at_ + static_cast<std::uint32_t>(i), lines_[k].length);
    return load(from_[k] + i);
  }
  SYNTH_INLINE void write(int k, int i, const F8& x) noexcept {
    if constexpr (kNear)
      lines_[k].ring.write(at_ + static_cast<std::uint32_t>(i), x);
    else
      store(to_[k] + i, x);
  }
  SYNTH_INLINE void shut(int frames) noexcept {
    if constexpr (!kNear)
      for (int k = 0; k < kCount; ++k) lines_[k].ring.shut(at_, frames);
  }

 private:
  Line* lines_;
  std::uint32_t at_;
  const float* from_[kCount];
  float* to_[kCount];
};

// Schroeder's all-passes, to make the first echoes dense; both sides at once.
template <bool kNear>
SYNTH_INLINE F16 diffuse(Taps<kNear, kSides * kStages>& taps, const F16 (&gains)[kStages], int i,
                         F16 x) noexcept {
#pragma GCC unroll 4
  for (int k = 0; k < kStages; ++k) {
    const F16 g = gains[k], minus_g = F16{} - g;
    const F16 delayed = join(taps.read(k, i), taps.read(k + kStages, i));
    const F16 inner = fma(minus_g, delayed, x);
    taps.write(k, i, low(inner));
    taps.write(k + kStages, i, high(inner));
    x = fma(g, inner, delayed);
  }
  return x;
}

// At every turn a line loses exactly what its length asks for, and a one-pole filter shortens the decay of
// high frequencies. Lines lie in lanes while they are filtered: eight rows of frames come in and go out.
// y[n] = z[n] + p y[n - 1] is computed as z[n] + p z[n - 1] + p^2 y[n - 2], which halves the waiting.
template <class Lanes>
struct Losses {
  Lanes before{}, last[2]{};  // z[n - 1]; y[n - 1], y[n - 2]

  SYNTH_INLINE void run(Lanes (&rows)[kHalf], const Lanes& in, const Lanes& pole, const Lanes& square,
                        int frames) noexcept {
    transpose(rows);
    Lanes z[kHalf];
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i) z[i] = in * rows[i];
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i)
      rows[i] = fma(square, i < 2 ? last[1 - i] : rows[i - 2], fma(pole, i == 0 ? before : z[i - 1], z[i]));
    if (frames == kLanes)
      before = z[kLanes - 1], last[0] = rows[kLanes - 1], last[1] = rows[kLanes - 2];
    else
      stop(rows, z, frames);
    transpose(rows);
  }
  void clear() noexcept { before = last[0] = last[1] = Lanes{}; }

 private:
  // Selected row by row: an index would put all of them into memory, whatever the number of frames.
  SYNTH_INLINE void stop(const Lanes (&rows)[kHalf], const Lanes (&z)[kHalf], int frames) noexcept {
    if (frames == 1) last[1] = last[0];
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i) {
      if (i == frames - 2) last[1] = rows[i];
      if (i == frames - 1) last[0] = rows[i], before = z[i];
    }
  }
};

// What the decay time decides: of each line, and of the diffusers' stages on both sides.
struct Decay {
  F16 in{}, pole{}, diffusion[kStages]{};

  template <class Change>
  static void each(Decay& to, const Decay& a, const Decay& b, Change change) noexcept {
    to.in = change(a.in, b.in);
    to.pole = change(a.pole, b.pole);
    for (int k = 0; k < kStages; ++k) to.diffusion[k] = change(a.diffusion[k], b.diffusion[k]);
  }
};

// The rotations of a window: lines that are a function of the frames since they were aimed.
struct Rotations {
  F16 sine[4], sine_step[4], cosine[4], cosine_step[4], frame;

  SYNTH_INLINE Rotations(const Smooth (&sines)[4], const Smooth (&cosines)[4], int from) noexcept {
    for (int k = 0; k < 4; ++k) {
      sine[k] = join(splat(sines[k].from()), splat(-sines[k].from()));
      sine_step[k] = join(splat(sines[k].step()), splat(-sines[k].step()));
      cosine[k] = twice(splat(cosines[k].from())), cosine_step[k] = twice(splat(cosines[k].step()));
    }
    frame = twice(splat(static_cast<float>(sines[0].done() + from)) + lane_index());
  }
  // Minus the sine on the right.
  SYNTH_INLINE F16 sine_at(int k, const F16& frames) const noexcept {
    return fma(sine_step[k], frames, sine[k]);
  }
  SYNTH_INLINE F16 cosine_at(int k, const F16& frames) const noexcept {
    return fma(cosine_step[k], frames, cosine[k]);
  }
};

// A Hadamard matrix within each run of kSize rows, not scaled.
template <int kSize, class Lanes>
SYNTH_INLINE void hadamard(Lanes (&x)[kHalf]) noexcept {
#pragma GCC unroll 3
  for (int span = kSize / 2; span > 0; span /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < kHalf; ++i)
      if ((i & span) == 0) {
        const Lanes a = x[i], b = x[i + span];
        x[i] = a + b;
        x[i + span] = a - b;
      }
}

}  // namespace room
}  // namespace SYNTH_ISA
}  // namespace synth
