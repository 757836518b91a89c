#include "synth/finish/loudness.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace synth {
namespace {

Weighting::Stage stage(double b0, double b1, double b2, double a1, double a2) {
  return {b0, b1 - a1 * b0, b2 - a2 * b0, a1, a2};
}

// BS.1770 gives its two filters as coefficients at 48 kHz only. These are the analogue prototypes behind them
// (frequencies, gain and Q as derived by B. De Man, 2018), so the weighting is the same at every rate; at 48
// kHz the result is the table of the standard to 1e-9.
Weighting::Stage head_shelf(double rate) {
  const double k = std::tan(std::numbers::pi * 1681.974450955533 / rate), q = 0.7071752369554196;
  const double high = std::pow(10.0, 3.999843853973347 / 20.0), band = std::pow(high, 0.4996667741545416);
  const double a0 = 1.0 + k / q + k * k;
  return stage((high + band * k / q + k * k) / a0, 2.0 * (k * k - high) / a0,
               (high - band * k / q + k * k) / a0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0);
}

Weighting::Stage low_cut(double rate) {
  const double k = std::tan(std::numbers::pi * 38.13547087602444 / rate), q = 0.5003270373238773;
  const double a0 = 1.0 + k / q + k * k;
  return stage(1.0, -2.0, 1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0);
}

double lufs(double power) { return -0.691 + 10.0 * std::log10(power); }

std::optional<double> lufs_of(double power) {
  return power > 0.0 ? std::optional(lufs(power)) : std::nullopt;
}

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double v : values) sum += v;
  return sum / static_cast<double>(values.size());
}

// The values above both gates: -70 LUFS, then `relative_lu` under the mean of what passed the first.
std::vector<double> gated(std::vector<double> powers, double relative_lu) {
  const auto drop_below = [&](double threshold_lufs) {
    const double threshold = std::pow(10.0, (threshold_lufs + 0.691) / 10.0);
    std::erase_if(powers, [&](double p) { return p <= threshold; });
  };
  drop_below(-70.0);
  if (!powers.empty()) drop_below(lufs(mean(powers)) - relative_lu);
  return powers;
}

}  // namespace

Weighting k_weighting(double sample_rate_hz) { return {head_shelf(sample_rate_hz), low_cut(sample_rate_hz)}; }

double channel_weight(std::size_t channel, std::size_t channels) {
  if (channels == 5) return channel >= 3 ? 1.41 : 1.0;
  if (channels == 6) return channel == 3 ? 0.0 : channel >= 4 ? 1.41 : 1.0;
  return 1.0;
}

Loudness::Loudness(double sample_rate_hz) : clock_(sample_rate_hz, 100.0) {}

void Loudness::close_centi() {
  const auto centis = static_cast<std::size_t>(clock_.windows());
  centis_[centis % centis_.size()] = centi_;
  centi_ = 0.0;
  double sum = 0.0;
  for (const double energy : centis_) sum += energy;
  sums_[centis % kShortTerm] = sum;
  if (centis % 10 == 0) tenths_.push_back(sum / clock_.frames(10));
  if (centis >= kMomentary) momentary_max_ = std::max(momentary_max_, momentary_ = power(kMomentary));
  if (centis >= kShortTerm) short_term_max_ = std::max(short_term_max_, short_term_ = power(kShortTerm));
}

// Mean over the latest centis.
double Loudness::power(std::size_t centis) const {
  const auto now = static_cast<std::size_t>(clock_.windows());
  double sum = 0.0;
  for (std::size_t back = 0; back < centis; back += 10) sum += sums_[(now - back) % kShortTerm];
  return sum / clock_.frames(static_cast<std::int64_t>(centis));
}

// Means over `tenths` of the 100 ms each, every `step` of them.
std::vector<double> Loudness::means(std::size_t tenths, std::size_t step) const {
  std::vector<double> means;
  for (std::size_t i = 0; i + tenths <= tenths_.size(); i += step) {
    double sum = 0.0;
    for (std::size_t k = 0; k < tenths; ++k) sum += tenths_[i + k];
    means.push_back(sum / static_cast<double>(tenths));
  }
  return means;
}

// Blocks of 400 ms with 75 % overlap.
std::optional<double> Loudness::integrated(double gain) const {
  std::vector<double> powers = means(4, 1);
  for (double& p : powers) p *= gain * gain;
  powers = gated(std::move(powers), 10.0);
  return powers.empty() ? std::nullopt : std::optional(lufs(mean(powers)));
}

std::optional<double> Loudness::gain_to(double target_lufs) const {
  const std::vector<double> powers = means(4, 1);
  const auto top = std::max_element(powers.begin(), powers.end());
  if (top == powers.end() || *top <= 0.0) return std::nullopt;
  // Start where the loudest block is at the target, so that the gates see about the level they will see in
  // the end.
  double gain = std::pow(10.0, (target_lufs - lufs(*top)) / 20.0);
  for (int pass = 0; pass < 4; ++pass) {
    const std::optional<double> now = integrated(gain);
    if (!now) return std::nullopt;
    gain *= std::pow(10.0, (target_lufs - *now) / 20.0);
  }
  return gain;
}

// Windows of 3 s that overlap by 2 s.
std::optional<double> Loudness::range_lu() const {
  std::vector<double> powers = gated(means(30, 10), 20.0);
  if (powers.empty()) return std::nullopt;
  std::sort(powers.begin(), powers.end());
  const auto at = [&](double share) {
    return lufs(powers[static_cast<std::size_t>(share * static_cast<double>(powers.size() - 1) + 0.5)]);
  };
  return at(0.95) - at(0.10);
}

std::optional<double> Loudness::momentary() const { return lufs_of(momentary_); }
std::optional<double> Loudness::short_term() const { return lufs_of(short_term_); }
std::optional<double> Loudness::momentary_max() const { return lufs_of(momentary_max_); }
std::optional<double> Loudness::short_term_max() const { return lufs_of(short_term_max_); }

}  // namespace synth
