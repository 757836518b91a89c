#include "any_audio.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "synth/finish/dither.h"
#include "synth/finish/duck.h"
#include "synth/finish/fade.h"
#include "synth/finish/finish.h"
#include "synth/finish/limiter.h"
#include "synth/random.h"
#include "synth/renderer.h"

namespace {

using synth::Random;
constexpr float kLargest = std::numeric_limits<float>::max();

std::size_t up_to(Random& random, std::size_t most) { return random.bits() % (most + 1); }

// Planar, each channel in memory of its own that begins at an odd place, so that a sanitizer sees every step
// outside.
struct Sound {
  Sound(std::size_t channels, std::size_t frames, double rate) : sample_rate_hz(rate) {
    for (std::size_t c = 0; c < channels; ++c) x.emplace_back(frames + c % 3);
    reach();
  }
  Sound(const Sound& other) : x(other.x), sample_rate_hz(other.sample_rate_hz) { reach(); }
  Sound& operator=(const Sound&) = delete;
  void reach() {
    for (std::size_t c = 0; c < x.size(); ++c)
      out.push_back(x[c].data() + c % 3), in.push_back(x[c].data() + c % 3);
  }
  [[nodiscard]] std::size_t frames() const { return x[0].size(); }  // the first begins at its place
  [[nodiscard]] synth::AudioView view() const { return {in, frames(), sample_rate_hz}; }
  [[nodiscard]] synth::AudioView view(std::size_t begin, std::size_t count,
                                      std::vector<const float*>& at) const {
    at.clear();
    for (const float* p : in) at.push_back(p + begin);
    return {at, count, sample_rate_hz};
  }
  [[nodiscard]] double peak() const {
    double top = 0.0;
    for (const float* p : in)
      for (std::size_t i = 0; i < frames(); ++i) top = std::max(top, std::abs(static_cast<double>(p[i])));
    return top;
  }
  [[nodiscard]] bool within(double most) const {
    for (const float* p : in)
      for (std::size_t i = 0; i < frames(); ++i)
        if (!(std::abs(static_cast<double>(p[i])) <= most)) return false;
    return true;
  }
  [[nodiscard]] bool finite() const { return within(static_cast<double>(kLargest)); }
  bool operator==(const Sound& other) const {
    for (std::size_t c = 0; c < in.size(); ++c)
      if (!std::equal(in[c], in[c] + frames(), other.in[c])) return false;
    return true;
  }

  std::vector<std::vector<float>> x;
  std::vector<float*> out;
  std::vector<const float*> in;
  double sample_rate_hz;
};

float at_level(Random& random, double decades_low, double decades_high) {
  const double level =
      std::pow(10.0, decades_low + (decades_high - decades_low) * static_cast<double>(random.uniform()));
  return static_cast<float>(std::min(level, static_cast<double>(kLargest)));
}

float any_finite(Random& random) {
  for (;;)
    if (const float x = std::bit_cast<float>(static_cast<std::uint32_t>(random.bits())); std::isfinite(x))
      return x;
}

std::size_t any_length(Random& random) {
  constexpr std::size_t kEdges[] = {1,    2,    16,   32,   64,
                                    1024, 1344, 1536, 3072, 17640};  // hops, windows, blocks
  if (up_to(random, 2) > 0) return std::max<std::size_t>(1, kEdges[up_to(random, 9)] + up_to(random, 2) - 1);
  return 1 + up_to(random, up_to(random, 7) == 0 ? 160000 : 12000);
}

Sound any_sound(Random& random, std::size_t channels, std::size_t frames, double rate) {
  Sound sound(channels, frames, rate);
  const std::size_t kind = up_to(random, 7);
  const float level = up_to(random, 2) ? at_level(random, -45.0, 38.6) : at_level(random, -6.0, 1.0),
              offset = up_to(random, 4) ? 0.0f : at_level(random, -45.0, 38.0);
  const double step = 3.2 * static_cast<double>(random.uniform());
  for (float* x : sound.out)
    for (std::size_t i = 0; i < frames; ++i) {
      const float sign = i % 2 ? 1.0f : -1.0f, noise = random.bipolar();
      const float tone = static_cast<float>(std::sin(step * static_cast<double>(i)));
      x[i] = kind == 0   ? level
             : kind == 1 ? sign * level
             : kind == 2 ? (noise > 0.0f ? level : -level)
             : kind == 3 ? (i == frames / 2 ? level : 0.0f)
             : kind == 4 ? any_finite(random)
             : kind == 5 ? level * tone
             : kind == 6 ? (up_to(random, 500) ? 0.1f * noise : level * noise)
                         : level * noise;
      x[i] = std::clamp(x[i] + offset, -kLargest, kLargest);
    }
  return sound;
}

bool sound_figures(const synth::Report& r) {
  for (const std::optional<double>& figure :
       {r.loudness_lufs, r.momentary_max_lufs, r.short_term_max_lufs, r.loudness_range_lu,
        std::optional(r.true_peak_dbtp), std::optional(r.peak), std::optional(r.dc_offset),
        std::optional(r.silence_ratio), std::optional(r.gain_db), std::optional(r.limited_db)})
    if (figure && !std::isfinite(*figure)) return false;
  return r.silence_ratio >= 0.0 && r.silence_ratio <= 1.0 && r.limited_db >= 0.0 && r.limited_db <= 6.0;
}

// Calls run(begin, frames) for pieces.
template <class Run>
void in_pieces(Random& random, std::size_t frames, Run run) {
  for (std::size_t at = 0; at < frames;) {
    const std::size_t count = std::min(frames - at, 1 + up_to(random, up_to(random, 1) ? 40 : 5000));
    run(at, count);
    at += count;
  }
}

template <class Process>
Sound streamed(Random& random, const Sound& sound, Process process) {
  Sound out(sound.in.size(), sound.frames(), sound.sample_rate_hz);
  std::vector<const float*> from;
  in_pieces(random, sound.frames(), [&](std::size_t at, std::size_t count) {
    std::vector<float*> to;
    for (float* p : out.out) to.push_back(p + at);
    process(sound.view(at, count, from), at, to);
  });
  return out;
}

// The same sound with its highest sample between a half and one.
Sound below_full_scale(const Sound& sound) {
  Sound quiet(sound);
  const int down = -1 - std::ilogb(sound.peak());
  for (float* x : quiet.out)
    for (std::size_t i = 0; i < quiet.frames(); ++i) x[i] = static_cast<float>(std::ldexp(x[i], down));
  return quiet;
}

std::string fault_of_finish(Random& random, const Sound& sound) {
  const double lufs = up_to(random, 3) ? -16.0 : -70.0 * static_cast<double>(random.uniform());
  const double dbtp = up_to(random, 3) ? -1.0 : -40.0 * static_cast<double>(random.uniform());
  Sound out(sound.in.size(), sound.frames(), sound.sample_rate_hz);
  try {
    const synth::Report report = synth::finish(sound.view(), out.out, lufs, dbtp);
    if (!sound_figures(report)) return "finish: a figure";
    if (!out.within(std::pow(10.0, dbtp / 20.0))) return "finish: over the ceiling";
    if (report.true_peak_dbtp > dbtp) return "finish: the true peak is over the ceiling";
    if (sound.peak() <= 0x1p20) return "";
    const Sound quiet = below_full_scale(sound);
    Sound other(sound.in.size(), sound.frames(), sound.sample_rate_hz);
    const synth::Report same = synth::finish(quiet.view(), other.out, lufs, dbtp);
    if (!(out == other)) return "finish: not the sound of the same at a lower level";
    const double lower_db = 20.0 * std::log10(quiet.peak() / sound.peak());
    if (std::abs(same.gain_db + lower_db - report.gain_db) > 1e-6) return "finish: another gain";
  } catch (const synth::Silent&) {
    // A constant that is taken out leaves nothing, however high it was.
    const bool constant = sound.peak() <= 1e-5 || std::abs(synth::measure(sound.view()).dc_offset) > 1e-3;
    if (!constant) return "finish: called silent";
  }
  return "";
}

std::string fault_of_measure(Random& random, const Sound& sound) {
  const synth::Report report = synth::measure(sound.view());
  if (!sound_figures(report)) return "measure: a figure";
  if (const double peak = sound.peak(); std::abs(report.peak - peak) > 1e-35) return "measure: the peak";
  if (report.true_peak_dbtp < synth::decibel(report.peak)) return "measure: the true peak";
  synth::Meter meter(sound.sample_rate_hz, sound.in.size());
  std::vector<const float*> at;
  in_pieces(random, sound.frames(),
            [&](std::size_t begin, std::size_t count) { meter.push(sound.view(begin, count, at)); });
  const synth::Report split = meter.report();
  if (split.loudness_lufs != report.loudness_lufs || split.true_peak_dbtp != report.true_peak_dbtp ||
      split.clicks != report.clicks || split.momentary_max_lufs != report.momentary_max_lufs)
    return "measure: another figure in pieces";
  for (const std::optional<double>& now : {meter.loudness().momentary(), meter.loudness().short_term()})
    if (now && !std::isfinite(*now)) return "measure: a figure of the moment";
  return "";
}

std::string fault_of_limiter(Random& random, const Sound& sound) {
  const double gain_db = up_to(random, 1) ? 0.0 : 120.0 * static_cast<double>(random.uniform()) - 60.0;
  const double dbtp = -40.0 * static_cast<double>(random.uniform());
  const synth::Limiter fresh(sound.sample_rate_hz, sound.in.size(), gain_db, dbtp);
  synth::Limiter whole(fresh), pieces(fresh);
  Sound out(sound.in.size(), sound.frames(), sound.sample_rate_hz);
  whole.process(sound.view(), out.out);
  if (!out.within(std::pow(10.0, dbtp / 20.0))) return "limiter: over the ceiling";
  if (!std::isfinite(whole.limited_db())) return "limiter: limited_db";
  const Sound split = streamed(
      random, sound,
      [&](const synth::AudioView& in, std::size_t, std::span<float* const> to) { pieces.process(in, to); });
  return split == out ? "" : "limiter: another sound in pieces";
}

std::string fault_of_mixes(Random& random, const Sound& a, const Sound& b) {
  const auto frames = static_cast<std::int64_t>(a.frames());
  const auto any_frame = [&] { return static_cast<std::int64_t>(up_to(random, a.frames())); };
  const auto curve = up_to(random, 1) ? synth::CrossCurve::equal_power : synth::CrossCurve::equal_gain;
  synth::Crossfader cross(any_frame(), any_frame(), curve);
  std::vector<const float*> other;
  const Sound crossed =
      streamed(random, a, [&](const synth::AudioView& in, std::size_t at, std::span<float* const> to) {
        cross.process(in, b.view(at, in.frames, other), to);
      });
  if (!crossed.finite()) return "crossfade: not finite";
  synth::Fader fader(16.0 * static_cast<double>(random.uniform()));
  fader.fade(16.0, any_frame(), any_frame(), synth::FadeCurve::smooth);
  fader.fade(0.0, any_frame(), any_frame(), synth::FadeCurve::linear);
  if (!streamed(random, a, [&](const synth::AudioView& in, std::size_t, std::span<float* const> to) {
         fader.process(in, to);
       }).finite())
    return "fader: not finite";
  Sound out(a.in.size(), a.frames(), a.sample_rate_hz);
  synth::fade(a.view(), frames / 3, frames / 2, synth::FadeCurve::smooth, out.out);
  if (!out.within(a.peak() * (1.0 + 1e-6))) return "fade: louder";
  const synth::DuckSettings settings{-60.0 * static_cast<double>(random.uniform()),
                                     up_to(random, 3) ? 0.05 : 5.0 * static_cast<double>(random.uniform()),
                                     up_to(random, 3) ? 0.4 : 30.0 * static_cast<double>(random.uniform()),
                                     -100.0 * static_cast<double>(random.uniform())};
  synth::duck(a.view(), b.view(), settings, out.out);
  if (!out.finite()) return "duck: not finite";
  const int bits = up_to(random, 1) ? 16 : 24;
  std::vector<std::int32_t> whole(a.frames());
  std::int32_t* const to = whole.data();
  synth::Dither(bits, 1, 1).process({std::span(a.in.data(), 1), a.frames(), a.sample_rate_hz}, {&to, 1});
  const bool fits =
      std::all_of(whole.begin(), whole.end(), [&](int x) { return std::abs(x) < 1 << (bits - 1); });
  return fits ? "" : "dither: beyond full scale";
}

std::string fault_of_render(Random& random, const Sound& sound) {
  synth::GraphSpec graph{{{"in", "input", {{"gain_db", 24.0}}, {}},
                          {"room", "reverb", {}, {"in"}},
                          {"limit", "limiter", {}, {"room", "in"}}},
                         "limit"};
  synth::Renderer renderer(synth::compile(graph), sound.sample_rate_hz, 1, 64);
  Sound out(2, sound.frames(), sound.sample_rate_hz);
  in_pieces(random, sound.frames(), [&](std::size_t at, std::size_t count) {
    renderer.render(out.out[0] + at, out.out[1] + at, static_cast<std::int64_t>(count),
                    {sound.in[0] + at, sound.in[sound.in.size() - 1] + at});
  });
  return out.within(std::pow(10.0, -1.0 / 20.0)) ? "" : "render: over the ceiling";
}

// Whole pieces are refused by its place. What a stream makes of it, were it never asked, is no sound, but no
// fault either.
std::string fault_of_broken(Random& random, Sound sound) {
  constexpr float kBroken[] = {std::numeric_limits<float>::quiet_NaN(),
                               std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity()};
  const std::size_t channel = up_to(random, sound.in.size() - 1), frame = up_to(random, sound.frames() - 1);
  sound.out[channel][frame] = kBroken[up_to(random, 2)];
  const std::string place = "channel " + std::to_string(channel) + ", frame " + std::to_string(frame) + ":";
  Sound out(sound);
  int named = 0;
  const auto refused = [&](auto work) {
    try {
      work();
    } catch (const synth::NotFinite& error) {
      named += std::string(error.what()).find(place) != std::string::npos;
    }
  };
  refused([&] { synth::finish(sound.view(), out.out, -16.0, -1.0); });
  refused([&] { synth::measure(sound.view()); });
  refused([&] { synth::Meter(sound.sample_rate_hz, sound.in.size()).push(sound.view()); });
  refused([&] { synth::fade(sound.view(), 0, 1, synth::FadeCurve::smooth, out.out); });
  refused([&] { synth::duck(sound.view(), sound.view(), {}, out.out); });
  if (named != 5) return "what is not finite was not named";
  synth::Limiter(sound.sample_rate_hz, sound.in.size(), 0.0, -1.0).process(sound.view(), out.out);
  refused([&] { fault_of_mixes(random, sound, sound); });
  return fault_of_render(random, sound);
}

}  // namespace

std::string fault_with_any_audio(std::uint64_t seed) {
  Random random(seed);
  constexpr double kRates[] = {8000.0, 22050.0, 44100.0, 48000.0, 384000.0};
  const std::size_t channels = up_to(random, 3) ? 1 + up_to(random, 1) : 1 + up_to(random, 7);
  const std::size_t frames = any_length(random);
  const double rate = kRates[up_to(random, 4)];
  const Sound sound = any_sound(random, channels, frames, rate);
  if (up_to(random, 5) == 0) return fault_of_broken(random, sound);
  std::string fault = fault_of_finish(random, sound);
  if (fault.empty()) fault = fault_of_measure(random, sound);
  if (fault.empty()) fault = fault_of_limiter(random, sound);
  if (fault.empty()) fault = fault_of_mixes(random, sound, any_sound(random, channels, frames, rate));
  if (fault.empty()) fault = fault_of_render(random, sound);
  return fault;
}
