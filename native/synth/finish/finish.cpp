#include "synth/finish/finish.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "synth/denormals.h"
#include "synth/finish/limiter.h"
#include "synth/finish/meter.h"
#include "synth/finish/window.h"
#include "synth/isa.h"

namespace synth {
namespace {

constexpr double kMostLimitingDb = 6.0;
// What the peak search may read too low, so that a stricter meter still finds the target held; half of it is
// what a moving gain may add to a peak.
constexpr double kMarginDb = 0.1;
constexpr double kAudible = 1e-5;    // -100 dBFS
constexpr double kLoudest = 0x1p20;  // that cubes of samples and sums of them fit into a float
constexpr double kSomeMore = 1.12;   // what making up for the limiting takes at most times: 1 dB
// Of the ceiling. What the search misses near half the rate does not take a peak under this over it.
constexpr double kSure = 0.9;
// Alternating samples bend by four times their level, and what begins or ends in the midst of them rises to
// twice.
constexpr double kSureBend = 2.0;
constexpr float kMoved = 1.015f;  // what a moving gain may make more of a hop's peak
constexpr float kShelf = 2.512f;  // what BS.1770 makes of energy at the edge of the band

double ratio(double db) { return std::pow(10.0, db / 20.0); }

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
    const double quieter_db = quieten();
    const double offset = quieter_db == 0.0 ? given.dc_offset : meter_->report(1.0).dc_offset;
    if (std::abs(offset) > 1e-3 && settled) without_offset();
    if (meter_->sample_peak() < kAudible) throw Silent("silent: nothing but a constant is above -100 dBFS");
    const std::optional<double> wanted = meter_->loudness().gain_to(target_lufs_);
    Report report = !wanted ? hold(gain_to_peak()) : fits(*wanted) ? hold(*wanted) : limit(*wanted);
    report.gain_db += quieter_db;
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
    meter_->push_once(audio_);
    meter_->end();
  }

  [[nodiscard]] bool fits(double gain) const {
    const double most = kSure * ceiling_ / gain;
    return meter_->true_peak() <= most && meter_->largest_bend() <= kSureBend * most &&
           strict_peak(most) <= most;
  }

  double gain_to_peak() {
    soften(meter_->true_peak());
    measure();
    return ceiling_ / std::max(strict_peak(0.0), between());
  }

  // The highest of 16 points per frame where the samples are high, by a sinc of 128 frames (Hann). A sound
  // that is as short as this is called for may be a few frames of the edge of the band, of which strict_peaks
  // reads up to 0.5 dB too little.
  [[nodiscard]] double between() const {
    constexpr std::int64_t kPoints = 16, kHalf = 64;
    std::vector<float> taps(2 * kHalf);
    const auto frames = static_cast<std::int64_t>(audio_.frames);
    float highest = 0.0f;
    for (std::int64_t point = 1; point < kPoints; ++point) {
      for (std::int64_t k = 0; k < 2 * kHalf; ++k) {
        const double t = static_cast<double>(k - kHalf + 1) - static_cast<double>(point) / kPoints,
                     angle = std::numbers::pi * t, window = std::cos(0.5 * angle / kHalf);
        taps[static_cast<std::size_t>(k)] = static_cast<float>(window * window * std::sin(angle) / angle);
      }
      for (const float* x : audio_.channels)
        for (std::int64_t n = -kHalf; n < frames + kHalf; ++n) {
          if (trace_.samples[inside(n / kHop)] < kLoud * static_cast<float>(meter_->sample_peak())) continue;
          const std::int64_t from = std::max(-n, 1 - kHalf), to = std::min(frames - n, kHalf + 1);
          float sum = 0.0f;
          for (std::int64_t k = from; k < to; ++k)
            sum += taps[static_cast<std::size_t>(k + kHalf - 1)] * x[n + k];
          highest = std::max(highest, std::abs(sum));
        }
    }
    return static_cast<double>(highest);
  }

  // Exact where it is above `floor`.
  [[nodiscard]] double strict_peak(double floor) const {
    auto highest = static_cast<float>(meter_->true_peak());
    for (const float* x : audio_.channels)
      windows(-kNear, hops() + kNear, [&](std::int64_t first, std::int64_t count) {
        const float known = std::max(highest, static_cast<float>(floor));
        highest = std::max(highest,
                           Window(x, audio_.frames, first, count).highest(isa().finish.strict_peaks, known));
      });
    return static_cast<double>(highest);
  }

  // Of the audio. A sound that begins or ends at once has peaks before and after it as well.
  [[nodiscard]] std::int64_t hops() const noexcept {
    return static_cast<std::int64_t>(trace_.energies.size());
  }
  [[nodiscard]] std::size_t inside(std::int64_t hop) const noexcept {
    return static_cast<std::size_t>(std::clamp<std::int64_t>(hop, 0, hops() - 1));
  }
  // Calls run(first hop, hops) for what a window holds at a time.
  template <class Run>
  static void windows(std::int64_t begin, std::int64_t end, Run run) {
    for (; begin < end; begin += Window::kHops) run(begin, std::min(Window::kHops, end - begin));
  }

  // What is out of all bounds is taken as the same sound below full scale. Returns the decibels, 0 for any
  // other.
  double quieten() {
    if (meter_->sample_peak() <= kLoudest) return 0.0;
    const int binades = -1 - std::ilogb(meter_->sample_peak());
    const double gain = std::ldexp(1.0, binades);  // exact
    for (std::size_t c = 0; c < out_.size(); ++c)
      std::transform(audio_.channels[c], audio_.channels[c] + audio_.frames, out_[c],
                     [gain](float x) { return static_cast<float>(gain * static_cast<double>(x)); });
    view_.assign(out_.begin(), out_.end());
    audio_.channels = view_;
    measure();
    return 20.0 * std::log10(2.0) * binades;
  }

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
    double highest = meter_->true_peak(), most = ceiling_ / highest * ratio(kMostLimitingDb);
    soften(ceiling_ / most);
    std::vector<float> line;
    double searched_for = 0.0, slope = 1.0;  // slope: LU gained per decibel of gain
    double before_lufs = 0.0, before_gain = gain;
    for (int pass = 0; pass < 8; ++pass) {
      if (gain > searched_for) {
        searched_for = kSomeMore * gain < most ? kSomeMore * gain : kSomeMore * most;
        highest = search(ceiling_ / searched_for);
        most = ceiling_ / highest * ratio(kMostLimitingDb);
      }
      gain = std::min(gain, most);
      line = gain_line(peaks_, audio_.sample_rate_hz, static_cast<float>(gain), static_cast<float>(ceiling_));
      const double now_lufs = loudness_under(line).value_or(target_lufs_), missing = target_lufs_ - now_lufs;
      if (std::abs(missing) < 0.01 || (gain >= most && missing > 0.0)) break;
      if (pass > 0) slope = std::clamp((now_lufs - before_lufs) / decibel(gain / before_gain), 0.2, 1.0);
      before_lufs = now_lufs, before_gain = gain;
      gain *= ratio(missing / slope);
    }
    Report report = ride(line);
    report.gain_db += decibel(gain);
    report.limited_db = std::clamp(decibel(gain * highest / ceiling_), 0.0, kMostLimitingDb);
    report.limited_by_true_peak = report.loudness_lufs && *report.loudness_lufs < target_lufs_ - 0.2;
    return report;
  }

  // Takes the edge of the band away where the sound comes near a ceiling (see softener.h). What is left is in
  // `out`.
  void soften(double ceiling) {
    const auto top = static_cast<float>(ceiling);
    const auto loud = [&](std::int64_t hop) {
      return hop >= 0 && hop < hops() && trace_.samples[static_cast<std::size_t>(hop)] > kLoud * top;
    };
    std::vector<float> shares(trace_.samples.size() + 1);
    Nearby nearby;
    for (int hop = -kSoftBefore; hop < 0; ++hop) nearby.share(hop, loud);
    for (std::size_t j = 0; j < shares.size(); ++j)
      shares[j] = nearby.share(static_cast<std::int64_t>(j), loud);
    for (std::size_t c = 0; c < out_.size(); ++c) soften(audio_.channels[c], shares, top, out_[c]);
    view_.assign(out_.begin(), out_.end());
    audio_.channels = view_;
  }
  void fade_rims(bool begins, bool ends, float* x) const noexcept {
    const std::size_t frames = std::min(static_cast<std::size_t>(kRise), audio_.frames);
    for (std::size_t i = 0; i < frames; ++i) {
      const float share = rim(static_cast<std::int64_t>(i), kRise);
      if (begins) x[i] *= share;
      if (ends) x[audio_.frames - 1 - i] *= share;
    }
  }
  // `out` may be the same place, so what is written is written a window late.
  void soften(const float* x, const std::vector<float>& shares, float ceiling, float* out) {
    constexpr std::size_t kSize = Window::kHops * kHop;
    float soft[2][kSize], lost[Window::kHops];
    std::int64_t written = 0;
    bool begins = false, ends = false;
    const auto write = [&](std::int64_t end) {
      const auto from = static_cast<std::size_t>(written),
                 to = std::min(static_cast<std::size_t>(end), audio_.frames);
      std::copy_n(soft[from / kSize % 2], to - from, out + from);
      written = end;
    };
    windows(0, hops(), [&](std::int64_t first, std::int64_t count) {
      const Window window(x, audio_.frames, first, count);
      const auto at = static_cast<std::size_t>(first);
      isa().finish.soften(window.here(), shares.data() + first, static_cast<int>(count), kNoEdge * ceiling,
                          soft[at * kHop / kSize % 2], lost);
      for (std::int64_t j = 0; j < count; ++j) {
        float& energy = trace_.energies[static_cast<std::size_t>(first + j)];
        energy = std::max(0.0f, energy - kShelf * lost[j]);
        begins |= first + j < kFall / kHop && lost[j] != 0.0f;
        ends |= first + j >= hops() - kFall / kHop - 1 && lost[j] != 0.0f;
      }
      if (first > 0) write(first * kHop);
    });
    write(hops() * kHop);
    fade_rims(begins, ends, out);
  }

  // The true peak of each hop, exact where it is above `floor`. Returns the highest.
  double search(double floor) {
    peaks_.assign(trace_.energies.size(), 0.0f);
    known_from_ = static_cast<float>(floor);
    for (const float* x : audio_.channels)
      windows(-kNear, hops() + kNear, [&](std::int64_t first, std::int64_t count) {
        float peaks[Window::kHops];
        Window(x, audio_.frames, first, count).peaks(isa().finish.strict_peaks, known_from_, peaks);
        for (std::int64_t j = 0; j < count; ++j)
          peaks_[inside(first + j)] = std::max(peaks_[inside(first + j)], peaks[j]);
      });
    return static_cast<double>(*std::max_element(peaks_.begin(), peaks_.end()));
  }

  std::optional<double> loudness_under(const std::vector<float>& line) const {
    Loudness loudness(audio_.sample_rate_hz);
    for (std::size_t j = 0; j < trace_.energies.size(); ++j) {
      const double middle = 0.5 * (static_cast<double>(line[j]) + static_cast<double>(line[j + 1]));
      loudness.add(middle * middle * static_cast<double>(trace_.energies[j]));
    }
    return loudness.integrated();
  }

  // Applies the gain line and measures what it gave.
  Report ride(const std::vector<float>& line) {
    constexpr std::size_t kHops = 96;
    Meter meter(audio_.sample_rate_hz, audio_.channels.size());
    meter.trust();
    std::vector<const float*> done(out_.size());
    for (std::size_t hop = 0; hop < peaks_.size(); hop += kHops) {
      const std::size_t begin = hop * kHop, frames = std::min(kHops * kHop, audio_.frames - begin);
      for (std::size_t c = 0; c < out_.size(); ++c) {
        isa().finish.ride(audio_.channels[c] + begin, line.data() + hop, static_cast<long>(frames),
                          out_[c] + begin);
        done[c] = out_[c] + begin;
      }
      meter.push({done, frames, audio_.sample_rate_hz});
    }
    meter.end();
    meter.set_true_peak(reading(line));
    const double trim = trim_to_ceiling(line);
    Report report = meter.report(trim);
    report.gain_db = decibel(trim);
    return report;
  }

  // Calls run(first hop, hops) for those in a row whose true peak may be above `least` under a gain line.
  template <class Run>
  void highest_under(const std::vector<float>& line, float least, Run run) const {
    const auto high = [&](std::int64_t hop) {
      const std::size_t j = inside(hop);
      return kMoved * std::max(peaks_[j], known_from_) * std::max(line[j], line[j + 1]) > least;
    };
    for (std::int64_t j = -kNear, end = 0; j < hops() + kNear; j = end + 1) {
      for (end = j; end < std::min(hops() + kNear, j + Window::kHops) && high(end);) ++end;
      if (end > j) run(j, end - j);
    }
  }

  // The true peak of `out` as meters read it. No meter reads more than what was found of a hop.
  float reading(const std::vector<float>& line) const {
    float highest = 0.0f, least = static_cast<float>(ceiling_);
    for (const int round : {0, 1}) {
      if (round == 1 && highest >= least) break;
      highest_under(line, round == 0 ? least : highest, [&](std::int64_t first, std::int64_t count) {
        for (const float* x : out_)
          highest = std::max(
              highest, Window(x, audio_.frames, first, count).highest(isa().finish.meter_peaks, highest));
      });
    }
    return highest;
  }

  // A moving gain may leave a peak some thousandths of a decibel high; should it ever be more, the whole is
  // lowered by that. Only hops that should be at the ceiling can be over it.
  double trim_to_ceiling(const std::vector<float>& line) {
    auto highest = static_cast<float>(ceiling_);
    highest_under(line, highest, [&](std::int64_t first, std::int64_t count) {
      for (const float* x : out_)
        highest = std::max(
            highest, Window(x, audio_.frames, first, count).highest(isa().finish.strict_peaks, highest));
    });
    const double trim = ratio(ceiling_dbtp_ - kMarginDb / 2) / static_cast<double>(highest);
    if (trim >= 1.0) return 1.0;
    for (float* x : out_)
      isa().finish.scale(x, static_cast<long>(audio_.frames), static_cast<float>(trim), x);
    return trim;
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
  Meter::Trace trace_;
  std::vector<float> peaks_;  // true peaks of hops, over all channels
  float known_from_ = 0.0f;   // above which they are exact
  std::optional<Meter> meter_;
};

}  // namespace

Report finish(const AudioView& audio, std::span<float* const> out, double loudness_lufs,
              double true_peak_dbtp) {
  const FlushDenormals flush;
  return Finisher(audio, out, loudness_lufs, true_peak_dbtp).run();
}

}  // namespace synth
