#include "synth/finish/limiter.h"

#include <algorithm>
#include <cmath>

#include "synth/denormals.h"
#include "synth/isa.h"

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

namespace {

// What the search may miss and a moving gain may add; there is no second look at a stream.
constexpr double kStreamMarginDb = 0.15;

float linear(double db) { return static_cast<float>(std::pow(10.0, db / 20.0)); }

// A hop's gain line needs the lines of both its ends, those the peaks of `delay` hops, these kBehind hops
// more.
std::size_t latency_of(const GainLine& line) {
  return static_cast<std::size_t>((line.delay() + SoundSoftener::kBehind + 2) * kHop);
}

}  // namespace

void ChosenKernels::sample_peaks(const float* x, int hops, float* peaks) noexcept {
  isa().finish.sample_peaks(x, hops, peaks);
}
void ChosenKernels::strict_peaks(const float* x, int hops, float floor, const float* samples,
                                 float* peaks) noexcept {
  isa().finish.strict_peaks(x, hops, floor, samples, peaks);
}
void ChosenKernels::soften(const float* x, const float* shares, int hops, float floor, float* out,
                           float* lost) noexcept {
  isa().finish.soften(x, shares, hops, floor, out, lost);
}

Limiter::Limiter(double sample_rate_hz, std::size_t channels, double gain_db, double true_peak_dbtp)
    : line_(sample_rate_hz, linear(gain_db) / kHeadroom, linear(true_peak_dbtp - kStreamMarginDb)),
      given_(channels, latency_of(line_)),
      buffer_(channels, latency_of(line_)),
      ceiling_(kHeadroom * linear(true_peak_dbtp - kStreamMarginDb - gain_db)),
      begins_(channels),
      ends_(channels) {}

void Limiter::process(const AudioView& audio, std::span<float* const> out) {
  const FlushDenormals flush;
  for (std::size_t done = 0; done < audio.frames;) {
    const std::size_t frames = std::min(HopBuffer::kMost, audio.frames - done);
    given_.add(audio.channels, done, frames, kHeadroom);
    buffer_.add(frames);
    frames_ += static_cast<std::int64_t>(frames);
    const auto hops = static_cast<int>(given_.hops() - searched_);
    float peaks[SoundSoftener::kMost];
    softener_.process(
        hops, channels(), ceiling_, [&](std::size_t c, std::int64_t hop) { return given_.hop(c, hop); },
        [&](std::size_t c, std::int64_t hop) { return buffer_.hop(c, hop); },
        [&](std::size_t c, std::int64_t hop, int count, const float* lost) {
          fade_rims(c, hop, count, lost);
        },
        peaks);
    ride(searched_ - SoundSoftener::kBehind - line_.delay() - 1, hops, peaks);
    searched_ += hops;
    buffer_.take(out, done, frames);
    done += frames;
  }
}

// What is softened rings a little before and behind the sound, where nobody may hear it.
void Limiter::fade_rims(std::size_t channel, std::int64_t first, int hops, const float* lost) noexcept {
  for (int j = 0; j < hops; ++j) {
    const std::int64_t frame = (first + j) * kHop, left = end_ - frame;
    const bool begins = frame < kRise, ends = left < kFall + kHop && left > -kFall;
    if (!begins && !ends) continue;
    if (frame <= 0 && lost[j] != 0.0f) begins_[channel] = true;
    if (ends && left > 0 && lost[j] != 0.0f) ends_[channel] = true;
    float* const x = buffer_.hop(channel, first + j);
    for (int i = 0; i < kHop; ++i) {
      if (begins && begins_[channel]) x[i] *= rim(frame + i, kRise);
      if (ends && ends_[channel]) x[i] *= rim(left - 1 - i, kFall);
    }
  }
}

// The gain of the hops from `first` on, which these peaks have settled.
void Limiter::ride(std::int64_t first, int hops, const float* peaks) {
  float knots[HopBuffer::kMost / kHop + 2];
  knots[0] = knot_;
  for (int j = 0; j < hops; ++j) knots[j + 1] = line_.push(peaks[j]);
  knot_ = knots[hops];
  for (std::size_t c = 0; c < buffer_.channels(); ++c) {
    float* x = buffer_.hop(c, first);
    isa().finish.ride(x, knots, static_cast<long>(hops) * kHop, x);
  }
}

double Limiter::limited_db() const noexcept {
  return -20.0 * std::log10(static_cast<double>(std::max(line_.least(), std::numeric_limits<float>::min())));
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
