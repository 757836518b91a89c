// A look-ahead true-peak limiter: the gain that it asks for, hop by hop, and a stream that gets it.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "synth/finish/hop_buffer.h"
#include "synth/finish/softener.h"

namespace synth {

// From the true peak of each hop to a gain that moves on straight lines and holds every peak at or under the
// ceiling: the least gain asked for nearby, let go over about 60 ms, then smoothed by a window no wider than
// "nearby". Smoothing averages values that are each low enough for the hop in the middle, so the gain never
// comes too late (the look-ahead "peak limiter" of Giannoulis, Massberg, Reiss, JAES 60(6), 2012).
class GainLine {
 public:
  GainLine(double sample_rate_hz, float gain, float ceiling);

  // Takes the true peak of the next hop (before the gain). Returns the gain at the start of the hop that came
  // delay() hops earlier.
  float push(float peak) noexcept;
  [[nodiscard]] int delay() const noexcept { return 2 * reach_; }
  // The least factor so far, without the constant gain.
  [[nodiscard]] float least() const noexcept { return least_; }

 private:
  float gain_, ceiling_, rise_;
  int reach_;                                    // hops; about 1.5 ms
  std::vector<float> needs_, releases_, means_;  // rings of the latest values of each step
  std::size_t at_ = 0, ring_ = 0;
  float now_ = 1.0f, least_ = 1.0f;
  int calm_ = 0;  // hops since anything was other than 1
};

// The kernels that were chosen for this processor.
struct ChosenKernels {
  static void sample_peaks(const float* x, int hops, float* peaks) noexcept;
  static void strict_peaks(const float* x, int hops, float floor, const float* samples,
                           float* peaks) noexcept;
  static void soften(const float* x, const float* shares, int hops, float floor, float* out,
                     float* lost) noexcept;
};
using SoundSoftener = Softener<ChosenKernels>;

// A stream through a gain and the limiter.
class Limiter {
 public:
  Limiter(double sample_rate_hz, std::size_t channels, double gain_db, double true_peak_dbtp);

  // As many frames as come in, those of latency() frames ago. `out` may be the same samples.
  void process(const AudioView& audio, std::span<float* const> out);
  // What came so far is all, but for latency() frames of silence that bring out the last of it.
  void end() noexcept {
    end_ = frames_;
    std::fill(ends_.begin(), ends_.end(), false);
  }
  [[nodiscard]] std::size_t latency() const noexcept { return buffer_.latency(); }
  [[nodiscard]] std::size_t channels() const noexcept { return buffer_.channels(); }
  // Most that was taken away so far, from 0 up.
  [[nodiscard]] double limited_db() const noexcept;

 private:
  void ride(std::int64_t first, int hops, const float* peaks);
  void fade_rims(std::size_t channel, std::int64_t first, int hops, const float* lost) noexcept;

  // Far behind any frame, and far enough from the last number for sums with it.
  static constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max() / 2;

  GainLine line_;
  HopBuffer given_, buffer_;  // what came, and what goes, times kHeadroom
  SoundSoftener softener_;
  float ceiling_;              // of what is in the buffers
  std::int64_t searched_ = 0;  // hops
  std::int64_t frames_ = 0, end_ = kEndless;
  std::vector<bool> begins_, ends_;  // whether they fade, by channel
  float knot_ = 1.0f;                // the latest
};

// The gain at the start of each hop and at the end of the last.
std::vector<float> gain_line(const std::vector<float>& peaks, double sample_rate_hz, float gain,
                             float ceiling);

}  // namespace synth
