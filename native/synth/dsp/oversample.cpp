#include "synth/dsp/oversample.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

// The modified Bessel function of order 0.
double bessel(double x) noexcept {
  double sum = 1.0, term = 1.0;
  for (int k = 1; k < 40; ++k) sum += term *= 0.25 * x * x / (k * k);
  return sum;
}

// The sum of taps times rows of frames, each one frame further back.
template <int kTaps>
SYNTH_INLINE F8 sum_back(const HalfBand<kTaps>& filter, const float* x) noexcept {
  F8 even{}, odd{};
  for (int j = 0; j < kTaps; j += 2) {
    even = fma(filter.taps[j], load(x - j), even);
    odd = fma(filter.taps[j + 1], load(x - j - 1), odd);
  }
  return even + odd;
}
// The same where taps take turns between two rows.
template <int kTaps>
SYNTH_INLINE F8 sum_back(const HalfBand<kTaps>& filter, const float* a, const float* b) noexcept {
  F8 even{}, odd{};
  for (int j = 0; j < kTaps; j += 2) {
    even = fma(filter.taps[j], load(a - j / 2), even);
    odd = fma(filter.taps[j + 1], load(b - j / 2), odd);
  }
  return even + odd;
}

}  // namespace

template <int kTaps>
void HalfBand<kTaps>::design(double beta) noexcept {
  constexpr double kPiExact = 3.141592653589793, kMiddle = kTaps - 0.5;
  double values[kTaps], sum = 0.0;
  for (int j = 0; j < kTaps; ++j) {
    const double away = 2.0 * j - 2.0 * kMiddle + kTaps;  // from the middle, odd
    const double place = away / kTaps;
    values[j] =
        std::sin(0.5 * kPiExact * away) / (kPiExact * away) * bessel(beta * std::sqrt(1.0 - place * place));
    sum += values[j];
  }
  for (int j = 0; j < kTaps; ++j) taps[j] = splat(static_cast<float>(0.5 * values[j] / sum));
}

SoftClip::Filters::Filters() noexcept {
  first.design(8.0);
  second.design(7.0);
}

const SoftClip::Filters& SoftClip::filters() noexcept {
  static const Filters all;
  return all;
}

// Stage by stage, so that no load waits for two stores at once.
void SoftClip::run(float* x, int frames) noexcept {
  const Filters& f = *filters_;
  const F8 two = splat(2.0f), half = splat(0.5f);
  float *const in = row(kIn), *const even = row(kEven), *const odd = row(kOdd);
  float *const down_even = row(kDownEven), *const down_odd = row(kDownOdd);
  std::memcpy(in, x, static_cast<std::size_t>(frames) * sizeof(float));
  for (int n = 0; n < frames; n += kLanes) {
    store(even + n, two * sum_back(f.first, in + n));
    store(odd + n, load(in + n - kFar / 2 + 1));
  }
  clip(f, frames);
  const float* z[4];
  for (int p = 0; p < 4; ++p) z[p] = row(kShaped + p);
  for (int n = 0; n < frames; n += kLanes) {
    store(down_even + n, fma(half, load(z[1] + n - kNear / 4), sum_back(f.second, z[0] + n, z[2] + n - 1)));
    store(down_odd + n, fma(half, load(z[3] + n - kNear / 4), sum_back(f.second, z[2] + n, z[0] + n)));
  }
  for (int n = 0; n < frames; n += kLanes)
    store_some(x + n, fma(half, load(down_odd + n - kFar / 2), sum_back(f.first, down_even + n)),
               std::min(kLanes, frames - n));
  for (float* past : rows_) std::memmove(past, past + frames, kPast * sizeof(float));
}

void SoftClip::clip(const Filters& f, int frames) noexcept {
  const F8 two = splat(2.0f), one = splat(1.0f);
  const float *const even = row(kEven), *const odd = row(kOdd);
  float *const value = row(kLastValue), *const root = row(kLastRoot);
  F8 last_value = load(value - kLanes), last_root = load(root - kLanes);
  for (int n = 0; n < frames; n += kLanes) {
    const F8 u[4] = {two * sum_back(f.second, even + n, odd + n - 1), load(odd + n - kNear / 4),
                     two * sum_back(f.second, odd + n, even + n), load(even + n - kNear / 4 + 1)};
    F8 roots[4];
    for (int p = 0; p < 4; ++p) roots[p] = sqrt(fma(u[p], u[p], one));
    F8 before = __builtin_shufflevector(last_value, u[3], 7, 8, 9, 10, 11, 12, 13, 14);
    F8 root_before = __builtin_shufflevector(last_root, roots[3], 7, 8, 9, 10, 11, 12, 13, 14);
    for (int p = 0; p < 4; ++p) {
      store(row(kShaped + p) + n, (u[p] + before) / (roots[p] + root_before));
      before = u[p], root_before = roots[p];
    }
    last_value = u[3], last_root = roots[3];
    store(value + n, u[3]);
    store(root + n, roots[3]);
  }
}

}  // namespace SYNTH_ISA
}  // namespace synth
