#include "synth/finish/limiter.h"

#include <algorithm>
#include <cmath>

namespace synth {
namespace {

constexpr double kLookAheadS = 0.0015, kReleaseS = 0.06;

int reach_of(double sample_rate_hz) {
  return std::max(2, 2 * static_cast<int>(kLookAheadS * sample_rate_hz / (2 * kHop) + 0.5));
}

}  // namespace

GainLine::GainLine(double sample_rate_hz, float gain, float ceiling)
    : gain_(gain),
      ceiling_(ceiling),
      rise_(static_cast<float>(1.0 - std::exp(-kHop / (kReleaseS * sample_rate_hz)))),
      reach_(reach_of(sample_rate_hz)) {
  for (ring_ = 1; ring_ < 2 * static_cast<std::size_t>(reach_) + 2;) ring_ *= 2;
  for (auto* ring : {&needs_, &releases_, &means_}) ring->assign(ring_, 1.0f);
}

float GainLine::push(float peak) noexcept {
  const float need = peak * gain_ > ceiling_ ? ceiling_ / (peak * gain_) : 1.0f;
  calm_ = need < 1.0f || now_ < 1.0f ? 0 : calm_ + 1;
  if (calm_ > 2 * static_cast<int>(ring_)) return gain_;  // the rings hold nothing but ones
  const std::size_t mask = ring_ - 1, window = static_cast<std::size_t>(reach_);
  needs_[at_ & mask] = need;
  // A line ends where the next begins, so the gain there must be low enough for both: one hop more.
  float least = 1.0f;
  for (std::size_t k = 0; k < 2 * window + 2; ++k) least = std::min(least, needs_[(at_ - k) & mask]);
  now_ = least < now_ ? least : now_ + rise_ * (least - now_);
  if (now_ > 0.99999f) now_ = least;
  releases_[at_ & mask] = now_;
  // Two boxes make a triangle: no corners in the gain.
  float sum = 0.0f;
  for (std::size_t k = 0; k <= window; ++k) sum += releases_[(at_ - k) & mask];
  means_[at_ & mask] = sum / static_cast<float>(reach_ + 1);
  sum = 0.0f;
  for (std::size_t k = 0; k <= window; ++k) sum += means_[(at_ - k) & mask];
  ++at_;
  const float factor = sum / static_cast<float>(reach_ + 1);
  least_ = std::min(least_, factor);
  return gain_ * factor;
}

std::vector<float> gain_line(const std::vector<float>& peaks, double sample_rate_hz, float gain,
                             float ceiling) {
  GainLine line(sample_rate_hz, gain, ceiling);
  const auto delay = static_cast<std::size_t>(line.delay());
  std::vector<float> knots(peaks.size() + 1);
  for (std::size_t j = 0; j < knots.size() + delay; ++j) {
    const float knot = line.push(j < peaks.size() ? peaks[j] : 0.0f);
    if (j >= delay) knots[j - delay] = knot;
  }
  return knots;
}

}  // namespace synth
