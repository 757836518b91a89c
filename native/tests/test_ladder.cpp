// The ladder filter: its slopes, that it sings in tune, that nothing makes it run away.
#include <algorithm>
#include <complex>
#include <numbers>

#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

// One stage of the loop, at the frequency that the bilinear transform puts there.
std::complex<double> stage(double hz, double cutoff, double rate) {
  const double warped = std::tan(std::numbers::pi * hz / rate) / std::tan(std::numbers::pi * cutoff / rate);
  return 1.0 / std::complex<double>(1.0, warped);
}

}  // namespace

TEST(ladder_follows_the_analytic_response_of_its_stages) {
  for (const double resonance : {0.0, 0.5})
    for (const double cutoff : {200.0, 2000.0, 8000.0}) {
      Audio in = impulse();
      in.left[0] = in.right[0] = 0.01f;  // where the saturation is straight
      const double k = 4.3 * resonance;
      const auto measured = [&](const char* mode, double hz) {
        const Audio out =
            through("ladder", {{"mode", mode}, {"cutoff_hz", cutoff}, {"resonance", resonance}}, in, 32768);
        return decibel(gain_at(out.left, hz) / 0.01);
      };
      for (const double hz : {100.0, 1000.0, 3000.0, 9000.0, 17000.0}) {
        if (hz > 10.0 * cutoff) continue;  // next to nothing comes through there
        const auto h = stage(hz, cutoff, 44100.0), u = (1.0 + 0.5 * k) / (1.0 + k * h * h * h * h);
        CHECK_NEAR(measured("lowpass24", hz), decibel(std::abs(u * h * h * h * h)), 0.1);
        CHECK_NEAR(measured("lowpass12", hz), decibel(std::abs(u * h * h)), 0.1);
        CHECK_NEAR(measured("bandpass", hz), decibel(std::abs(4.0 * u * h * h * (1.0 - h) * (1.0 - h))), 0.1);
        if (hz > 0.2 * cutoff)  // below, the four taps cancel to less than 32 bits can tell
          CHECK_NEAR(measured("highpass", hz), decibel(std::abs(u * std::pow(1.0 - h, 4.0))), 0.1);
      }
    }
}

TEST(ladder_sings_at_its_cutoff) {
  const Audio out = through("ladder", {{"cutoff_hz", 1000.0}, {"resonance", 1.0}}, impulse(), 88200);
  CHECK(rms(out.left, 66150, 88200) > 0.05);
  CHECK_NEAR(frequency_near(out.left, 66150, 1000.0, 44100.0), 1000.0, 10.0);
}

// The cutoff jumps from end to end every 16 frames, at full resonance and drive.
TEST(ladder_and_svf_are_stable_under_steps_of_the_cutoff_at_audio_rate) {
  for (const char* type : {"ladder", "svf"}) {
    synth::Renderer renderer(plan_of("noise", {{"gain_db", 0.0}}, type, {{"resonance", 1.0}}), 44100.0, 1,
                             16);
    std::vector<synth::EventSpec> events;
    for (int i = 0; i < 3000; ++i)
      events.push_back({.frame = 16 * i,
                        .type = "set",
                        .node = "fx",
                        .param = "cutoff_hz",
                        .value = i * 7919 % 3 ? 20.0 : 20000.0});
    renderer.schedule(events);
    for (const float x : render(renderer, 48000).left) CHECK(std::abs(x) < 30.0f);
  }
}
