#include "synth/finish/finish.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "synth/denormals.h"
#include "synth/finish/limiter.h"
#include "synth/isa.h"

namespace synth {
namespace {

constexpr double kMostLimitingDb = 6.0;
// What the peak search may read too low, so that a stricter meter still finds the target held; half of it is
// what a moving gain may add to a peak.
constexpr double kMarginDb = 0.1;
constexpr double kAudible = 1e-5;  // -100 dBFS

double ratio(double db) { return std::pow(10.0, db / 20.0); }
double decibel(double value) { return 20.0 * std::log10(std::max(value, 1e-10)); }

// A constant would start and end with a step where the audio starts and ends at zero, so it fades over 10 ms.
void remove_offset(const float* x, std::size_t frames, double sample_rate_hz, float* out) {
  const auto fade = std::min(static_cast<std::size_t>(0.01 * sample_rate_hz), frames / 4);
  double mean = 0.0;
  for (std::size_t i = 0; i < frames; ++i) mean += static_cast<double>(x[i]);
  mean /= static_cast<double>(frames - fade);
  for (std::size_t i = 0; i < frames; ++i) {
    const std::size_t edge = std::min(i, frames - 1 - i);
    const double share = edge >= fade
                             ? 1.0
                             : 0.5 - 0.5 * std::cos(std::numbers::pi * (static_cast<double>(edge) + 0.5) /
                                                    static_cast<double>(fade));
    out[i] = x[i] - static_cast<float>(share * mean);
  }
}

// One piece of audio on its way out.
class Finisher {
 public:
  Finisher(const AudioView& audio, std::span<float* const> out, double target_lufs, double ceiling_dbtp)
      : audio_(audio),
        out_(out),
        target_lufs_(target_lufs),
        ceiling_dbtp_(ceiling_dbtp),
        ceiling_(ratio(ceiling_dbtp - kMarginDb)) {
    measure();
  }

  Report run() {
    const Report given = meter_->report(1.0);
    // The mean of a short sound may well be its own.
    const bool settled = static_cast<double>(audio_.frames) >= 0.4 * audio_.sample_rate_hz;
    if (std::abs(given.dc_offset) > 1e-3 && settled) without_offset();
    if (meter_->sample_peak() < kAudible) throw Silent("silent: nothing but a constant is above -100 dBFS");
    const double gain = meter_->loudness().gain_to(target_lufs_).value_or(ceiling_ / strict_peak());
    Report report = gain * strict_peak() <= ceiling_ * 1.000001 ? hold(gain) : limit(gain);
    report.dc_offset = given.dc_offset;
    report.clipped_samples = given.clipped_samples;
    report.clicks = given.clicks;
    judge(report);
    return report;
  }

 private:
  void measure() {
    trace_ = {};
    meter_.emplace(audio_.sample_rate_hz, audio_.channels.size(), &trace_);
    meter_->push(audio_);
    meter_->end();
  }

  [[nodiscard]] double strict_peak() const { return static_cast<double>(trace_.strict_peak); }

  void without_offset() {
    for (std::size_t c = 0; c < out_.size(); ++c)
      remove_offset(audio_.channels[c], audio_.frames, audio_.sample_rate_hz, out_[c]);
    view_.assign(out_.begin(), out_.end());
    audio_.channels = view_;
    measure();
  }

  // The plain case: one gain. All that was measured holds, that many decibels away.
  Report hold(double gain) {
    for (std::size_t c = 0; c < out_.size(); ++c)
      isa().finish.scale(audio_.channels[c], static_cast<long>(audio_.frames), static_cast<float>(gain),
                         out_[c]);
    Report report = meter_->report(gain);
    report.gain_db = decibel(gain);
    return report;
  }

  // Limiting costs loudness, so the gain is raised until the loudness is right or the limiter does its 6 dB.
  // What a gain line costs is computed from the energy of each hop, to the hundredth of a decibel.
  Report limit(double gain) {
    const double most = ceiling_ / strict_peak() * ratio(kMostLimitingDb);
    std::vector<float> line;
    double slope = 1.0, before_lufs = 0.0, before_gain = gain;  // slope: LU gained per decibel of gain
    for (int pass = 0; pass < 8; ++pass) {
      gain = std::min(gain, most);
      line = gain_line(trace_.peaks, audio_.sample_rate_hz, static_cast<float>(gain),
                       static_cast<float>(ceiling_));
      const double now_lufs = loudness_under(line).value_or(target_lufs_), missing = target_lufs_ - now_lufs;
      if (std::abs(missing) < 0.01 || (gain >= most && missing > 0.0)) break;
      if (pass > 0) slope = std::clamp((now_lufs - before_lufs) / decibel(gain / before_gain), 0.2, 1.0);
      before_lufs = now_lufs, before_gain = gain;
      gain *= ratio(missing / slope);
    }
    Report report = ride(line);
    report.gain_db += decibel(gain);
    report.limited_db = std::min(decibel(gain * strict_peak() / ceiling_), kMostLimitingDb);
    report.limited_by_true_peak = report.loudness_lufs && *report.loudness_lufs < target_lufs_ - 0.2;
    return report;
  }

  std::optional<double> loudness_under(const std::vector<float>& line) const {
    Loudness loudness(audio_.sample_rate_hz);
    for (std::size_t j = 0; j < trace_.weighted.size(); ++j) {
      const double middle = 0.5 * (static_cast<double>(line[j]) + static_cast<double>(line[j + 1]));
      loudness.add(middle * middle * static_cast<double>(trace_.weighted[j]));
    }
    return loudness.integrated();
  }

  // Applies the gain line and measures what it gave.
  Report ride(const std::vector<float>& line) {
    constexpr std::size_t kHops = 96;
    Meter meter(audio_.sample_rate_hz, audio_.channels.size());
    std::vector<const float*> done(out_.size());
    for (std::size_t hop = 0; hop < trace_.peaks.size(); hop += kHops) {
      const std::size_t begin = hop * kHop, frames = std::min(kHops * kHop, audio_.frames - begin);
      for (std::size_t c = 0; c < out_.size(); ++c) {
        isa().finish.ride(audio_.channels[c] + begin, line.data() + hop, static_cast<long>(frames),
                          out_[c] + begin);
        done[c] = out_[c] + begin;
      }
      meter.push({done, frames, audio_.sample_rate_hz});
    }
    meter.end();
    const double trim = trim_to_ceiling(line);
    Report report = meter.report(trim);
    report.gain_db = decibel(trim);
    return report;
  }

  // A moving gain may leave a peak some thousandths of a decibel high; should it ever be more, the whole is
  // lowered by that. Only hops that should be at the ceiling can be over it.
  double trim_to_ceiling(const std::vector<float>& line) {
    const auto floor = static_cast<float>(0.97 * ceiling_);
    float highest = 0.0f;
    for (std::size_t j = 0; j < trace_.peaks.size(); ++j)
      if (trace_.peaks[j] * std::max(line[j], line[j + 1]) > floor)
        for (const float* x : out_) highest = std::max(highest, strict_peak_at(x, j));
    const double trim = ratio(ceiling_dbtp_ - kMarginDb / 2) / static_cast<double>(highest);
    if (trim >= 1.0) return 1.0;
    for (float* x : out_)
      isa().finish.scale(x, static_cast<long>(audio_.frames), static_cast<float>(trim), x);
    return trim;
  }

  // Of one hop of a channel.
  [[nodiscard]] float strict_peak_at(const float* x, std::size_t hop) const {
    float near[(2 * kNear + 7) * kHop] = {}, sample, read, strict;
    const std::size_t before = std::min<std::size_t>(hop, kNear) * kHop, at = hop * kHop;
    float* here = near + kNear * kHop;
    std::copy(x + at - before, x + std::min(audio_.frames, at + (kNear + 1) * kHop), here - before);
    isa().finish.sample_peaks(here, 1, &sample);
    isa().finish.meter_peaks(here, 1, 0.0f, &sample, &read);
    isa().finish.strict_peaks(here, 1, 0.0f, &sample, &strict);
    return std::max(read, strict);
  }

  void judge(Report& report) const {
    const bool loud = !report.loudness_lufs || report.limited_by_true_peak ||
                      std::abs(*report.loudness_lufs - target_lufs_) <= 0.5;
    const bool whole = static_cast<double>(report.clipped_samples) <=
                       1e-3 * static_cast<double>(audio_.frames * audio_.channels.size());
    report.ok = loud && whole && report.true_peak_dbtp <= ceiling_dbtp_ && report.silence_ratio < 0.9;
  }

  AudioView audio_;
  std::span<float* const> out_;
  std::vector<const float*> view_;
  double target_lufs_, ceiling_dbtp_, ceiling_;
  Trace trace_;
  std::optional<Meter> meter_;
};

}  // namespace

Report finish(const AudioView& audio, std::span<float* const> out, double loudness_lufs,
              double true_peak_dbtp) {
  const FlushDenormals flush;
  return Finisher(audio, out, loudness_lufs, true_peak_dbtp).run();
}

}  // namespace synth
