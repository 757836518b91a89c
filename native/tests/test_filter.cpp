#include <complex>
#include <numbers>

#include "check.h"
#include "sound.h"
#include "synth/dsp/filter.h"

using namespace sound;
using Complex = std::complex<double>;

namespace {

// Of the analogue prototype, at the frequency that the bilinear transform puts there.
double analytic(int mode, double hz, double cutoff, double q, double rate) {
  const double warped = std::tan(std::numbers::pi * hz / rate) / std::tan(std::numbers::pi * cutoff / rate);
  const Complex s(0.0, warped), denominator = s * s + s / q + 1.0;
  const Complex numerators[] = {1.0, s * s, s / q, s * s + 1.0};
  return std::abs(numerators[mode] / denominator);
}

double measured(int mode, double hz, double cutoff, double resonance, double rate) {
  const char* modes[] = {"lowpass", "highpass", "bandpass", "notch"};
  const double note = 69.0 + 12.0 * std::log2(hz / 440.0);
  const Params sine = {{"waveform", "sine"}, {"cutoff_hz", 20000.0}, {"attack_s", 0.001}, {"sustain", 1.0}};
  const auto plain = render(plan_of("poly", sine), {note_on(0, note)}, 40000, rate);
  const auto filtered = render(
      plan_of("poly", sine, "svf", {{"mode", modes[mode]}, {"cutoff_hz", cutoff}, {"resonance", resonance}}),
      {note_on(0, note)}, 40000, rate);
  return rms(filtered.left, 20000, 40000) / rms(plain.left, 20000, 40000);
}

}  // namespace

TEST(svf_follows_the_analytic_response) {
  for (const double rate : {44100.0, 96000.0})
    for (int mode = 0; mode < 4; ++mode)
      for (const double resonance : {0.0, 0.6})
        for (const double hz : {200.0, 900.0, 1100.0, 5000.0, 9000.0}) {
          const double q = static_cast<double>(synth::q_from_resonance(static_cast<float>(resonance)));
          CHECK_NEAR(decibel(measured(mode, hz, 1000.0, resonance, rate)),
                     decibel(analytic(mode, hz, 1000.0, q, rate)), 0.1);
        }
}

TEST(butterworth_is_3_db_down_at_its_cutoff) {
  CHECK_NEAR(decibel(measured(0, 1000, 1000, 0, 44100)), -3.01, 0.05);
}

// Aimed shortly behind a grid line, the coefficients arrive near the next one and do not run on.
TEST(svf_that_is_set_between_grid_lines_stays_bounded) {
  std::vector<synth::EventSpec> events;
  for (int i = 0; i < 100; ++i)
    events.push_back({.frame = 4096 * i + 20,
                      .type = "set",
                      .node = "fx",
                      .param = "cutoff_hz",
                      .value = i % 2 ? 20.0 : 20000.0});
  synth::Renderer renderer(plan_of("noise", {}, "svf", {{"resonance", 1.0}}), 44100.0, 1, 1024);
  renderer.schedule(events);
  for (const float x : render(renderer, 409600).left) CHECK(std::abs(x) < 4.0f);
}

// Jumps between the extremes at every block: the interpolated filter must stay bounded.
TEST(svf_is_stable_under_violent_modulation) {
  std::vector<synth::EventSpec> events;
  for (int i = 0; i < 400; ++i)
    events.push_back({.frame = i * 50,
                      .type = "set",
                      .node = "fx",
                      .param = "cutoff_hz",
                      .value = i % 2 ? 20.0 : 20000.0});
  const auto audio = render(plan_of("noise", {}, "svf", {{"resonance", 1.0}}), events, 20000);
  for (const float x : audio.left) CHECK(std::abs(x) < 4.0f);
}
