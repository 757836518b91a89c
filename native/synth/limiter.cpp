#include "synth/limiter.h"

#include <algorithm>
#include <cmath>

namespace synth {
namespace {

constexpr double kLookAheadS = 0.0015, kReleaseS = 0.06;

// values[n] <- min of values[n - reach .. n + reach], in place, by van Herk's two running minima per window
// length.
void spread_minimum(std::vector<float>& values, std::size_t reach) {
  const std::size_t window = 2 * reach + 1, n = values.size();
  const std::size_t padded = ((n + 2 * reach) / window + 1) * window;
  std::vector<float> forward(padded, 1.0f);
  std::copy(values.begin(), values.end(), forward.begin() + static_cast<std::ptrdiff_t>(reach));
  std::vector<float> backward(forward);
  for (std::size_t start = 0; start < padded; start += window) {
    for (std::size_t i = start + 1; i < start + window; ++i)
      forward[i] = std::min(forward[i], forward[i - 1]);
    for (std::size_t i = start + window - 1; i > start; --i)
      backward[i - 1] = std::min(backward[i - 1], backward[i]);
  }
  for (std::size_t i = 0; i < n; ++i) values[i] = std::min(backward[i], forward[i + window - 1]);
}

void release(std::vector<float>& values, double sample_rate_hz) {
  const float rise = static_cast<float>(1.0 - std::exp(-1.0 / (kReleaseS * sample_rate_hz)));
  float now = 1.0f;
  for (float& v : values) v = now = v < now ? v : now + rise * (v - now);
}

// Mean over n - reach .. n + reach; outside the audio the edge value goes on.
void smooth(std::vector<float>& values, std::size_t reach) {
  const std::size_t n = values.size(), window = 2 * reach + 1;
  std::vector<float> source(n + 2 * reach + 1);
  std::fill_n(source.begin(), reach, values.front());
  std::copy(values.begin(), values.end(), source.begin() + static_cast<std::ptrdiff_t>(reach));
  std::fill_n(source.end() - static_cast<std::ptrdiff_t>(reach + 1), reach + 1, values.back());
  double sum = 0.0;
  for (std::size_t i = 0; i < window; ++i) sum += static_cast<double>(source[i]);
  const double share = 1.0 / static_cast<double>(window);
  for (std::size_t i = 0; i < n; ++i) {
    values[i] = static_cast<float>(sum * share);
    sum += static_cast<double>(source[i + window]) - static_cast<double>(source[i]);
  }
}

}  // namespace

float limiter_curve(const std::vector<float>& peaks, float gain, float ceiling, double sample_rate_hz,
                    std::vector<float>& curve) {
  const auto reach = static_cast<std::size_t>(kLookAheadS * sample_rate_hz);
  curve.resize(peaks.size());
  if (peaks.empty()) return 1.0f;
  float before = 0.0f;
  for (std::size_t i = 0; i < peaks.size(); ++i) {
    const float peak =
        gain * std::max(before, peaks[i]);  // a frame belongs to the intervals on both its sides
    curve[i] = peak > ceiling ? ceiling / peak : 1.0f;
    before = peaks[i];
  }
  spread_minimum(curve, reach);
  release(curve, sample_rate_hz);
  smooth(curve, reach / 2);
  smooth(curve, reach - reach / 2);  // two boxes make a triangle: no corners in the gain
  const float least = *std::min_element(curve.begin(), curve.end());
  for (float& v : curve) v *= gain;
  return least;
}

}  // namespace synth
