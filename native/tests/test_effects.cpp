#include <algorithm>

#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

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
  CHECK(std::abs(a.left[loudest(a.left, 0, 44100)]) <
        1.0f);  // a square without its upper harmonics overshoots
  const Audio low = through("saturate", {{"drive_db", 24.0}}, tone(100.0, 4.0, 44100), 44100);
  CHECK(std::abs(low.left[loudest(low.left, 0, 44100)]) < 0.6f);
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
