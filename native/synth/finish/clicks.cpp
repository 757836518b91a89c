#include "synth/finish/clicks.h"

#include <algorithm>
#include <cmath>

namespace synth {
namespace {

constexpr float kFullScale = 0.999f * kHeadroom;
// A click is over within four samples and has a bend of at least this; 32 frames around must be this much
// calmer.
constexpr float kLeastBend = 0.05f * kHeadroom, kContrast = 12.0f;
constexpr std::int64_t kAround = 2 * kHop, kWidth = 3;

float bend(const float* x, std::int64_t n) noexcept { return std::abs(x[n - 2] - 2.0f * x[n - 1] + x[n]); }

}  // namespace

void Faults::look(const Place& place, float sample_peak) noexcept {
  if (sample_peak < kFullScale) {
    close_run();
  } else {
    for (int n = 0; n < kHop; ++n)
      if (std::abs(place.x[n]) >= kFullScale)
        ++run_;
      else
        close_run();
  }
  // The quick answer for almost every hop.
  const float here = place.bends[2];
  largest_bend_ = std::max(largest_bend_, here);
  if (here >= kLeastBend && here > kContrast * std::max(place.bends[0], place.bends[4]))
    look_for_click(place);
}

void Faults::look_for_click(const Place& place) noexcept {
  // The audio's own first and last frames bend against nothing.
  const std::int64_t first = place.begin + 2, last = place.end - 1;
  std::int64_t at = -1;
  float size = 0.0f;
  for (std::int64_t n = std::max<std::int64_t>(0, first); n <= std::min<std::int64_t>(kHop - 1, last); ++n)
    if (bend(place.x, n) > size) size = bend(place.x, n), at = n;
  if (size < kLeastBend || place.hop * kHop + at <= last_click_ + kAround) return;
  float around = 0.0f;
  for (std::int64_t n = std::max(at - kAround, first); n <= std::min(at + kAround, last); ++n)
    if (std::abs(n - at) > kWidth) around = std::max(around, bend(place.x, n));
  if (size <= kContrast * around) return;
  ++clicks_;
  last_click_ = place.hop * kHop + at;
}

}  // namespace synth
