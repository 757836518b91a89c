// Loudness by ITU-R BS.1770-4 and EBU R 128, loudness range by EBU Tech 3342.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "synth/finish/audio.h"

namespace synth {

// The standard's two filters at any sample rate.
[[nodiscard]] Weighting k_weighting(double sample_rate_hz);
// 5 channels: L R C Ls Rs; 6: L R C LFE Ls Rs. The LFE does not count.
[[nodiscard]] double channel_weight(std::size_t channel, std::size_t channels);

// All values are LUFS or LU; none where there is no value: too little audio, or nothing above the gate.
class Loudness {
 public:
  explicit Loudness(double sample_rate_hz);
  // K-weighted energy of the next hop, summed over the channels with their weights.
  void add(double energy) {
    centi_ += energy;
    if (clock_.tick()) close_centi();
  }

  // Of the audio times `gain`. Gating depends on level, so the loudness at another gain is not exactly that
  // many decibels away.
  [[nodiscard]] std::optional<double> integrated(double gain = 1.0) const;
  // The gain at which integrated() is `target_lufs`.
  [[nodiscard]] std::optional<double> gain_to(double target_lufs) const;
  [[nodiscard]] std::optional<double> range_lu() const;
  // The latest 400 ms and 3 s, and the loudest so far, in steps of 10 ms.
  [[nodiscard]] std::optional<double> momentary() const;
  [[nodiscard]] std::optional<double> short_term() const;
  [[nodiscard]] std::optional<double> momentary_max() const;
  [[nodiscard]] std::optional<double> short_term_max() const;

 private:
  static constexpr std::size_t kMomentary = 40, kShortTerm = 300;  // in centis, which are 10 ms
  void close_centi();
  [[nodiscard]] double power(std::size_t centis) const;
  [[nodiscard]] std::vector<double> means(std::size_t tenths, std::size_t step) const;

  HopClock clock_;
  double centi_ = 0.0;
  std::array<double, 10> centis_{};
  std::array<double, kShortTerm> sums_{};  // at each centi, the energy of the ten that end there
  std::vector<double> tenths_;             // mean power of each 100 ms
  double momentary_ = 0.0, short_term_ = 0.0, momentary_max_ = 0.0, short_term_max_ = 0.0;
};

}  // namespace synth
