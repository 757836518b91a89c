#include "check.h"
#include "sound.h"
#include "synth/dsp/oscillator.h"

using namespace sound;

namespace {

constexpr std::size_t kSize = 65536;

// Everything off the harmonics against the harmonics, in dB. The period is an odd fraction of the window, so
// that harmonics and aliases fall on the middles of bins and apart from each other.
double alias_db(synth::Waveform waveform, double hz, double rate) {
  const std::size_t bin = static_cast<std::size_t>(hz / rate * static_cast<double>(kSize)) | 1u;
  synth::Oscillator osc;
  osc.increment = static_cast<std::uint32_t>(bin << 16);
  std::vector<float> left(kSize), right(kSize);
  osc.add(waveform, 0.37f, 1.0f, 1.0f, left.data(), right.data(), static_cast<int>(kSize));
  const std::vector<double> power = power_spectrum(left.data(), kSize);
  double harmonic = 0.0, alias = 0.0;
  for (std::size_t k = 4; k < power.size(); ++k) {
    const std::size_t off = k % bin;
    (std::min(off, bin - off) < 4 ? harmonic : alias) += power[k];
  }
  return 10.0 * std::log10(alias / harmonic);
}

}  // namespace

TEST(saw_and_pulse_do_not_alias) {
  for (const double hz : {55.0, 110.0, 443.0, 1661.0, 3727.0}) {
    CHECK_NEAR(std::max(alias_db(synth::Waveform::saw, hz, 44100.0), -85.0), -85.0, 0.0);
    CHECK_NEAR(std::max(alias_db(synth::Waveform::square, hz, 44100.0), -85.0), -85.0, 0.0);
    CHECK_NEAR(std::max(alias_db(synth::Waveform::triangle, hz, 44100.0), -100.0), -100.0, 0.0);
  }
  std::printf("  saw alias dB at 110, 443, 1661, 3727 Hz: %.1f %.1f %.1f %.1f\n",
              alias_db(synth::Waveform::saw, 110, 44100), alias_db(synth::Waveform::saw, 443, 44100),
              alias_db(synth::Waveform::saw, 1661, 44100), alias_db(synth::Waveform::saw, 3727, 44100));
}

TEST(sine_is_pure) {
  CHECK_NEAR(std::max(alias_db(synth::Waveform::sine, 997.0, 44100.0), -105.0), -105.0, 0.0);
}

TEST(waveforms_have_their_amplitude) {
  synth::Oscillator osc;
  osc.increment = synth::phase_increment(100.0f, 44100.0f);
  for (const auto& [waveform, want] :
       {std::pair{synth::Waveform::saw, 1.0 / std::sqrt(3.0)}, std::pair{synth::Waveform::square, 1.0},
        std::pair{synth::Waveform::triangle, 1.0 / std::sqrt(3.0)},
        std::pair{synth::Waveform::sine, std::sqrt(0.5)}}) {
    std::vector<float> left(44100), right(44100);
    osc.add(waveform, 0.5f, 1.0f, 0.5f, left.data(), right.data(), 44100);
    CHECK_NEAR(decibel(rms(left, 0, 44100)), decibel(want), 0.1);
    CHECK_NEAR(decibel(rms(right, 0, 44100)), decibel(0.5 * want), 0.1);
  }
}

TEST(notes_are_in_tune) {
  for (const double rate : {44100.0, 48000.0}) {
    for (const double note : {33.0, 57.5, 69.0, 96.0}) {
      const double want = 440.0 * std::exp2((note - 69.0) / 12.0);
      for (const char* type : {"poly", "pluck", "bell"}) {
        const Params params = std::string(type) == "pluck" ? Params{{"decay_s", 20.0}} : Params{};
        const Audio audio = render(plan_of(type, params), {note_on(0, note)}, 40000, rate);
        const double got = frequency_near(audio.left, 12000, want, rate);
        CHECK_NEAR(1200.0 * std::log2(got / want), 0.0, 0.5);
      }
    }
  }
}
