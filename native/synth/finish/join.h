// Putting pieces of audio together: cross-fade, duck, dither.
#pragma once

#include <cstddef>
#include <cstdint>

#include "synth/finish/audio.h"

namespace synth {

enum class FadeCurve { equal_power, equal_gain };

// The last `frames` of a under the first `frames` of b; out holds a_frames + b_frames - frames.
void crossfade(const float* a, std::size_t a_frames, const float* b, std::size_t b_frames, std::size_t frames,
               FadeCurve curve, float* out);

struct DuckSettings {
  double amount_db = -12.0, attack_s = 0.05, release_s = 0.4, threshold_db = -40.0;
};

// gains[n] for the bed: amount_db while the voice's level (10 ms, all channels) is over the threshold, else 0
// dB, moving in decibels with the attack and release as time constants. Looks ahead by one attack, so that
// the bed is down when the voice begins.
void duck_gains(const AudioView& voice, const DuckSettings& settings, float* gains, std::size_t frames);

// Rounds to `bits` with triangular dither of +-1 step (Lipshitz, Wannamaker, Vanderkooy, JAES 40(5), 1992),
// which makes the error independent of the signal. Full scale is +-(2^(bits-1) - 1), symmetric.
void dither(const float* x, std::size_t frames, int bits, std::uint64_t seed, std::int32_t* out);

}  // namespace synth
