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

}  // namespace synth
