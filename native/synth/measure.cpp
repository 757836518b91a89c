#include "synth/measure.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "synth/clones.h"

namespace synth {
namespace {

constexpr std::size_t kChunk = 64;

// x - x is 0 for every finite x and NaN otherwise, and NaN survives a sum.
SYNTH_CLONES bool chunk_is_finite(const float* x, std::size_t frames) {
  float sums[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= frames; i += 16)
    for (std::size_t j = 0; j < 16; ++j) sums[j] += x[i + j] - x[i + j];
  float sum = 0.0f;
  for (const float s : sums) sum += s;
  for (; i < frames; ++i) sum += x[i] - x[i];
  return sum == 0.0f;
}

SYNTH_CLONES float top_of(const float* x, std::size_t frames) {
  float tops[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= frames; i += 16)
    for (std::size_t j = 0; j < 16; ++j) tops[j] = std::max(tops[j], std::abs(x[i + j]));
  float top = 0.0f;
  for (const float t : tops) top = std::max(top, t);
  for (; i < frames; ++i) top = std::max(top, std::abs(x[i]));
  return top;
}

SYNTH_CLONES double power_of(const float* x, std::size_t frames) {
  float sums[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= frames; i += 16)
    for (std::size_t j = 0; j < 16; ++j) sums[j] += x[i + j] * x[i + j];
  double sum = 0.0;
  for (const float s : sums) sum += static_cast<double>(s);
  for (; i < frames; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

[[noreturn]] void name_first_not_finite(const AudioView& audio, std::size_t channel) {
  const float* x = audio.channels[channel];
  std::size_t frame = 0;
  while (std::isfinite(x[frame])) ++frame;
  throw NotFinite(std::string(std::isnan(x[frame]) ? "NaN" : "infinity") + " at channel " +
                  std::to_string(channel) + ", frame " + std::to_string(frame) +
                  ": the audio cannot be used");
}

}  // namespace

void require_finite(const AudioView& audio) {
  for (std::size_t c = 0; c < audio.channels.size(); ++c)
    if (!chunk_is_finite(audio.channels[c], audio.frames)) name_first_not_finite(audio, c);
}

float sample_peak(const AudioView& audio) {
  float top = 0.0f;
  for (const float* x : audio.channels) top = std::max(top, top_of(x, audio.frames));
  return top;
}

double mean_of(const float* x, std::size_t frames) {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= frames; i += 4)
    for (std::size_t j = 0; j < 4; ++j) sums[j] += static_cast<double>(x[i + j]);
  for (; i < frames; ++i) sums[0] += static_cast<double>(x[i]);
  return frames == 0 ? 0.0 : (sums[0] + sums[1] + sums[2] + sums[3]) / static_cast<double>(frames);
}

double largest_mean(const AudioView& audio) {
  double largest = 0.0;
  for (const float* x : audio.channels) {
    const double mean = mean_of(x, audio.frames);
    if (std::abs(mean) > std::abs(largest)) largest = mean;
  }
  return largest;
}

// Windows of 50 ms over all channels; what is left at the end counts as a window.
double silence_ratio(const AudioView& audio) {
  const auto window = std::max<std::size_t>(1, static_cast<std::size_t>(0.05 * audio.sample_rate_hz));
  std::size_t windows = 0, silent = 0;
  for (std::size_t begin = 0; begin < audio.frames; begin += window, ++windows) {
    const std::size_t n = std::min(window, audio.frames - begin);
    double power = 0.0;
    for (const float* x : audio.channels) power += power_of(x + begin, n);
    if (power <= 1e-6 * static_cast<double>(n * audio.channels.size())) ++silent;
  }
  return windows == 0 ? 1.0 : static_cast<double>(silent) / static_cast<double>(windows);
}

long clipped_samples(const AudioView& audio) {
  long clipped = 0;
  for (const float* x : audio.channels) {
    long run = 0;
    for (std::size_t begin = 0; begin < audio.frames; begin += kChunk) {
      const std::size_t end = std::min(begin + kChunk, audio.frames);
      if (run == 0 && top_of(x + begin, end - begin) < 0.999f) continue;
      for (std::size_t i = begin; i < end; ++i) {
        if (std::abs(x[i]) >= 0.999f) {
          ++run;
        } else {
          if (run >= 3) clipped += run;
          run = 0;
        }
      }
    }
    if (run >= 3) clipped += run;
  }
  return clipped;
}

namespace {

// Second differences of one chunk: jumps and single wrong samples stand out there, tones do not.
SYNTH_CLONES void second_differences(const float* x, float* out, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = std::abs(x[i] - 2.0f * x[i + 1] + x[i + 2]);
}

// A click is over within four samples; its neighbourhood of 40 on each side must be 12 times calmer.
bool is_click(const float* x, std::size_t frames, std::size_t at, float size) {
  const std::size_t begin = at > 40 ? at - 40 : 0, end = std::min(at + 40, frames - 2);
  float around = 0.0f;
  for (std::size_t i = begin; i < end; ++i)
    if (i + 3 < at || i > at + 3) around = std::max(around, std::abs(x[i] - 2.0f * x[i + 1] + x[i + 2]));
  return size > 12.0f * around;
}

long clicks_in(const float* x, std::size_t frames) {
  long found = 0;
  std::size_t last = 0;
  float differences[kChunk];
  for (std::size_t begin = 0; begin + 2 < frames; begin += kChunk) {
    const std::size_t count = std::min(kChunk, frames - 2 - begin);
    second_differences(x + begin, differences, count);
    const float top = top_of(differences, count);
    if (top < 0.05f) continue;
    const std::size_t at =
        begin + static_cast<std::size_t>(std::find(differences, differences + count, top) - differences);
    if ((found == 0 || at > last + 40) && is_click(x, frames, at, top)) ++found, last = at;
  }
  return found;
}

}  // namespace

long clicks(const AudioView& audio) {
  long found = 0;
  for (const float* x : audio.channels) found += clicks_in(x, audio.frames);
  return found;
}

}  // namespace synth
