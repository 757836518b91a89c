// A bed that goes down while a voice speaks.
#pragma once

#include "synth/finish/hop_buffer.h"

namespace synth {

struct DuckSettings {
  double amount_db = -12.0, attack_s = 0.05, release_s = 0.4, threshold_db = -40.0;
};

// The bed goes to amount_db while the level of the voice (10 ms, all channels) is over the threshold, moving
// in decibels with half the attack and half the release as time constants. It looks ahead by one attack, so
// that the bed is down when the voice begins.
class Ducker {
 public:
  // The voice has one channel or as many as the bed.
  Ducker(double sample_rate_hz, std::size_t bed_channels, std::size_t voice_channels,
         const DuckSettings& settings);

  // The mix, as many frames as come in, those of latency() frames ago. Bed and voice are of the same length.
  void process(const AudioView& bed, const AudioView& voice, std::span<float* const> out);
  [[nodiscard]] std::size_t latency() const noexcept { return bed_.latency(); }
  [[nodiscard]] std::size_t bed_channels() const noexcept { return bed_.channels(); }
  [[nodiscard]] std::size_t voice_channels() const noexcept { return voice_.channels(); }

 private:
  void settle();
  bool speaking(std::int64_t hop) noexcept;
  float knot() noexcept;

  DuckSettings settings_;
  double level_pace_, down_, up_, threshold_;
  std::int64_t ahead_;  // hops
  HopBuffer bed_, voice_;
  std::int64_t heard_ = 0;           // hops looked at
  std::int64_t spoken_ = INT64_MIN;  // the hop after the last one with voice
  double level_ = 0.0, now_db_ = 0.0;
  float gain_ = 1.0f;
};

// The whole of it, without the latency: as long as the bed. Throws NotFinite, which names the first place in
// one of both.
void duck(const AudioView& bed, const AudioView& voice, const DuckSettings& settings,
          std::span<float* const> out);

}  // namespace synth
