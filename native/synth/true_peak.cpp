#include "synth/true_peak.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "synth/clones.h"
#include "synth/measure.h"

namespace synth {
namespace {

constexpr int kTaps = 32, kPhases = 4, kSpan = 64;
constexpr int kBefore = kTaps / 2 - 1;  // samples that a filter needs before the frame
constexpr int kPadded = kSpan + kTaps;
constexpr int kFineTaps = 96, kFinePhases = 16;
// The fine search finds at most this factor more than the coarse one.
constexpr float kFineReach = 1.15f;

double bessel_i0(double x) {
  double sum = 1.0, term = 1.0;
  for (int k = 1; k < 40; ++k) sum += term *= (x / (2.0 * k)) * (x / (2.0 * k));
  return sum;
}

// Kaiser-windowed sincs for the points between two samples.
template <int kTapCount, int kPhaseCount>
struct Interpolator {
  alignas(64) float taps[kPhaseCount - 1][kTapCount];
  float reach = 0.0f;  // no interpolated value is further above the samples than this factor

  Interpolator() {
    constexpr double kBeta = 7.0;
    for (int p = 1; p < kPhaseCount; ++p) {
      double h[kTapCount], sum = 0.0, magnitude = 0.0;
      for (int k = 0; k < kTapCount; ++k) {
        const double t = k - (kTapCount / 2 - 1) - p / static_cast<double>(kPhaseCount),
                     r = t / (kTapCount / 2.0);
        const double window = bessel_i0(kBeta * std::sqrt(std::max(0.0, 1.0 - r * r))) / bessel_i0(kBeta);
        sum += h[k] = std::sin(std::numbers::pi * t) / (std::numbers::pi * t) * window;
      }
      for (int k = 0; k < kTapCount; ++k) {
        taps[p - 1][k] = static_cast<float>(h[k] / sum);
        magnitude += std::abs(h[k] / sum);
      }
      reach = std::max(reach, static_cast<float>(magnitude));
    }
  }
};

const Interpolator<kTaps, kPhases>& coarse() {
  static const Interpolator<kTaps, kPhases> instance;
  return instance;
}

const Interpolator<kFineTaps, kFinePhases>& fine() {
  static const Interpolator<kFineTaps, kFinePhases> instance;
  return instance;
}

typedef float Lanes __attribute__((vector_size(32), aligned(4), may_alias));

// Thirty-two sums at a time stay in registers.
SYNTH_CLONES void interpolate(const float* x, const float* taps, float* out) {
  for (int start = 0; start < kSpan; start += 32) {
    Lanes a{}, b{}, c{}, d{};
    for (int k = 0; k < kTaps; ++k) {
      const float* at = x + start + k;
      const float tap = taps[k];
      a += tap * *reinterpret_cast<const Lanes*>(at);
      b += tap * *reinterpret_cast<const Lanes*>(at + 8);
      c += tap * *reinterpret_cast<const Lanes*>(at + 16);
      d += tap * *reinterpret_cast<const Lanes*>(at + 24);
    }
    Lanes* to = reinterpret_cast<Lanes*>(out + start);
    to[0] = a, to[1] = b, to[2] = c, to[3] = d;
  }
}

// The highest of each sample and the three points after it; returns the highest of all.
SYNTH_CLONES float interval_tops(const float* x, const float (*between)[kSpan], float* tops) {
  for (int n = 0; n < kSpan; ++n) {
    const float a = std::max(std::abs(x[n]), std::abs(between[0][n]));
    tops[n] = std::max(a, std::max(std::abs(between[1][n]), std::abs(between[2][n])));
  }
  float lanes[16] = {};
  for (int n = 0; n < kSpan; n += 16)
    for (int j = 0; j < 16; ++j) lanes[j] = std::max(lanes[j], tops[n + j]);
  return *std::max_element(lanes, lanes + 16);
}

SYNTH_CLONES float magnitude_of(const float* x) {
  float lanes[16] = {};
  for (int n = 0; n < kPadded; n += 16)
    for (int j = 0; j < 16; ++j) lanes[j] = std::max(lanes[j], std::abs(x[n + j]));
  return *std::max_element(lanes, lanes + 16);
}

SYNTH_CLONES float largest_dot(const float* x, const float (*taps)[kFineTaps]) {
  float top = 0.0f;
  for (int p = 0; p < kFinePhases - 1; ++p) {
    Lanes sum{};
    for (int k = 0; k < kFineTaps; k += 8)
      sum += *reinterpret_cast<const Lanes*>(x + k) * *reinterpret_cast<const Lanes*>(taps[p] + k);
    const float value = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
    top = std::max(top, std::abs(value));
  }
  return top;
}

// `count` samples from frame `begin` - `before` on, with silence outside the audio.
void copy_padded(const float* x, std::size_t frames, std::size_t begin, std::size_t before, std::size_t count,
                 float* out) {
  if (begin >= before && begin - before + count <= frames) {
    std::copy_n(x + begin - before, count, out);
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = begin + i;
    out[i] = at >= before && at - before < frames ? x[at - before] : 0.0f;
  }
}

// The highest point from frame n to n + 1, sixteen times oversampled.
float fine_interval(const float* x, std::size_t frames, std::size_t n) {
  alignas(64) float padded[kFineTaps];
  copy_padded(x, frames, n, kFineTaps / 2 - 1, kFineTaps, padded);
  return std::max(std::abs(x[n]), largest_dot(padded, fine().taps));
}

// One span of one channel, four times oversampled: finds where a closer look is worth it.
class Span {
 public:
  // False when nothing here can reach the floor.
  bool load(const float* x, std::size_t frames, std::size_t begin, float floor) noexcept {
    copy_padded(x, frames, begin, kBefore, kPadded, padded_);
    const float top = magnitude_of(padded_);
    if (top == 0.0f || top * coarse().reach * kFineReach <= floor) return false;
    for (int p = 0; p < kPhases - 1; ++p) interpolate(padded_, coarse().taps[p], between_[p]);
    return interval_tops(padded_ + kBefore, between_, tops_) * kFineReach > floor;
  }
  [[nodiscard]] float interval(std::size_t n) const noexcept { return tops_[n]; }

 private:
  alignas(64) float padded_[kPadded];
  alignas(64) float between_[kPhases - 1][kSpan];
  alignas(64) float tops_[kSpan];
};

// Calls see(channel's samples, frame, coarse peak) for every interval that may reach what `floor()` says at
// the time.
template <class Floor, class See>
void search(const AudioView& audio, Floor floor, See see) {
  Span span;
  for (const float* x : audio.channels) {
    for (std::size_t begin = 0; begin < audio.frames; begin += kSpan) {
      if (!span.load(x, audio.frames, begin, floor())) continue;
      const std::size_t count = std::min<std::size_t>(kSpan, audio.frames - begin);
      for (std::size_t n = 0; n < count; ++n)
        if (span.interval(n) * kFineReach > floor()) see(x, begin + n, span.interval(n));
    }
  }
}

}  // namespace

float true_peak(const AudioView& audio) {
  float best = sample_peak(audio);
  search(
      audio, [&] { return best; },
      [&](const float* x, std::size_t n, float) {
        best = std::max(best, fine_interval(x, audio.frames, n));
      });
  return best;
}

void interval_peaks(const AudioView& audio, float floor, float exact_from, float* peaks) {
  std::fill_n(peaks, audio.frames, 0.0f);
  search(
      audio, [&] { return floor; },
      [&](const float* x, std::size_t n, float coarse_peak) {
        const bool look = coarse_peak * kFineReach > exact_from;
        peaks[n] = std::max(peaks[n], look ? fine_interval(x, audio.frames, n) : coarse_peak);
      });
}

}  // namespace synth
