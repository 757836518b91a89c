// The loops of finishing that work sample by sample.
#include <algorithm>

#include "synth/kernels/finish.h"
#include "synth/kernels/hold.h"
#include "synth/kernels/wide.h"

namespace synth {
inline namespace SYNTH_ISA {

void bends(const float* x, int hops, float* bends) {
  // Not Wide: sixteen floats that are not aligned always lie in two cache lines.
  const auto bend = [](const float* at) { return abs(load(at - 2) - 2.0f * load(at - 1) + load(at)); };
  static_assert(kHop == 2 * kLanes);
  for (int j = 0; j < hops; ++j, x += kHop) bends[j] = highest_of_eight(max(bend(x), bend(x + kLanes)));
}

// x - x is 0 for every finite x and NaN otherwise, and NaN survives a sum.
bool finite(const float* x, long frames) {
  Wide sums[4] = {};
  long i = 0;
  for (; i + 4 * kWide <= frames; i += 4 * kWide)
    for (int r = 0; r < 4; ++r) {
      const Wide v = wide(x + i + r * kWide);
      sums[r] += v - v;
    }
  float sum = 0.0f;
  for (; i < frames; ++i) sum += x[i] - x[i];
  return sum + total((sums[0] + sums[1]) + (sums[2] + sums[3])) == 0.0f;
}

void scale(const float* x, long frames, float gain, float* out) {
  for (long i = 0; i < frames; ++i) out[i] = x[i] * gain;
}

void add(const float* a, const float* b, long frames, float* out) {
  for (long i = 0; i < frames; ++i) out[i] = hold(a[i] + b[i]);
}

void ride(const float* x, const float* knots, long frames, float* out) {
  for (long start = 0; start < frames; start += kHop, ++knots) {
    const float from = knots[0], step = (knots[1] - from) * (1.0f / static_cast<float>(kHop));
    const long count = std::min<long>(kHop, frames - start);
    for (long i = 0; i < count; ++i) out[start + i] = x[start + i] * (from + step * static_cast<float>(i));
  }
}

}  // namespace SYNTH_ISA
}  // namespace synth
