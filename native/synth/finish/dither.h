// Floats to integers.
#pragma once

#include <vector>

#include "synth/finish/audio.h"

namespace synth {

// Rounds to `bits` with triangular dither of +-1 step (Lipshitz, Wannamaker, Vanderkooy, JAES 40(5), 1992),
// which makes the error independent of the signal. Full scale is +-(2^(bits-1) - 1), symmetric; what is
// beyond it is clipped.
class Dither {
 public:
  Dither(int bits, std::uint64_t seed, std::size_t channels);
  void process(const AudioView& audio, std::span<std::int32_t* const> out);
  [[nodiscard]] std::size_t channels() const noexcept { return states_.size(); }

 private:
  double full_scale_;
  std::vector<std::uint64_t> states_;  // of one Random per channel
};

// The same rounding of 16 or 24 bits with noise that the caller drew, a word a sample (see FinishKernels).
// Full scale is from -2^(bits-1) to 2^(bits-1) - 1; `out` has the channels beside each other, as files have
// them, and what is missing to 16 or 32 bits as zeros below.
void quantise(const AudioView& audio, std::span<const std::int32_t> noise, std::int16_t* out);
void quantise(const AudioView& audio, std::span<const std::int32_t> noise, std::int32_t* out);

}  // namespace synth
