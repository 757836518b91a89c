// Brings a piece of audio to its loudness and true peak.
#pragma once

#include "synth/finish/meter.h"

namespace synth {

class Silent : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// From `audio` to `out`, which may be the same samples. At most 6 dB of limiting: what would need more stays
// quieter. Under 0.4 s only the peak is set. Throws NotFinite, Silent (peak below -100 dBFS).
Report finish(const AudioView& audio, std::span<float* const> out, double loudness_lufs,
              double true_peak_dbtp);

}  // namespace synth
