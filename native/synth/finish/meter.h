// Measures audio as it comes: loudness, true peak, and what may be wrong with it.
#pragma once

#include <optional>
#include <stdexcept>
#include <vector>

#include "synth/finish/clicks.h"
#include "synth/finish/loudness.h"

namespace synth {

// Of a linear level; silence is -200 dB.
[[nodiscard]] double decibel(double value);

class NotFinite : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

struct Report {
  std::optional<double> loudness_lufs;  // none under 0.4 s, or when nothing passes the gate
  std::optional<double> momentary_max_lufs;
  std::optional<double> short_term_max_lufs;  // none under 3 s
  std::optional<double> loudness_range_lu;    // none under 3 s
  double true_peak_dbtp = 0.0;                // as meters read it
  double peak = 0.0;                          // highest sample, linear
  double dc_offset = 0.0;                     // largest mean of a channel
  double silence_ratio = 0.0;                 // share of 50 ms windows under -60 dBFS RMS
  long clipped_samples = 0;                   // in runs of 3 or more at 0.999 and above
  long clicks = 0;                            // isolated jumps
  bool limited_by_true_peak = false;          // quieter than asked for, as 6 dB of limiting did not suffice
  double gain_db = 0.0;                       // applied
  double limited_db = 0.0;                    // most that the limiter took away
  bool ok = false;
};

// The same figures however the audio is cut: it is gathered into blocks that count from its start.
class Meter {
 public:
  // What was measured of each hop, over all channels.
  struct Trace {
    std::vector<float> energies, samples;  // K-weighted energy, highest sample
  };
  // Appends to `trace`, which must outlive the meter.
  Meter(double sample_rate_hz, std::size_t channels, Trace* trace = nullptr);

  // What comes is made from audio that was measured before: it is finite, nobody asks for its faults, and its
  // true peak is found otherwise.
  void trust() noexcept { trusted_ = true; }
  void set_true_peak(float peak) noexcept { true_peak_ = peak * kHeadroom; }

  // The channels must be as many as were announced. Throws NotFinite; then nothing of the audio has counted.
  void push(const AudioView& audio);
  // The same, checked block by block, which reads memory once; after NotFinite the meter is of no more use.
  void push_once(const AudioView& audio);
  // No more comes. What lies between the last samples and the silence after them counts as well.
  void end();
  // Of what came so far, or, after end(), of all of it times `gain`.
  [[nodiscard]] Report report() const;
  [[nodiscard]] Report report(double gain) const;

  [[nodiscard]] const Loudness& loudness() const noexcept { return loudness_; }
  [[nodiscard]] double true_peak() const noexcept { return level(true_peak_); }
  [[nodiscard]] double largest_bend() const noexcept;
  [[nodiscard]] double sample_peak() const noexcept { return level(sample_peak_); }
  [[nodiscard]] std::int64_t frames() const noexcept { return frames_; }
  [[nodiscard]] std::size_t channels() const noexcept { return channels_.size(); }

 private:
  static constexpr int kBlock = 96;  // hops
  static constexpr int kPast = 6;    // hops of the block before that stay in reach
  static constexpr int kSlack = 12;  // hops after it that kernels may read

  static double level(float peak) noexcept {
    return static_cast<double>(peak) / static_cast<double>(kHeadroom);
  }

  struct Channel {  // x: times kHeadroom
    alignas(64) float x[(kPast + kBlock + kSlack) * kHop] = {};
    Faults faults;
  };

  void add(const AudioView& audio, bool check);
  void block(int hops, bool last);
  void weigh(int hops);
  void search(int hops, bool last);
  [[nodiscard]] double dc_offset() const;
  [[nodiscard]] double silence_ratio(double gain) const;

  double sample_rate_hz_;
  std::vector<Channel> channels_;
  Weighting weighting_;
  std::vector<WeightingState> states_;  // one for two channels
  Loudness loudness_;
  HopClock window_clock_;
  double window_ = 0.0;
  std::vector<float> windows_;  // mean power of each 50 ms
  Trace* trace_;
  bool trusted_ = false;
  std::int64_t frames_ = 0, hops_ = 0;           // hops that went through weigh()
  int gathered_ = 0;                             // frames in the block that is being filled
  float true_peak_ = 0.0f, sample_peak_ = 0.0f;  // times kHeadroom
};

// Throws NotFinite, which names the first place.
void require_finite(const AudioView& audio);
// Throws NotFinite.
Report measure(const AudioView& audio);

}  // namespace synth
