#include <algorithm>

#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

// Schroeder's backward integral of the tail, as a straight line between -5 and -35 dB.
double rt60_of(const std::vector<float>& x, std::size_t begin, double rate) {
  std::vector<double> left(x.size() + 1, 0.0);
  for (std::size_t i = x.size(); i-- > 0;)
    left[i] = left[i + 1] + static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const auto below = [&](double db) {
    std::size_t i = begin;
    while (i < x.size() && 10.0 * std::log10(left[i] / left[begin]) > db) ++i;
    return static_cast<double>(i);
  };
  return 2.0 * (below(-35.0) - below(-5.0)) / rate;
}

// The decay of a tone that stops, through the reverb alone.
double decay_of_tone(double rt60_s, double damping_hz, double note) {
  const Params tone = {{"waveform", "sine"}, {"cutoff_hz", 20000.0}, {"sustain", 1.0}, {"release_s", 0.002}};
  const auto plan =
      plan_of("poly", tone, "reverb", {{"rt60_s", rt60_s}, {"mix", 1.0}, {"damping_hz", damping_hz}});
  const auto frames = static_cast<std::size_t>((1.0 + 1.5 * rt60_s) * 44100.0);
  const Audio audio = render(plan, {note_on(0, note), note_off(44100, note)}, frames);
  std::vector<float> both(frames);
  for (std::size_t i = 0; i < frames; ++i) both[i] = audio.left[i] + audio.right[i];
  return rt60_of(both, 44100 + 4410, 44100.0);
}

// A click: one sample of noise would do, but a drum through an SVF is what the graph has.
Audio clicked(const std::string& effect, const Params& params, std::size_t frames) {
  return render(plan_of("drum", {{"kind", "hat"}, {"decay_s", 0.01}}, effect, params), {note_on(0, 60)},
                frames);
}

std::size_t loudest(const std::vector<float>& x, std::size_t begin, std::size_t end) {
  const auto louder = [](float a, float b) { return std::abs(a) < std::abs(b); };
  return static_cast<std::size_t>(std::max_element(x.begin() + static_cast<std::ptrdiff_t>(begin),
                                                   x.begin() + static_cast<std::ptrdiff_t>(end), louder) -
                                  x.begin());
}

}  // namespace

TEST(reverb_decays_as_told) {
  for (const double rt60_s : {0.5, 2.0, 5.0}) {
    double sum = 0.0;
    for (const double note : {45.0, 52.0, 57.0, 61.0}) sum += decay_of_tone(rt60_s, 20000.0, note);
    CHECK_NEAR(sum / 4.0 / rt60_s, 1.0, 0.05);
  }
}

TEST(reverb_decays_in_half_the_time_at_the_damping_frequency) {
  double sum = 0.0;
  for (const double note : {99.0, 100.0, 101.0, 102.0})  // around 2.8 kHz
    sum += decay_of_tone(2.0, 2800.0, note);
  CHECK_NEAR(sum / 4.0, 1.0, 0.1);
}

TEST(delay_echoes_after_its_time) {
  const Audio dry = clicked("gain", {}, 30000);
  const Audio wet = clicked("delay", {{"time_s", 0.25}, {"mix", 0.5}, {"feedback", 0.5}}, 60000);
  for (std::size_t i = 0; i < 2000; ++i) {
    CHECK_NEAR(wet.left[i], 0.5 * dry.left[i], 1e-5);
    CHECK_NEAR(wet.left[i + 11025], 0.5 * dry.left[i], 1e-4);
    CHECK_NEAR(wet.right[i + 22050], 0.25 * dry.right[i], 1e-4);
  }
}

TEST(ping_pong_changes_sides) {
  const Audio wet =
      clicked("delay", {{"time_s", 0.25}, {"mix", 1.0}, {"feedback", 0.5}, {"ping_pong", 1.0}}, 60000);
  CHECK(rms(wet.left, 11000, 13000) > 100.0 * rms(wet.right, 11000, 13000));
  CHECK(rms(wet.right, 22050, 24000) > 100.0 * rms(wet.left, 22050, 24000));
}

TEST(pan_keeps_power_and_width_zero_is_mono) {
  const auto power = [](double pan) {
    const Audio a = render(plan_of("noise", {{"width", 0.0}}, "pan", {{"pan", pan}}), {}, 44100);
    return std::hypot(rms(a.left, 0, 44100), rms(a.right, 0, 44100));
  };
  CHECK_NEAR(decibel(power(-1.0) / power(0.0)), 0.0, 0.01);
  const Audio left = render(plan_of("noise", {}, "pan", {{"pan", -1.0}}), {}, 1000);
  CHECK_NEAR(rms(left.right, 0, 1000), 0.0, 1e-6);
  const Audio mono = render(plan_of("noise", {}, "pan", {{"width", 0.0}}), {}, 1000);
  for (std::size_t i = 0; i < 1000; ++i) CHECK_NEAR(mono.left[i], mono.right[i], 1e-6);
}

TEST(tremolo_has_its_rate_and_depth) {
  const Audio a = render(plan_of("noise", {}, "tremolo", {{"rate_hz", 2.0}, {"depth", 1.0}}), {}, 44100);
  CHECK(rms(a.left, 11025 - 500, 11025 + 500) < 0.05 * rms(a.left, 22050 - 500, 22050 + 500));
}

TEST(saturate_is_odd_and_bounded) {
  const Audio a = render(plan_of("noise", {{"gain_db", 20.0}}, "saturate", {{"drive_db", 24.0}}), {}, 44100);
  CHECK(std::abs(a.left[loudest(a.left, 0, 44100)]) < 0.6f);
  double mean = 0.0;
  for (const float x : a.left) mean += static_cast<double>(x) / 44100.0;
  CHECK_NEAR(mean, 0.0, 0.01);
}

TEST(chorus_keeps_the_level_and_moves_the_pitch) {
  const Params tone = {{"waveform", "sine"}, {"cutoff_hz", 20000.0}, {"sustain", 1.0}};
  const Audio a = render(plan_of("poly", tone, "chorus", {{"mix", 1.0}, {"rate_hz", 1.0}, {"depth_ms", 2.0}}),
                         {note_on(0, 81)}, 88200);
  CHECK_NEAR(decibel(rms(a.left, 44100, 88200) / (0.25 * std::sqrt(0.5))), 0.0, 0.3);
  const double high = frequency_near(a.left, 44100 + 11025, 880.0, 44100.0),
               low = frequency_near(a.left, 44100 + 33075 - 9000, 880.0, 44100.0);
  CHECK(std::abs(high - low) > 3.0);
}
