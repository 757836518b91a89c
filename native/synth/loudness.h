// Loudness by ITU-R BS.1770-4 and EBU R 128, and loudness range by EBU Tech 3342.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace synth {

// Planar audio: one pointer per channel.
struct AudioView {
  std::span<const float* const> channels;
  std::size_t frames;
  double sample_rate_hz;
};

// K-weighted power of every 100 ms: all that integrated loudness, momentary maximum and range are made of.
class LoudnessMeter {
 public:
  explicit LoudnessMeter(const AudioView& audio);
  // LUFS of the audio times `gain`. Nothing when it is shorter than 400 ms or never passes the gate at -70
  // LUFS. Gating depends on level, so the loudness at another gain is not exactly that many dB away.
  [[nodiscard]] std::optional<double> integrated(double gain = 1.0) const;
  // Of the audio times a slowly moving gain, one value per frame; as good as exact where the gain hardly
  // moves in 100 ms.
  [[nodiscard]] std::optional<double> integrated_under(std::span<const float> curve) const;
  [[nodiscard]] std::optional<double> momentary_max() const;
  [[nodiscard]] std::optional<double> range_lu() const;
  // The gain at which integrated() is `target_lufs`.
  [[nodiscard]] std::optional<double> gain_to(double target_lufs) const;

 private:
  [[nodiscard]] std::vector<double> windows(std::size_t tenths) const;
  double sample_rate_hz_;
  std::vector<double> tenths_;  // weighted sum over channels of the mean square
};

}  // namespace synth
