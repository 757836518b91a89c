#include "synth/finish/meter.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "synth/denormals.h"
#include "synth/isa.h"

namespace synth {
namespace {

constexpr double kSilentPower = 1e-6;
constexpr double kUp = 1.0 / static_cast<double>(kHeadroom);

// No figure that is kept as a float is read where it would not fit.
float held(double energy) {
  return static_cast<float>(std::min(energy, static_cast<double>(std::numeric_limits<float>::max())));
}

[[noreturn]] void name_first_not_finite(const AudioView& audio, std::size_t channel) {
  const float* x = audio.channels[channel];
  std::size_t frame = 0;
  while (std::isfinite(x[frame])) ++frame;
  throw NotFinite(std::string(std::isnan(x[frame]) ? "NaN" : "infinity") + " at channel " +
                  std::to_string(channel) + ", frame " + std::to_string(frame) +
                  ": the audio cannot be used");
}

}  // namespace

double decibel(double value) { return 20.0 * std::log10(std::max(value, 1e-10)); }

void require_finite(const AudioView& audio) {
  for (std::size_t c = 0; c < audio.channels.size(); ++c)
    if (!isa().finish.finite(audio.channels[c], static_cast<long>(audio.frames)))
      name_first_not_finite(audio, c);
}

Meter::Meter(double sample_rate_hz, std::size_t channels, Trace* trace)
    : sample_rate_hz_(sample_rate_hz),
      channels_(channels),
      weighting_(k_weighting(sample_rate_hz)),
      states_((channels + 1) / 2),
      loudness_(sample_rate_hz),
      window_clock_(sample_rate_hz, 20.0),
      trace_(trace) {}

void Meter::push(const AudioView& audio) {
  if (!trusted_) require_finite(audio);
  add(audio, false);
}

void Meter::push_once(const AudioView& audio) { add(audio, true); }

void Meter::add(const AudioView& audio, bool check) {
  const FlushDenormals flush;
  constexpr int kFrames = kBlock * kHop;
  for (std::size_t done = 0; done < audio.frames;) {
    const auto take = std::min(static_cast<std::size_t>(kFrames - gathered_), audio.frames - done);
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      if (check && !isa().finish.finite(audio.channels[c] + done, static_cast<long>(take)))
        require_finite(audio);  // names the first place
      isa().finish.scale(audio.channels[c] + done, static_cast<long>(take), kHeadroom,
                         channels_[c].x + kPast * kHop + gathered_);
    }
    gathered_ += static_cast<int>(take);
    frames_ += static_cast<std::int64_t>(take);
    done += take;
    if (gathered_ == kFrames) block(kBlock, false);
  }
}

void Meter::end() {
  const FlushDenormals flush;
  for (Channel& channel : channels_)
    std::fill(channel.x + kPast * kHop + gathered_, std::end(channel.x), 0.0f);
  block((gathered_ + kHop - 1) / kHop, true);
  for (Channel& channel : channels_) channel.faults.end();
  if (window_clock_.pending() > 0)
    windows_.push_back(held(window_ / static_cast<double>(window_clock_.pending() * kHop)));
}

void Meter::block(int hops, bool last) {
  weigh(hops);
  search(last ? hops + kNear + 1 : hops, last);
  hops_ += hops;
  gathered_ = 0;
  for (Channel& channel : channels_) std::copy_n(channel.x + kBlock * kHop, kPast * kHop, channel.x);
}

// The energies of the hops of this block.
void Meter::weigh(int hops) {
  double weighted[kBlock][2], plain[kBlock][2];
  double loud[kBlock] = {}, energy[kBlock] = {};
  for (std::size_t c = 0; c < channels_.size(); c += 2) {
    const std::size_t other = std::min(c + 1, channels_.size() - 1);
    isa().finish.weigh(weighting_, states_[c / 2], channels_[c].x + kPast * kHop,
                       channels_[other].x + kPast * kHop, hops, weighted, plain);
    for (std::size_t k = c; k <= other; ++k) {
      const double weight = channel_weight(k, channels_.size());
      for (int j = 0; j < hops; ++j) {
        loud[j] += weight * weighted[j][k - c];
        energy[j] += plain[j][k - c];
      }
    }
  }
  for (int j = 0; j < hops; ++j) {
    loudness_.add(loud[j]);
    window_ += energy[j];
    if (window_clock_.tick()) {
      windows_.push_back(held(window_ / window_clock_.frames(1)));
      window_ = 0.0;
    }
    if (trace_) trace_->energies.push_back(held(loud[j]));
  }
}

// Peaks and faults, kNear hops behind, because they depend on what follows.
void Meter::search(int hops, bool last) {
  constexpr int kMost = kBlock + kNear + 1;
  float samples[kMost], peaks[kMost], bends[kMost + 2 * kNear];
  const std::int64_t first = hops_ - kNear, total = (frames_ + kHop - 1) / kHop;
  const std::int64_t end = last ? frames_ : frames_ + kBlock * kHop;
  const FinishKernels& kernels = isa().finish;
  float highest[kMost] = {};
  for (Channel& channel : channels_) {
    const float* x = channel.x + (kPast - kNear) * kHop;
    kernels.sample_peaks(x, hops, samples);
    for (int j = 0; j < hops; ++j) highest[j] = std::max(highest[j], samples[j]);
    if (trusted_) continue;
    kernels.bends(x - kNear * kHop, hops + 2 * kNear, bends);
    for (int j = 0; j < hops; ++j)
      if (const std::int64_t hop = first + j; hop >= 0 && hop < total)
        channel.faults.look({x + j * kHop, bends + j, hop, -hop * kHop, end - hop * kHop}, samples[j]);
    kernels.meter_peaks(x, hops, true_peak_, samples, peaks);
    for (int j = 0; j < hops; ++j) true_peak_ = std::max(true_peak_, peaks[j]);
  }
  for (int j = 0; j < hops; ++j) {
    sample_peak_ = std::max(sample_peak_, highest[j]);
    if (trace_ && first + j >= 0 && first + j < total) trace_->samples.push_back(highest[j] / kHeadroom);
  }
}

double Meter::dc_offset() const {
  double largest = 0.0;
  for (std::size_t c = 0; c < channels_.size(); ++c)
    if (const double sum = states_[c / 2].sum[c % 2]; std::abs(sum) > std::abs(largest)) largest = sum;
  return frames_ == 0 ? 0.0 : kUp * largest / static_cast<double>(frames_);
}

double Meter::silence_ratio(double gain) const {
  if (windows_.empty()) return 1.0;
  const double silent = kSilentPower * static_cast<double>(channels_.size()) / (gain * gain);
  const auto count = std::count_if(windows_.begin(), windows_.end(),
                                   [&](float power) { return static_cast<double>(power) <= silent; });
  return static_cast<double>(count) / static_cast<double>(windows_.size());
}

double Meter::largest_bend() const noexcept {
  double largest = 0.0;
  for (const auto& channel : channels_) largest = std::max(largest, channel.faults.largest_bend());
  return largest;
}

Report Meter::report() const {
  Meter ended(*this);
  ended.trace_ = nullptr;
  ended.end();
  return ended.report(1.0);
}

Report Meter::report(double gain) const {
  const auto louder = [&](std::optional<double> lufs) {
    return lufs ? std::optional(*lufs + decibel(gain)) : lufs;
  };
  Report report;
  report.loudness_lufs = loudness_.integrated(gain);
  report.momentary_max_lufs = louder(loudness_.momentary_max());
  report.short_term_max_lufs = louder(loudness_.short_term_max());
  report.loudness_range_lu = loudness_.range_lu();
  report.true_peak_dbtp = decibel(gain * true_peak());
  report.peak = gain * sample_peak();
  report.dc_offset = dc_offset();
  report.silence_ratio = silence_ratio(gain);
  for (const Channel& channel : channels_) {
    report.clipped_samples += channel.faults.clipped_samples();
    report.clicks += channel.faults.clicks();
  }
  report.ok = report.clipped_samples == 0 && report.silence_ratio < 0.9 &&
              std::abs(report.dc_offset) <= 1e-3 && report.true_peak_dbtp <= 0.0;
  return report;
}

Report measure(const AudioView& audio) {
  Meter meter(audio.sample_rate_hz, audio.channels.size());
  meter.push_once(audio);
  meter.end();
  return meter.report(1.0);
}

}  // namespace synth
