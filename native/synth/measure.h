// The facts of a report that need no filter.
#pragma once

#include "synth/finish.h"

namespace synth {

void require_finite(const AudioView& audio);
[[nodiscard]] float sample_peak(const AudioView& audio);
[[nodiscard]] double mean_of(const float* x, std::size_t frames);
[[nodiscard]] double largest_mean(const AudioView& audio);
[[nodiscard]] double silence_ratio(const AudioView& audio);
[[nodiscard]] long clipped_samples(const AudioView& audio);
[[nodiscard]] long clicks(const AudioView& audio);

}  // namespace synth
