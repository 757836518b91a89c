#include <numeric>

#include "check.h"
#include "sound.h"
#include "synth/dsp/draft.h"

using namespace sound;

namespace {

using synth::Waveform;
enum class Quality { high, draft };
constexpr std::size_t kSize = 65536;

std::uint32_t steps_of(double hz) { return static_cast<std::uint32_t>(hz / 44100.0 * 4294967296.0 + 0.5); }

struct Steady {
  [[nodiscard]] synth::F8 left(int) const { return synth::splat(1.0f); }
  [[nodiscard]] synth::F8 right(int) const { return synth::splat(1.0f); }
};

// In lane 5; odd spans, so that frames fall on both halves of what is computed at once.
std::vector<float> play_draft(synth::Oscillator& oscillator, Waveform waveform, std::size_t frames) {
  synth::OscillatorLanes lanes;
  lanes.put(5, oscillator);
  std::vector<float> out(frames);
  for (std::size_t at = 0; at < frames; at += 37) {
    const int n = static_cast<int>(std::min<std::size_t>(37, frames - at));
    synth::F8 x[37] = {};
    synth::add_draft(waveform, lanes, Steady{}, x, nullptr, n);
    for (int i = 0; i < n; ++i) out[at + static_cast<std::size_t>(i)] = x[i][5];
  }
  oscillator = lanes.of(5);
  return out;
}

std::vector<float> play(synth::Oscillator& oscillator, Waveform waveform, Quality quality,
                        std::size_t frames) {
  if (quality == Quality::draft) return play_draft(oscillator, waveform, frames);
  synth::Track track{};
  std::vector<float> out(frames);
  for (std::size_t at = 0; at < frames; at += synth::kSpan) {
    const int n = static_cast<int>(std::min<std::size_t>(synth::kSpan, frames - at));
    oscillator.add(waveform, {}, 0, {&track, nullptr, &synth::blep_table()}, n);
    for (int i = 0; i < n; ++i)
      out[at + static_cast<std::size_t>(i)] = static_cast<float>(track.samples[i]) / synth::Track::kUnit;
    track.advance(n);
  }
  return out;
}

// Everything off the harmonics against the harmonics, in dB. The period is an odd fraction of the window, so
// that harmonics and aliases fall on the middles of bins and apart from each other.
double alias_db(Waveform waveform, double hz, double rate, Quality quality = Quality::high) {
  const std::size_t bin = static_cast<std::size_t>(hz / rate * static_cast<double>(kSize)) | 1u;
  synth::Oscillator oscillator;
  oscillator.increment = oscillator.second_increment = static_cast<std::uint32_t>(bin << 16);
  oscillator.set_width(0.37f);
  const std::vector<float> x = play(oscillator, waveform, quality, kSize + 64);
  const std::vector<double> power = power_spectrum(&x[64], kSize);
  double harmonic = 0.0, alias = 0.0;
  for (std::size_t k = 4; k < power.size(); ++k) {
    const std::size_t off = k % bin;
    (std::min(off, bin - off) < 4 ? harmonic : alias) += power[k];
  }
  return 10.0 * std::log10(alias / harmonic);
}

void at_most(double got, double limit) { CHECK_NEAR(std::max(got, limit), limit, 0.0); }

}  // namespace

TEST(saw_and_pulse_do_not_alias) {
  for (const double hz : {55.0, 110.0, 443.0, 1661.0, 3727.0, 7040.0}) {
    at_most(alias_db(Waveform::saw, hz, 44100.0), -86.0);
    at_most(alias_db(Waveform::square, hz, 44100.0), -86.0);
    at_most(alias_db(Waveform::triangle, hz, 44100.0), -100.0);
  }
  for (const double hz : {443.0, 1661.0, 3727.0})
    std::printf("  alias dB at %4.0f Hz: saw %.1f, square %.1f, triangle %.1f; draft saw %.1f\n", hz,
                alias_db(Waveform::saw, hz, 44100), alias_db(Waveform::square, hz, 44100),
                alias_db(Waveform::triangle, hz, 44100), alias_db(Waveform::saw, hz, 44100, Quality::draft));
}

TEST(drafts_are_as_clean_as_two_samples_allow) {
  at_most(alias_db(Waveform::saw, 443.0, 44100.0, Quality::draft), -34.0);
  at_most(alias_db(Waveform::square, 443.0, 44100.0, Quality::draft), -34.0);
  at_most(alias_db(Waveform::triangle, 443.0, 44100.0, Quality::draft), -60.0);
}

TEST(sine_is_pure) { at_most(alias_db(Waveform::sine, 997.0, 44100.0), -120.0); }

TEST(waveforms_have_their_amplitude) {
  for (const auto& [waveform, want] :
       {std::pair{Waveform::saw, 1.0 / std::sqrt(3.0)}, std::pair{Waveform::square, 1.0},
        std::pair{Waveform::triangle, 1.0 / std::sqrt(3.0)}, std::pair{Waveform::sine, std::sqrt(0.5)}}) {
    for (const Quality quality : {Quality::high, Quality::draft}) {
      synth::Oscillator oscillator;
      oscillator.increment = oscillator.second_increment = steps_of(100.0);
      oscillator.set_width(0.5f);
      const std::vector<float> x = play(oscillator, waveform, quality, 44164);
      CHECK_NEAR(decibel(rms(x, 64, 44164)), decibel(want), 0.1);
    }
  }
}

// The oscillators of high quality are ahead of what is heard; a draft goes on from what is heard.
TEST(quality_changes_without_a_click) {
  const Params dark = {{"attack_s", 0.01}, {"cutoff_hz", 300.0}};
  const auto roughness = [&](const char* before, const char* after) {
    Params params = dark;
    params["quality"] = before;
    std::vector<synth::EventSpec> events = {note_on(0, 33)};
    for (std::int64_t at = 9000; at < 11000; at += 171)
      events.push_back({.frame = at,
                        .type = "set",
                        .node = "a",
                        .param = "quality",
                        .value = at / 171 % 2 == 0 ? before : after});
    return largest_second_difference(render(plan_of("poly", params), events, 12000).left, 8000, 12000);
  };
  const double calm = roughness("high", "high");
  CHECK(calm > 0.0);
  CHECK(roughness("high", "draft") < 1.1 * calm);
  CHECK(roughness("draft", "high") < 1.1 * calm);
}

// The width slides to its goal while both edges stay on the grid of their own saws.
TEST(a_pulse_arrives_at_its_width) {
  synth::Oscillator oscillator;
  oscillator.increment = oscillator.second_increment = steps_of(441.0);
  oscillator.set_width(0.2f);
  for (int i = 0; i < 20; ++i) {
    oscillator.aim_width(0.7f, 64);
    play(oscillator, Waveform::square, Quality::high, 64);
  }
  oscillator.aim_width(0.7f, 64);
  const std::vector<float> x = play(oscillator, Waveform::square, Quality::high, 44164);
  std::size_t high = 0;
  const double mean = std::accumulate(x.begin() + 64, x.end(), 0.0) / 44100.0;
  for (std::size_t i = 64; i < x.size(); ++i) high += static_cast<double>(x[i]) > mean + 0.4;
  CHECK_NEAR(std::abs(static_cast<double>(high) / 44100.0 - 0.5), 0.2, 0.02);
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
