// The kernels of finishing, for the table of this instruction set.
#pragma once

#include "synth/finish/kernels.h"

namespace synth {
inline namespace SYNTH_ISA {

extern const FinishKernels kFinishKernels;

void weigh(const Weighting& weighting, WeightingState& state, const float* left, const float* right, int hops,
           double (*weighted)[2], double (*plain)[2]);
void sample_peaks(const float* x, int hops, float* peaks);
void meter_peaks(const float* x, int hops, float floor, const float* samples, float* peaks);
void strict_peaks(const float* x, int hops, float floor, const float* samples, float* peaks);
void soften(const float* x, const float* shares, int hops, float floor, float* out, float* lost);
void bends(const float* x, int hops, float* bends);
bool finite(const float* x, long frames);
void scale(const float* x, long frames, float gain, float* out);
void add(const float* a, const float* b, long frames, float* out);
void ride(const float* x, const float* knots, long frames, float* out);
void fade(const float* x, FinishKernels::Way way, bool smooth, float from, float to, long frames, float* out);
void cross(const float* a, const float* b, FinishKernels::Way way, bool equal_power, long frames, float* out);
void dither(const float* x, long frames, double full_scale, std::uint64_t& state, std::int32_t* out);
void quantise16(const float* x, const std::int32_t* noise, long samples, std::int16_t* out);
void quantise24(const float* x, const std::int32_t* noise, long samples, std::int32_t* out);

}  // namespace SYNTH_ISA
}  // namespace synth
