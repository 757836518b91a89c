#include "synth/finish.h"

#include <algorithm>
#include <cmath>

#include "synth/clones.h"
#include "synth/denormals.h"
#include "synth/limiter.h"
#include "synth/measure.h"
#include "synth/true_peak.h"

namespace synth {
namespace {

constexpr double kMostLimitingDb = 6.0;
// What the peak detector may read too low, so that a stricter meter still finds the target held.
constexpr double kDetectorMarginDb = 0.06;

double ratio(double db) { return std::pow(10.0, db / 20.0); }
double decibel(double value) { return 20.0 * std::log10(std::max(value, 1e-10)); }

SYNTH_CLONES void scale(float* x, std::size_t frames, float gain) {
  for (std::size_t i = 0; i < frames; ++i) x[i] *= gain;
}

SYNTH_CLONES void multiply(const float* x, const float* curve, float* out, std::size_t frames) {
  for (std::size_t i = 0; i < frames; ++i) out[i] = x[i] * curve[i];
}

Report facts(const AudioView& audio) {
  require_finite(audio);
  Report report;
  report.dc_offset = largest_mean(audio);
  report.clipped_samples = clipped_samples(audio);
  report.clicks = clicks(audio);
  return report;
}

void fill_levels(Report& report, const AudioView& audio, const LoudnessMeter& meter, double gain) {
  report.loudness_lufs = meter.integrated(gain);
  report.loudness_range_lu = meter.range_lu();
  report.momentary_max_lufs = meter.momentary_max();
  if (report.momentary_max_lufs) *report.momentary_max_lufs += decibel(gain);
  report.peak = static_cast<double>(sample_peak(audio));
  report.silence_ratio = silence_ratio(audio);
}

// A constant would start and end with a step where the audio starts and ends at zero, so it fades over 10 ms.
void remove_offset(float* x, std::size_t frames, double sample_rate_hz) {
  const auto fade = std::min(static_cast<std::size_t>(0.01 * sample_rate_hz), frames / 4);
  const double mean = mean_of(x, frames) * static_cast<double>(frames) / static_cast<double>(frames - fade);
  for (std::size_t i = 0; i < frames; ++i) {
    const std::size_t edge = std::min(i, frames - 1 - i);
    const double share = edge >= fade
                             ? 1.0
                             : 0.5 - 0.5 * std::cos(3.141592653589793 * (static_cast<double>(edge) + 0.5) /
                                                    static_cast<double>(fade));
    x[i] -= static_cast<float>(share * mean);
  }
}

// One piece of audio on its way out.
class Finisher {
 public:
  Finisher(std::span<float* const> channels, std::size_t frames, double rate, double target_lufs,
           double ceiling_dbtp)
      : channels_(channels),
        view_(channels.begin(), channels.end()),
        audio_{view_, frames, rate},
        target_lufs_(target_lufs),
        ceiling_dbtp_(ceiling_dbtp) {}

  Report run() {
    Report report = facts(audio_);
    // The mean of a short sound may well be its own.
    const bool settled = static_cast<double>(audio_.frames) >= 0.4 * audio_.sample_rate_hz;
    if (std::abs(report.dc_offset) > 1e-3 && settled)
      for (float* x : channels_) remove_offset(x, audio_.frames, audio_.sample_rate_hz);
    if (sample_peak(audio_) < 1e-5f) throw Silent("silent: nothing but a constant is above -100 dBFS");
    const LoudnessMeter meter(audio_);
    const double peak = static_cast<double>(true_peak(audio_));
    const double ceiling = ratio(ceiling_dbtp_ - kDetectorMarginDb);
    const double gain = meter.gain_to(target_lufs_).value_or(ceiling / peak);
    if (gain * peak <= ceiling * 1.000001) {
      hold(report, meter, gain, peak);
    } else {
      limit(report, meter, gain, peak, ceiling);
    }
    judge(report);
    return report;
  }

 private:
  // The plain case: one gain.
  void hold(Report& report, const LoudnessMeter& meter, double gain, double peak) {
    for (float* x : channels_) scale(x, audio_.frames, static_cast<float>(gain));
    report.gain_db = decibel(gain);
    report.true_peak_dbtp = decibel(gain * peak);
    fill_levels(report, audio_, meter, gain);
  }

  // Limiting costs loudness, so the gain is raised and the limiter run again until the loudness is right or
  // the limiter has done its 6 dB. What a curve costs is first estimated from the unlimited loudness, then
  // measured; the estimate's error carries over to the next round.
  void limit(Report& report, const LoudnessMeter& unlimited, double gain, double peak, double ceiling) {
    const double most = ceiling / peak * ratio(kMostLimitingDb);
    const std::vector<std::vector<float>> source = copies();
    std::vector<float> peaks(audio_.frames), curve;
    interval_peaks(audio_, static_cast<float>(ceiling / most), static_cast<float>(ceiling / (1.1 * gain)),
                   peaks.data());
    std::optional<LoudnessMeter> meter;
    double error = 0.0;
    for (int measured = 0; measured < 3; ++measured) {
      double estimate = target_lufs_;
      for (int pass = 0; pass < 3; ++pass) {
        gain = std::min(gain, most);
        limiter_curve(peaks, static_cast<float>(gain), static_cast<float>(ceiling), audio_.sample_rate_hz,
                      curve);
        estimate = unlimited.integrated_under(curve).value_or(target_lufs_) + error;
        const double missing = target_lufs_ - estimate;
        if (std::abs(missing) < 0.05 || (gain >= most && missing > 0.0)) break;
        if (pass < 2) gain *= ratio(missing);
      }
      for (std::size_t c = 0; c < channels_.size(); ++c)
        multiply(source[c].data(), curve.data(), channels_[c], audio_.frames);
      meter.emplace(audio_);
      const double result = meter->integrated().value_or(target_lufs_);
      const double missing = target_lufs_ - result;
      if (std::abs(missing) < 0.1 || (gain >= most && missing > 0.0)) break;
      error += result - estimate;
    }
    report.gain_db = decibel(gain);
    report.limited_db = std::min(decibel(gain * peak / ceiling), kMostLimitingDb);
    const double trim = trim_to_ceiling(report);
    fill_levels(report, audio_, *meter, trim);
    report.limited_by_true_peak = report.loudness_lufs && *report.loudness_lufs < target_lufs_ - 0.2;
  }

  // A moving gain may leave a peak a few hundredths of a decibel high; the whole is lowered by that.
  double trim_to_ceiling(Report& report) {
    const double after = static_cast<double>(true_peak(audio_));
    const double trim = std::min(1.0, ratio(ceiling_dbtp_ - kDetectorMarginDb) / after);
    if (trim < 1.0)
      for (float* x : channels_) scale(x, audio_.frames, static_cast<float>(trim));
    report.gain_db += decibel(trim);
    report.true_peak_dbtp = decibel(after * trim);
    return trim;
  }

  std::vector<std::vector<float>> copies() const {
    std::vector<std::vector<float>> copies;
    for (const float* x : channels_) copies.emplace_back(x, x + audio_.frames);
    return copies;
  }

  void judge(Report& report) const {
    const bool loud = !report.loudness_lufs || report.limited_by_true_peak ||
                      std::abs(*report.loudness_lufs - target_lufs_) <= 0.5;
    const bool whole = static_cast<double>(report.clipped_samples) <=
                       1e-3 * static_cast<double>(audio_.frames * channels_.size());
    report.ok = loud && whole && report.true_peak_dbtp <= ceiling_dbtp_ && report.silence_ratio < 0.9;
  }

  std::span<float* const> channels_;
  std::vector<const float*> view_;
  AudioView audio_;
  double target_lufs_, ceiling_dbtp_;
};

}  // namespace

Report measure(const AudioView& audio) {
  const FlushDenormals flush;
  Report report = facts(audio);
  fill_levels(report, audio, LoudnessMeter(audio), 1.0);
  report.true_peak_dbtp = decibel(static_cast<double>(true_peak(audio)));
  report.ok = report.clipped_samples == 0 && report.silence_ratio < 0.9 &&
              std::abs(report.dc_offset) <= 1e-3 && report.true_peak_dbtp <= 0.0;
  return report;
}

Report finish(std::span<float* const> channels, std::size_t frames, double sample_rate_hz,
              double loudness_lufs, double true_peak_dbtp) {
  const FlushDenormals flush;
  return Finisher(channels, frames, sample_rate_hz, loudness_lufs, true_peak_dbtp).run();
}

}  // namespace synth
