// A look-ahead limiter for whole pieces of audio.
#pragma once

#include <cstddef>
#include <vector>

namespace synth {

// The gain curve that keeps gain * peaks[n] at or under `ceiling`: the least gain asked for within 1.5 ms of
// each frame, let go over about 60 ms, then smoothed by a window of the same width. Smoothing averages values
// that are each low enough for the frame in the middle, so the curve never overshoots (the construction of
// the "peak limiter" in Giannoulis, Massberg, Reiss, JAES 60(6), 2012, run with zero latency because the
// future is known). Returns the least gain of the curve relative to `gain`; `curve` becomes gain times that
// curve.
float limiter_curve(const std::vector<float>& peaks, float gain, float ceiling, double sample_rate_hz,
                    std::vector<float>& curve);

}  // namespace synth
