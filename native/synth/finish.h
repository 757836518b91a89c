// Checks a piece of audio and brings it to its loudness and true peak.
#pragma once

#include <optional>
#include <span>
#include <stdexcept>

#include "synth/loudness.h"

namespace synth {

class NotFinite : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};
class Silent : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

struct Report {
  std::optional<double> loudness_lufs;  // none under 0.4 s, or when nothing passes the gate
  std::optional<double> momentary_max_lufs;
  std::optional<double> loudness_range_lu;  // none under about 3 s
  double true_peak_dbtp = 0.0;
  double peak = 0.0;                  // highest sample, linear
  double dc_offset = 0.0;             // largest mean of a channel, as it came in
  double silence_ratio = 0.0;         // share of 50 ms windows under -60 dBFS RMS
  long clipped_samples = 0;           // in runs of 3 or more at 0.999 and above, as it came in
  long clicks = 0;                    // isolated jumps, as it came in
  bool limited_by_true_peak = false;  // quieter than asked for, as 6 dB of limiting did not suffice
  double gain_db = 0.0;               // applied
  double limited_db = 0.0;            // most that the limiter took away
  bool ok = false;
};

// Throws NotFinite.
Report measure(const AudioView& audio);

// In place. At most 6 dB of limiting: what would need more stays quieter. Under 0.4 s only the peak is set.
// Throws NotFinite, Silent (peak below -100 dBFS).
Report finish(std::span<float* const> channels, std::size_t frames, double sample_rate_hz,
              double loudness_lufs, double true_peak_dbtp);

}  // namespace synth
