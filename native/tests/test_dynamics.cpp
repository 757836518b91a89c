// The compressor: its static curve, its times, its side chain. The limiter: what it holds, what it leaves
// alone.
#include <algorithm>
#include <numbers>

#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

double gain_db(const Audio& out, const Audio& in, std::size_t begin, std::size_t end) {
  return decibel(rms(out.left, begin, end) / rms(in.left, begin, end));
}

Audio sines(double hz, double turns, double level, std::size_t frames) {
  Audio audio{std::vector<float>(frames), std::vector<float>(frames)};
  for (std::size_t i = 0; i < frames; ++i) {
    const double angle = 2.0 * std::numbers::pi * (hz / 44100.0 * static_cast<double>(i) + turns);
    audio.left[i] = audio.right[i] = static_cast<float>(level * std::sin(angle));
  }
  return audio;
}

}  // namespace

TEST(compressor_follows_its_static_curve) {
  for (const double level_db : {-40.0, -21.0, -18.0, -15.0, -6.0, 0.0})
    for (const double knee_db : {0.0, 12.0}) {
      const Audio in = tone(1000.0, std::pow(10.0, level_db / 20.0), 88200);
      const Params params = {
          {"threshold_db", -18.0}, {"ratio", 4.0}, {"knee_db", knee_db}, {"release_s", 0.3}};
      const double over = level_db + 18.0, bent = std::clamp(over + 0.5 * knee_db, 0.0, knee_db);
      const double taken =
          (knee_db > 0.0 ? bent * bent / (2.0 * knee_db) : 0.0) + std::max(over - 0.5 * knee_db, 0.0);
      CHECK_NEAR(gain_db(through("compressor", params, in, 88200), in, 44100, 88200), -0.75 * taken, 0.2);
    }
}

TEST(compressor_takes_its_attack_and_release_time) {
  Audio in = tone(1000.0, 1.0, 44100);
  in.left.resize(88200), in.right.resize(88200);
  for (std::size_t i = 44100; i < 88200; ++i)
    in.left[i] = in.right[i] = 0.01f * std::sin(0.1425f * static_cast<float>(i));
  const Params params = {
      {"threshold_db", -20.0}, {"ratio", 2.0}, {"knee_db", 0.0}, {"attack_s", 0.01}, {"release_s", 0.2}};
  const Audio out = through("compressor", params, in, 88200);
  CHECK_NEAR(gain_db(out, in, 441 - 22, 441 + 22), -6.3, 0.4);               // 63 % of 10 dB after 10 ms
  CHECK_NEAR(gain_db(out, in, 52920 + 400, 52920 + 800), -3.7 * 0.94, 0.4);  // 37 % after 200 ms
}

TEST(compressor_listens_to_its_side_chain) {
  const Params quiet = {{"waveform", "sine"}, {"gain_db", -30.0}, {"sustain", 1.0}};
  synth::GraphSpec graph{{{"a", "poly", quiet, {}},
                          {"loud", "noise", {{"gain_db", 0.0}}, {}},
                          {"fx", "compressor", {{"ratio", 10.0}}, {"a"}, {"loud"}}},
                         "fx"};
  const auto level = [&] {
    const Audio out = render(synth::compile(graph), {note_on(0, 69)}, 44100);
    return decibel(rms(out.left, 22050, 44100));
  };
  const double ducked = level();
  graph.nodes[2].sidechain.clear();
  CHECK(ducked < level() - 8.0);
}

// A quarter of the sample rate, 45 degrees off the samples: the true peak is 3 dB above them.
TEST(limiter_holds_peaks_between_the_samples) {
  for (const double hz : {11025.0, 11025.0 / 2.0, 44100.0 / 6.0, 997.0})
    for (const double level : {1.0, 4.0}) {
      Audio in = sines(hz, 0.125, level, 12000);
      for (std::size_t i = 0; i < 12000; ++i)
        if (i / 1500 % 2 == 0) in.left[i] = in.right[i] = 0.05f * in.left[i];  // hard on, hard off
      const Audio out = through("limiter", {{"ceiling_dbtp", -1.0}}, in, 12000);
      CHECK(true_peak_db(out.left, 0, 12000) < -1.0 + 0.02);
    }
}

TEST(limiter_holds_noise_and_clicks) {
  for (const char* color : {"white", "pink"})
    for (const float click : {0.0f, 4.0f, 16.0f}) {
      Audio in = render(plan_of("noise", {{"gain_db", 12.0}, {"color", color}}), {}, 12000);
      for (std::size_t i = 1000; i < 12000; i += 777) in.left[i] += click;
      const double peak_db =
          true_peak_db(through("limiter", {{"ceiling_dbtp", -1.0}}, in, 12000).left, 0, 12000);
      CHECK(peak_db < -1.0);
      CHECK(peak_db > -1.3);
    }
}

// The softener leaves what can be heard, however loud: within 0.1 dB below 0.41 of the sample rate (18 kHz).
TEST(limiter_keeps_the_treble) {
  for (const double hz : {2000.0, 8000.0, 14000.0, 18000.0}) {
    const Audio in = tone(hz, 0.85, 24000), noise = render(plan_of("noise", {{"gain_db", -30.0}}), {}, 24000);
    Audio both = in;
    for (std::size_t i = 0; i < 24000; ++i) both.left[i] += noise.left[i], both.right[i] += noise.left[i];
    const Audio out = through("limiter", {{"ceiling_dbtp", 0.0}}, both, 24000);
    const std::vector<float> before(both.left.begin() + 2000, both.left.begin() + 22000),
        after(out.left.begin() + 2144, out.left.begin() + 22144);
    CHECK_NEAR(decibel(gain_at(after, hz, 44100.0) / gain_at(before, hz, 44100.0)), 0.0, 0.1);
  }
}

// Near the ceiling it takes the edge of the band from a sound that begins at once, and from this one nothing
// else.
TEST(limiter_only_delays_what_is_quiet) {
  for (const auto& [level, begin] : {std::pair{0.4, 144u}, {0.8, 200u}}) {
    const Audio in = tone(997.0, level, 5000);
    const Audio out = through("limiter", {{"ceiling_dbtp", -1.0}}, in, 5000);
    for (std::size_t i = begin; i < 5000; ++i) CHECK(out.left[i] == in.left[i - 144]);
  }
}
