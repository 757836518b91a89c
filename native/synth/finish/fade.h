// Levels that move with time: fades, and cross-fades from one stream to the next.
#pragma once

#include <vector>

#include "synth/finish/audio.h"

namespace synth {

enum class CrossCurve { equal_power, equal_gain };
enum class FadeCurve { smooth, linear };  // smooth: a raised cosine

// From stream a to stream b. All of a until `start`, all of b `length` frames later. A function of the frame
// alone, so any split gives the same samples.
class Crossfader {
 public:
  Crossfader(std::int64_t start, std::int64_t length, CrossCurve curve)
      : start_(start), length_(length), curve_(curve) {}

  // Both streams have the channels of `out` and the same length. `out` may be one of them.
  void process(const AudioView& a, const AudioView& b, std::span<float* const> out);
  [[nodiscard]] std::int64_t frame() const noexcept { return frame_; }
  [[nodiscard]] bool done() const noexcept { return frame_ - start_ >= length_; }

 private:
  std::int64_t start_, length_, frame_ = 0;
  CrossCurve curve_;
};

// A level with fades at exact frames. A fade that begins while another one moves takes over where that one
// is.
class Fader {
 public:
  explicit Fader(double level) : level_(level), from_(level) {}

  // From frame `at` on (now, if that has passed) the level goes to `level` within `length` frames. Fades are
  // kept in the order of their start.
  void fade(double level, std::int64_t length, std::int64_t at, FadeCurve curve);
  void process(const AudioView& audio, std::span<float* const> out);
  [[nodiscard]] std::int64_t frame() const noexcept { return frame_; }
  [[nodiscard]] double level() const noexcept { return level_at(frame_); }

 private:
  struct Fade {
    double level;
    std::int64_t length, at;
    FadeCurve curve;
  };
  void begin_due();
  [[nodiscard]] double level_at(std::int64_t frame) const noexcept;

  double level_, from_;  // where the present fade goes, and from where
  Fade now_{1.0, 0, 0, FadeCurve::linear};
  std::vector<Fade> coming_;
  std::int64_t frame_ = 0;
};

// The first frames fade in, the last fade out. `out` may be the same samples. Throws NotFinite.
void fade(const AudioView& audio, std::int64_t in, std::int64_t out_length, FadeCurve curve,
          std::span<float* const> out);

}  // namespace synth
