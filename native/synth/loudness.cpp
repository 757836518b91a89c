#include "synth/loudness.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace synth {
namespace {

struct Biquad {
  double b0, b1, b2, a1, a2;
};

struct BiquadState {
  double z1 = 0.0, z2 = 0.0;
  double step(const Biquad& c, double x) noexcept {
    const double y = c.b0 * x + z1;
    z1 = c.b1 * x - c.a1 * y + z2;
    z2 = c.b2 * x - c.a2 * y;
    return y;
  }
};

// BS.1770 gives its two filters as coefficients at 48 kHz only. These are the analogue prototypes behind them
// (frequencies, gain and Q as derived by B. De Man, 2018), so the weighting is the same at every rate; at 48
// kHz the result is the table of the standard to 1e-9.
Biquad head_shelf(double rate) {
  const double k = std::tan(std::numbers::pi * 1681.974450955533 / rate), q = 0.7071752369554196;
  const double high = std::pow(10.0, 3.999843853973347 / 20.0), band = std::pow(high, 0.4996667741545416);
  const double a0 = 1.0 + k / q + k * k;
  return {(high + band * k / q + k * k) / a0, 2.0 * (k * k - high) / a0, (high - band * k / q + k * k) / a0,
          2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0};
}

Biquad low_cut(double rate) {
  const double k = std::tan(std::numbers::pi * 38.13547087602444 / rate), q = 0.5003270373238773;
  const double a0 = 1.0 + k / q + k * k;
  return {1.0, -2.0, 1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0};
}

// 5 channels: L R C Ls Rs; 6: L R C LFE Ls Rs. The LFE does not count.
double channel_weight(std::size_t channel, std::size_t channels) {
  if (channels == 5) return channel >= 3 ? 1.41 : 1.0;
  if (channels == 6) return channel == 3 ? 0.0 : channel >= 4 ? 1.41 : 1.0;
  return 1.0;
}

double lufs(double power) { return -0.691 + 10.0 * std::log10(power); }

std::size_t tenth_start(std::size_t index, double rate) {
  return static_cast<std::size_t>(static_cast<double>(index) * rate / 10.0 + 0.5);
}

// Two channels at a time: their recursions are independent and overlap in the processor.
template <std::size_t N>
void add_powers(const AudioView& audio, std::size_t first, std::vector<double>& tenths) {
  const Biquad shelf = head_shelf(audio.sample_rate_hz), cut = low_cut(audio.sample_rate_hz);
  BiquadState shelf_state[N], cut_state[N];
  for (std::size_t t = 0; t < tenths.size(); ++t) {
    const std::size_t begin = tenth_start(t, audio.sample_rate_hz),
                      end = tenth_start(t + 1, audio.sample_rate_hz);
    double sum[N] = {};
    for (std::size_t i = begin; i < end; ++i) {
      for (std::size_t c = 0; c < N; ++c) {
        const double x = static_cast<double>(audio.channels[first + c][i]);
        const double y = cut_state[c].step(cut, shelf_state[c].step(shelf, x));
        sum[c] += y * y;
      }
    }
    for (std::size_t c = 0; c < N; ++c)
      tenths[t] +=
          channel_weight(first + c, audio.channels.size()) * sum[c] / static_cast<double>(end - begin);
  }
}

}  // namespace

LoudnessMeter::LoudnessMeter(const AudioView& audio) : sample_rate_hz_(audio.sample_rate_hz) {
  std::size_t count = 0;
  while (tenth_start(count + 1, audio.sample_rate_hz) <= audio.frames) ++count;
  tenths_.assign(count, 0.0);
  std::size_t channel = 0;
  for (; channel + 2 <= audio.channels.size(); channel += 2) add_powers<2>(audio, channel, tenths_);
  if (channel < audio.channels.size()) add_powers<1>(audio, channel, tenths_);
}

// Means over `tenths` consecutive tenths, one per tenth: 4 is BS.1770's block with 75 % overlap, 30 is
// short-term.
std::vector<double> LoudnessMeter::windows(std::size_t tenths) const {
  std::vector<double> means;
  for (std::size_t i = 0; i + tenths <= tenths_.size(); ++i) {
    double sum = 0.0;
    for (std::size_t k = 0; k < tenths; ++k) sum += tenths_[i + k];
    means.push_back(sum / static_cast<double>(tenths));
  }
  return means;
}

namespace {

// Mean of the values above both gates: -70 LUFS, then `relative_lu` under the mean of what passed the first.
std::vector<double> gated(std::vector<double> powers, double relative_lu) {
  const auto drop_below = [&](double threshold_lufs) {
    std::erase_if(powers, [&](double p) { return p <= 0.0 || lufs(p) <= threshold_lufs; });
  };
  const auto mean = [&] {
    double sum = 0.0;
    for (const double p : powers) sum += p;
    return sum / static_cast<double>(powers.size());
  };
  drop_below(-70.0);
  if (!powers.empty()) drop_below(lufs(mean()) - relative_lu);
  return powers;
}

}  // namespace

std::optional<double> LoudnessMeter::integrated(double gain) const {
  std::vector<double> powers = windows(4);
  for (double& p : powers) p *= gain * gain;
  powers = gated(std::move(powers), 10.0);
  if (powers.empty()) return std::nullopt;
  double sum = 0.0;
  for (const double p : powers) sum += p;
  return lufs(sum / static_cast<double>(powers.size()));
}

std::optional<double> LoudnessMeter::integrated_under(std::span<const float> curve) const {
  LoudnessMeter changed(*this);
  for (std::size_t t = 0; t < tenths_.size(); ++t) {
    const std::size_t begin = tenth_start(t, sample_rate_hz_), end = tenth_start(t + 1, sample_rate_hz_);
    double sums[4] = {};
    for (std::size_t i = begin; i < end; ++i)
      sums[i % 4] += static_cast<double>(curve[i]) * static_cast<double>(curve[i]);
    changed.tenths_[t] *= (sums[0] + sums[1] + sums[2] + sums[3]) / static_cast<double>(end - begin);
  }
  return changed.integrated();
}

std::optional<double> LoudnessMeter::momentary_max() const {
  const std::vector<double> powers = windows(4);
  const auto top = std::max_element(powers.begin(), powers.end());
  if (top == powers.end() || *top <= 0.0) return std::nullopt;
  return lufs(*top);
}

std::optional<double> LoudnessMeter::range_lu() const {
  std::vector<double> powers = gated(windows(30), 20.0);
  if (powers.size() < 2) return std::nullopt;
  std::sort(powers.begin(), powers.end());
  const auto at = [&](double share) {
    return lufs(powers[static_cast<std::size_t>(share * static_cast<double>(powers.size() - 1) + 0.5)]);
  };
  return at(0.95) - at(0.10);
}

std::optional<double> LoudnessMeter::gain_to(double target_lufs) const {
  const std::vector<double> powers = windows(4);
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

}  // namespace synth
