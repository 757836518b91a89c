// Flanger, phaser, formant, gate: where they leave notches, resonances, silence.
#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

constexpr std::size_t kWindow = 8192, kWindows = 60;

// Mean power at `hz` of noise through an effect, against the noise alone, in decibels.
double response_db(const std::string& effect, const Params& params, double hz) {
  const Params white = {{"color", "white"}, {"width", 0.0}};
  const Audio wet = render(plan_of("noise", white, effect, params), {}, kWindow * kWindows);
  const Audio dry = render(plan_of("noise", white), {}, kWindow * kWindows);
  const auto bin = static_cast<std::size_t>(hz / 44100.0 * kWindow + 0.5);
  double through = 0.0, before = 0.0;
  for (std::size_t w = 1; w < kWindows; ++w) {
    through += power_spectrum(wet.left.data() + w * kWindow, kWindow)[bin];
    before += power_spectrum(dry.left.data() + w * kWindow, kWindow)[bin];
  }
  return 10.0 * std::log10(through / before);
}

}  // namespace

TEST(flanger_at_rest_is_a_comb) {
  const Params still = {{"depth_ms", 0.0}, {"delay_ms", 1.0}, {"feedback", 0.0}, {"mix", 0.5}};
  for (const double tooth : {1000.0, 2000.0, 5000.0})
    CHECK_NEAR(response_db("flanger", still, tooth), 0.0, 0.5);
  for (const double notch : {500.0, 1500.0, 2500.0}) CHECK(response_db("flanger", still, notch) < -20.0);
}

TEST(phaser_at_rest_has_notches_where_its_chain_turns_the_phase_by_half) {
  const Params still = {{"depth_octaves", 0.0}, {"centre_hz", 800.0}, {"feedback", 0.0}, {"mix", 0.5}};
  // Four stages of 45 and of 135 degrees: tan(pi f / rate) is tan(22.5 deg) and tan(67.5 deg) of the
  // centre's.
  const double centre = std::tan(std::numbers::pi * 800.0 / 44100.0);
  for (const double turn : {std::numbers::pi / 8.0, 3.0 * std::numbers::pi / 8.0}) {
    const double notch = std::atan(centre * std::tan(turn)) / std::numbers::pi * 44100.0;
    CHECK(response_db("phaser", still, notch) < -20.0);
  }
  CHECK_NEAR(response_db("phaser", still, 800.0), 0.0, 0.5);
}

TEST(formant_has_the_resonances_of_its_vowel) {
  const Params a = {{"vowel", 0.0}}, i = {{"vowel", 2.0}};
  CHECK(response_db("formant", a, 650.0) > response_db("formant", a, 1870.0) + 10.0);
  CHECK(response_db("formant", i, 1870.0) > response_db("formant", i, 900.0) + 6.0);
  CHECK(response_db("formant", i, 290.0) > response_db("formant", i, 650.0) + 10.0);
}

TEST(gate_is_open_for_loud_and_closed_for_quiet_sound) {
  const auto through = [](double level_db) {
    const Params params = {{"color", "white"}, {"gain_db", level_db}};
    const Audio wet =
        render(plan_of("noise", params, "gate", {{"threshold_db", -30.0}, {"range_db", -50.0}}), {}, 44100);
    const Audio dry = render(plan_of("noise", params), {}, 44100);
    return decibel(rms(wet.left, 22050, 44100) / rms(dry.left, 22050, 44100));
  };
  CHECK_NEAR(through(-12.0), 0.0, 0.1);
  CHECK_NEAR(through(-50.0), -50.0, 0.5);
}
