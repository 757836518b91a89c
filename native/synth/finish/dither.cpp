#include "synth/finish/dither.h"

#include <algorithm>
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

namespace {

template <class Kernel, class Whole>
void quantise_by(Kernel kernel, const AudioView& audio, std::span<const std::int32_t> noise, Whole* out) {
  constexpr std::size_t kBlock = 4096;
  float beside[kBlock];
  const std::size_t count = audio.channels.size(), most = kBlock / count;
  for (std::size_t start = 0; start < audio.frames; start += most) {
    const std::size_t frames = std::min(most, audio.frames - start), at = start * count;
    if (count == 2)  // with a constant distance the compiler finds vectors
      for (std::size_t i = 0; i < frames; ++i)
        for (std::size_t c = 0; c < 2; ++c) beside[2 * i + c] = audio.channels[c][start + i];
    else
      for (std::size_t c = 0; c < count; ++c)
        for (std::size_t i = 0; i < frames; ++i) beside[i * count + c] = audio.channels[c][start + i];
    kernel(beside, noise.data() + at, static_cast<long>(frames * count), out + at);
  }
}

}  // namespace

void quantise(const AudioView& audio, std::span<const std::int32_t> noise, std::int16_t* out) {
  quantise_by(isa().finish.quantise16, audio, noise, out);
}

void quantise(const AudioView& audio, std::span<const std::int32_t> noise, std::int32_t* out) {
  quantise_by(isa().finish.quantise24, audio, noise, out);
}

}  // namespace synth
