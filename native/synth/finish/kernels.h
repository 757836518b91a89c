// The inner loops of measuring and finishing, compiled once per instruction set (see isa.h).
//
// Everything here moves on a grid of hops of 16 frames, counted from the start of the audio: what a hop gives
// depends on the audio alone, never on the pieces in which it came.
#pragma once

#include <cstdint>

namespace synth {

inline constexpr int kHop = 16;
// Meter and Limiter keep their samples that much lower, so that no sum of a few finite ones overflows. A
// power of two: only denormal numbers lose bits.
inline constexpr float kHeadroom = 0x1p-8f;
inline constexpr int kNear = 2;  // hops on each side of a hop that its true peak depends on

// BS.1770's two filters in a form whose recursion is one multiplication long:
// y = b0 x + z,  z' = c1 x + c2 x1 - a1 z - a2 z1, with x1 and z1 the values one frame ago.
struct Weighting {
  struct Stage {
    double b0, c1, c2, a1, a2;
  } shelf, cut;
};
// Of a pair of channels.
struct WeightingState {
  struct Stage {
    double x1[2] = {}, z[2] = {}, z1[2] = {};
  } shelf, cut;
  double sum[2] = {};  // of the samples
};

struct FinishKernels {
  // Per hop and channel the energy (sum of squares) of a pair of channels, K-weighted and as it is, of
  // samples that come times kHeadroom: without that, with the bits of a float and the range of a double.
  void (*weigh)(const Weighting& weighting, WeightingState& state, const float* left, const float* right,
                int hops, double (*weighted)[2], double (*plain)[2]);
  // Per hop the highest sample, as a magnitude.
  void (*sample_peaks)(const float* x, int hops, float* peaks);
  // Per hop the highest magnitude of the signal between the samples as well, given the sample peaks: as
  // meters read it (fourfold oversampled, 12 taps), and as a limiter must hold it (within 0.1 dB up to 0.46
  // of the sample rate, and not below what meters or the filter of BS.1770-4 itself read). Where it cannot
  // reach `floor` it may be given as the sample peak. They read kNear hops before and, with what they cannot
  // use, kNear + 6 hops after.
  void (*meter_peaks)(const float* x, int hops, float floor, const float* samples, float* peaks);
  void (*strict_peaks)(const float* x, int hops, float floor, const float* samples, float* peaks);
  // Takes the given share of what lies above 0.4535 of the sample rate (20 kHz at 44.1 kHz) away, on a line
  // from shares[j] to shares[j + 1] over hop j, so that what is left has a true peak that meters agree on.
  // Leaves hops alone that have less than `floor` of it, and tells what energy each lost. Reads kNear hops on
  // both sides; `out` is another place.
  void (*soften)(const float* x, const float* shares, int hops, float floor, float* out, float* lost);
  // Per hop the largest |x[n - 2] - 2 x[n - 1] + x[n]|: jumps and single wrong samples stand out there, tones
  // do not. Reads two frames before.
  void (*bends)(const float* x, int hops, float* bends);
  bool (*finite)(const float* x, long frames);
  void (*scale)(const float* x, long frames, float gain, float* out);
  // This, fade and cross give the largest float for what is beyond it.
  void (*add)(const float* a, const float* b, long frames, float* out);
  // Times a line from knots[j] to knots[j + 1] over hop j; the last hop may be a part of one.
  void (*ride)(const float* x, const float* knots, long frames, float* out);
  // Frame i is at (first + i + 1/2) * step of the way, from 0 to 1.
  struct Way {
    double first, step;
  };
  void (*fade)(const float* x, Way way, bool smooth, float from, float to, long frames, float* out);
  void (*cross)(const float* a, const float* b, Way way, bool equal_power, long frames, float* out);
  // `state` is that of a Random, which goes on by one draw a sample.
  void (*dither)(const float* x, long frames, double full_scale, std::uint64_t& state, std::int32_t* out);
  // With the noise that is given: two values of 16 bits a sample, each a step wide, in the halves of a word.
  void (*quantise16)(const float* x, const std::int32_t* noise, long samples, std::int16_t* out);
  void (*quantise24)(const float* x, const std::int32_t* noise, long samples, std::int32_t* out);
};

}  // namespace synth
