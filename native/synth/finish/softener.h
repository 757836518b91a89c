// What a limiter does before it finds its gain.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "synth/finish/kernels.h"
#include "synth/shared.h"

namespace synth {

// Where a sound comes near a ceiling it loses its edge of the band, near half the sample rate: no filter of
// any length measures the true peak of that, as a tone at half the rate that is switched on has none. Near is
// within 6 dB, by the samples; the rest of the sound keeps its bits.
inline constexpr float kLoud = 0.5f, kNoEdge = 1e-3f;   // of the ceiling
inline constexpr int kSoftBefore = 1, kSoftAfter = 12;  // hops around a loud one

// A loud sound that begins or ends at once has an edge of its own there: the frames over which it fades. Of
// its end a stream learns no earlier.
inline constexpr int kRise = 6 * kHop, kFall = 2 * kHop;
// Of the way from silence over `length`, `frames` and a half from it.
inline float rim(std::int64_t frames, int length) noexcept {
  if (frames < 0 || frames >= length) return frames < 0 ? 0.0f : 1.0f;
  const float turn =
      std::numbers::pi_v<float> * (static_cast<float>(frames) + 0.5f) / static_cast<float>(length);
  const float way = 0.5f - 0.5f * std::cos(turn);
  return way * way;
}

// Asked hop by hop in order: is a loud one near?
class Nearby {
 public:
  // Where the hop kSoftBefore after this one is known. Returns the share of the edge that is taken away at
  // its start.
  template <class Loud>
  SYNTH_SHARED float share(std::int64_t hop, Loud loud) noexcept {
    if (loud(hop + kSoftBefore)) latest_ = hop + kSoftBefore;
    return hop - latest_ <= kSoftAfter ? 1.0f : 0.0f;
  }

 private:
  std::int64_t latest_ = -kSoftAfter - kSoftBefore - 1;
};

// A stream that is softened and searched, with the kernels of whatever instruction set.
template <class Kernels>
class Softener {
 public:
  static constexpr int kSoftened = std::max(kSoftBefore + 1, kNear), kBehind = kSoftened + kNear;
  static constexpr int kMost = 65;  // hops at a time

  // That many hops more have come whole at from(channel, hop), which counts from 0. Those kSoftened earlier
  // are written to to(channel, hop). Gives the true peaks of those kBehind earlier, over all channels, exact
  // where they are above the ceiling.
  // rims(channel, hop, hops, lost) may do more to what was softened, and lost that energy, before it is
  // searched.
  template <class From, class To, class Rims>
  SYNTH_SHARED void process(int hops, std::size_t channels, float ceiling, From from, To to, Rims rims,
                            float* peaks) noexcept {
    float samples[kMost], found[kMost], shares[kMost + 1], lost[kMost];
    for (int j = 0; j < hops; ++j) loud(hops_ + j) = false;
    for (std::size_t c = 0; c < channels; ++c) {
      Kernels::sample_peaks(from(c, hops_), hops, samples);
      for (int j = 0; j < hops; ++j) loud(hops_ + j) |= samples[j] > kLoud * ceiling;
    }
    const std::int64_t softened = hops_ - kSoftened, searched = hops_ - kBehind;
    shares[0] = share_;
    for (int j = 1; j <= hops; ++j)
      shares[j] = nearby_.share(softened + j, [this](std::int64_t hop) { return loud(hop); });
    share_ = shares[hops];
    for (std::size_t c = 0; c < channels; ++c) {
      Kernels::soften(from(c, softened), shares, hops, kNoEdge * ceiling, to(c, softened), lost);
      rims(c, softened, hops, lost);
      const float* x = to(c, searched);
      Kernels::sample_peaks(x, hops, samples);
      Kernels::strict_peaks(x, hops, ceiling, samples, found);
      for (int j = 0; j < hops; ++j) peaks[j] = c == 0 ? found[j] : std::max(peaks[j], found[j]);
    }
    hops_ += hops;
  }

 private:
  static constexpr std::uint32_t kRing = 128;
  static_assert(kRing > kMost + kSoftened);
  SYNTH_SHARED bool& loud(std::int64_t hop) noexcept {
    return loud_[static_cast<std::uint32_t>(hop) % kRing];
  }

  std::int64_t hops_ = 0;
  Nearby nearby_;
  float share_ = 0.0f;  // at the start of the next hop
  bool loud_[kRing] = {};
};

}  // namespace synth
