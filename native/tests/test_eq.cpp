// The equalizer against the analytic responses of its bands.
#include <complex>
#include <numbers>

#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

using Complex = std::complex<double>;

// The analogue prototypes of the audio EQ cookbook, at the frequency that the bilinear transform puts there.
double analytic_db(const std::string& band, double hz, double centre, double db, double q, double rate) {
  const double a = std::pow(10.0, db / 40.0);
  const Complex s(0.0, std::tan(std::numbers::pi * hz / rate) / std::tan(std::numbers::pi * centre / rate));
  const double root = std::sqrt(a) / q;
  Complex h = (s * s + s * (a / q) + 1.0) / (s * s + s / (a * q) + 1.0);
  if (band == "low_shelf") h = a * (s * s + root * s + a) / (a * s * s + root * s + 1.0);
  if (band == "high_shelf") h = a * (a * s * s + root * s + 1.0) / (s * s + root * s + a);
  return decibel(std::abs(h));
}

}  // namespace

TEST(each_band_of_the_eq_follows_its_analytic_response) {
  for (const double rate : {44100.0, 96000.0})
    for (const char* band : {"low_shelf", "peak1", "peak2", "peak3", "high_shelf"})
      for (const double centre : {60.0, 1000.0, 9000.0})
        for (const double db : {-18.0, 3.0, 12.0})
          for (const double q : {0.5, 0.7071, 2.0}) {
            const std::string name = band;
            if (name == "low_shelf" && centre > 2000.0) continue;
            if (name == "high_shelf" && centre < 500.0) continue;
            const Params params = {{name + "_hz", centre}, {name + "_db", db}, {name + "_q", q}};
            const Audio out = through("eq", params, impulse(), 16384, rate);
            for (const double hz : {30.0, 100.0, 700.0, 1000.0, 5000.0, 11000.0, 0.399 * rate})
              CHECK_NEAR(decibel(gain_at(out.left, hz, rate)), analytic_db(name, hz, centre, db, q, rate),
                         0.1);
          }
}

TEST(eq_bands_add_up) {
  const Params params = {
      {"low_shelf_db", 3.0}, {"peak1_db", -2.0}, {"peak2_db", 2.0}, {"high_shelf_db", -3.0}};
  const Audio out = through("eq", params, impulse(), 16384);
  for (const double hz : {50.0, 250.0, 500.0, 1500.0, 3000.0, 8000.0, 16000.0}) {
    const double want = analytic_db("low_shelf", hz, 100.0, 3.0, 0.7071, 44100.0) +
                        analytic_db("peak1", hz, 500.0, -2.0, 0.7071, 44100.0) +
                        analytic_db("peak2", hz, 3000.0, 2.0, 0.7071, 44100.0) +
                        analytic_db("high_shelf", hz, 8000.0, -3.0, 0.7071, 44100.0);
    CHECK_NEAR(decibel(gain_at(out.left, hz)), want, 0.1);
  }
}

// Bands that come, go and move, in calls shorter than the cascade is long.
TEST(any_split_of_an_eq_gives_the_same_samples) {
  constexpr std::size_t kFrames = 4000;
  const auto plan =
      plan_of("noise", {}, "eq", {{"low_shelf_db", 6.0}, {"peak1_db", 3.0}, {"peak3_db", -4.0}});
  std::vector<synth::EventSpec> events;
  for (const auto& [frame, param, value] :
       {std::tuple{777, "peak2_db", 9.0}, {1001, "high_shelf_db", -9.0}, {2003, "peak1_db", 0.0}})
    events.push_back({.frame = frame, .type = "set", .node = "fx", .param = param, .value = value});
  const auto played = [&](std::size_t step) {
    synth::Renderer renderer(plan, 44100.0, 1, 64);
    renderer.schedule(events);
    Audio out{std::vector<float>(kFrames), std::vector<float>(kFrames)};
    for (std::size_t at = 0; at < kFrames; at += step)
      renderer.render(&out.left[at], &out.right[at], static_cast<std::int64_t>(std::min(step, kFrames - at)));
    return out;
  };
  const Audio whole = played(kFrames);
  for (const std::size_t step : {1, 2, 3, 5, 64}) {
    const Audio parts = played(step);
    CHECK(whole.left == parts.left && whole.right == parts.right);
  }
}

TEST(a_flat_eq_changes_nothing) {
  const Audio in = tone(997.0, 0.9, 10000);
  CHECK(through("eq", {}, in, 10000).left == in.left);
}

// Distortion and noise of a loud tone in a band that is not flat: what 32 bits allow.
TEST(eq_is_clean) {
  const Audio out = through("eq", {{"low_shelf_db", 6.0}, {"peak1_db", -6.0}},
                            tone(4096.0 / 65536.0 * 44100.0, 0.5, 131072), 131072);
  const auto spectrum = power_spectrum(out.left.data() + 65536, 65536);
  double rest = 0.0;
  for (std::size_t k = 20; k < spectrum.size(); ++k)
    if (k + 8 < 4096 || k > 4096 + 8) rest += spectrum[k];
  double signal = 0.0;
  for (std::size_t k = 4088; k <= 4104; ++k) signal += spectrum[k];
  CHECK(10.0 * std::log10(rest / signal) < -120.0);
}
