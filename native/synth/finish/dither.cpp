#include "synth/finish/dither.h"

#include <cmath>
#include <string>

#include "synth/isa.h"
#include "synth/random.h"

namespace synth {

Dither::Dither(int bits, std::uint64_t seed, std::size_t channels)
    : full_scale_(std::ldexp(1.0, bits - 1) - 1.0) {
  for (std::size_t c = 0; c < channels; ++c) states_.push_back(node_seed(seed, std::to_string(c)));
}

void Dither::process(const AudioView& audio, std::span<std::int32_t* const> out) {
  for (std::size_t c = 0; c < states_.size(); ++c)
    isa().finish.dither(audio.channels[c], static_cast<long>(audio.frames), full_scale_, states_[c], out[c]);
}

}  // namespace synth
