// Fades and dither. Plain loops without fused operations, so that every compiler's vectors round alike;
// positions are whole numbers in a double, so that a frame's gain does not depend on where a piece begins.
#include "synth/kernels/finish.h"
#include "synth/kernels/hold.h"
#include "synth/shared.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

// sin(pi t / 2) from 0 to 1, by Taylor's series: within 1e-7, and the same on every machine.
SYNTH_SHARED float quarter_sine(float t) noexcept {
  const float u = t * t;
  return t * (1.57079633f +
              u * (-0.645964098f +
                   u * (0.0796926262f + u * (-0.00468175414f + u * (0.000160441185f + u * -3.59884e-6f)))));
}

SYNTH_SHARED float turn_at(const FinishKernels::Way& way, long i) noexcept {
  return static_cast<float>((way.first + static_cast<double>(static_cast<int>(i)) + 0.5) * way.step);
}

template <class Gain>
SYNTH_SHARED void fade_by(const float* x, const FinishKernels::Way& way, long frames, float* out,
                          Gain gain) noexcept {
  for (long i = 0; i < frames; ++i) out[i] = hold(x[i] * gain(turn_at(way, i)));
}

}  // namespace

void fade(const float* x, FinishKernels::Way way, bool smooth, float from, float to, long frames,
          float* out) {
  const float rise = to - from;
  if (smooth)
    fade_by(x, way, frames, out, [=](float t) {
      const float sine = quarter_sine(t);
      return from + rise * (sine * sine);
    });
  else
    fade_by(x, way, frames, out, [=](float t) { return from + rise * t; });
}

void cross(const float* a, const float* b, FinishKernels::Way way, bool equal_power, long frames,
           float* out) {
  if (equal_power)
    for (long i = 0; i < frames; ++i) {
      const float t = turn_at(way, i);
      out[i] = hold(quarter_sine(1.0f - t) * a[i] + quarter_sine(t) * b[i]);
    }
  else
    for (long i = 0; i < frames; ++i) {
      const float t = turn_at(way, i);
      out[i] = hold((1.0f - t) * a[i] + t * b[i]);
    }
}

void dither(const float* x, long frames, double full_scale, std::uint64_t& state, std::int32_t* out) {
  constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to a whole number
  const std::uint64_t before = state;
  for (long i = 0; i < frames; ++i) {
    std::uint64_t z = before + static_cast<std::uint64_t>(i + 1) * kStep;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    const double a = static_cast<std::int32_t>(z >> 32), b = static_cast<std::int32_t>(z & 0xffffffffu);
    const double value = static_cast<double>(x[i]) * full_scale + 0x1p-32 * (a + b) + kRound - kRound;
    out[i] = static_cast<std::int32_t>(value > full_scale    ? full_scale
                                       : value < -full_scale ? -full_scale
                                                             : value);
  }
  state = before + static_cast<std::uint64_t>(frames) * kStep;
}

namespace {

// Float serves 16 bits: the sum is rounded, but far below the noise. It has too few bits for 24 near full
// scale.
template <int bits, class Value, class Whole>
SYNTH_SHARED void quantise(const float* x, const std::int32_t* noise, long samples, Whole* out) noexcept {
  constexpr Value kSteps = 1 << (bits - 1);
  constexpr Value kRound = sizeof(Value) == 4 ? Value(12582912.0) : Value(6755399441055744.0);  // see dither
  for (long i = 0; i < samples; ++i) {
    const std::int32_t sum = (noise[i] >> 16) + static_cast<std::int16_t>(noise[i] & 0xffff);
    const Value value = static_cast<Value>(x[i]) * kSteps + static_cast<Value>(sum) * Value(0x1p-16);
    const Value held = value > kSteps - 1 ? kSteps - 1 : value > -kSteps ? value : -kSteps;
    out[i] = static_cast<Whole>(static_cast<std::int32_t>(held + kRound - kRound) *
                                (1 << (8 * static_cast<int>(sizeof(Whole)) - bits)));
  }
}

}  // namespace

void quantise16(const float* x, const std::int32_t* noise, long samples, std::int16_t* out) {
  quantise<16, float>(x, noise, samples, out);
}
void quantise24(const float* x, const std::int32_t* noise, long samples, std::int32_t* out) {
  quantise<24, double>(x, noise, samples, out);
}

}  // namespace SYNTH_ISA
}  // namespace synth
