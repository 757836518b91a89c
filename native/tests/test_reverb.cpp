// The reverb: how it decays, that it is a room of noise and no bell, that its parameters move without clicks.
#include <algorithm>

#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

// Schroeder's backward integral, as a straight line between -5 and -35 dB.
double rt60_of(const std::vector<float>& x, double rate = 44100.0) {
  std::vector<double> left(x.size() + 1, 0.0);
  for (std::size_t i = x.size(); i-- > 0;)
    left[i] = left[i + 1] + static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const auto below = [&](double db) {
    std::size_t i = 0;
    while (i < x.size() && 10.0 * std::log10(left[i] / left[0]) > db) ++i;
    return static_cast<double>(i);
  };
  return 2.0 * (below(-35.0) - below(-5.0)) / rate;
}

// A tone of half a second, then the tail.
double rt60_at(double hz, Params params, double rt60_s) {
  params["mix"] = 1.0;
  params["rt60_s"] = rt60_s;
  const Audio out = through("reverb", params, tone(hz, 0.5, 22050),
                            static_cast<std::size_t>((1.0 + 1.5 * rt60_s) * 44100.0));
  return rt60_of({out.left.begin() + 22050 + 6000, out.left.end()});
}

double rt60_of_click(Params params, double rt60_s) {
  params["mix"] = 1.0;
  params["rt60_s"] = rt60_s;
  return rt60_of(through("reverb", params, impulse(), static_cast<std::size_t>(1.5 * rt60_s * 44100.0)).left);
}

}  // namespace

TEST(reverb_decays_as_told) {
  for (const char* quality : {"high", "draft"})
    for (const double size : {0.0, 0.5, 1.0})
      for (const double rt60_s : {0.3, 0.8, 2.0, 6.0}) {
        const Params params = {{"quality", quality}, {"size", size}};
        CHECK_NEAR(rt60_of_click(params, rt60_s) / rt60_s, 1.0, 0.05);
      }
}

TEST(reverb_decays_in_half_the_time_at_the_damping_frequency) {
  for (const char* quality : {"high", "draft"}) {
    double low = 0.0, high = 0.0;
    for (int k = 0; k < 8; ++k) {
      low += rt60_at(200.0 + 31.0 * k, {{"quality", quality}, {"damping_hz", 3000.0}}, 2.0) / 8.0;
      high += rt60_at(2900.0 + 29.0 * k, {{"quality", quality}, {"damping_hz", 3000.0}}, 2.0) / 8.0;
    }
    CHECK_NEAR(low, 2.0, 0.1);
    CHECK_NEAR(high, 1.0, 0.1);
  }
}

// The late tail of a good room is noise: no frequency stands far out of it.
TEST(reverb_has_no_ringing_mode) {
  for (const char* quality : {"high", "draft"}) {
    const Params params = {{"quality", quality}, {"mix", 1.0}, {"rt60_s", 6.0}, {"damping_hz", 20000.0}};
    const Audio out = through("reverb", params, impulse(), 5 * 65536);
    const auto spectrum = power_spectrum(out.left.data() + 2 * 65536, 65536);
    double sum = 0.0, top = 0.0;
    for (std::size_t k = 200; k < 30000; ++k) sum += spectrum[k] / 29800.0, top = std::max(top, spectrum[k]);
    CHECK(10.0 * std::log10(top / sum) < 15.0);  // what 30000 values of noise reach is 10
  }
}

TEST(reverb_keeps_the_level_of_a_sound_that_goes_on) {
  for (const auto& [rt60_s, quality] : {std::pair{0.5, "high"},
                                        {2.0, "high"},
                                        {10.0, "high"},
                                        {0.5, "draft"},
                                        {2.0, "draft"},
                                        {10.0, "draft"}}) {
    const Params params = {{"mix", 1.0}, {"rt60_s", rt60_s}, {"damping_hz", 20000.0}, {"quality", quality}};
    const Audio wet = render(plan_of("noise", {}, "reverb", params), {}, 12 * 44100);
    const Audio dry = render(plan_of("noise", {}), {}, 12 * 44100);
    CHECK_NEAR(decibel(rms(wet.left, 10 * 44100, 12 * 44100) / rms(dry.left, 10 * 44100, 12 * 44100)), 0.0,
               1.0);
  }
}

TEST(reverb_moves_its_parameters_without_clicks) {
  const Params wet = {{"mix", 1.0}, {"rt60_s", 3.0}};
  const auto plan = plan_of("input", {}, "reverb", wet);
  const Audio hum = tone(100.0, 0.5, 132300);
  const auto roughness = [&](const std::vector<synth::EventSpec>& events) {
    synth::Renderer renderer(plan, 44100.0, 1, 64);
    renderer.schedule(events);
    Audio out = hum;
    renderer.render(out.left.data(), out.right.data(), 132300, {hum.left.data(), hum.right.data()});
    return largest_second_difference(out.left, 44100, 132300);
  };
  const auto set = [](const char* param, const synth::Value& value) {
    return std::vector<synth::EventSpec>{
        {.frame = 66150, .type = "set", .node = "fx", .param = param, .value = value}};
  };
  const double calm = roughness({});
  for (const auto& [param, value] : {std::pair{"size", 0.9}, {"pre_delay_s", 0.1}, {"modulation", 1.0}})
    CHECK(roughness(set(param, value)) < calm + 0.001);
  CHECK(roughness(set("quality", "draft")) < calm + 0.001);
}
