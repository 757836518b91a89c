// The compressor: its static curve, its times, its side chain.
#include <algorithm>

#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

double gain_db(const Audio& out, const Audio& in, std::size_t begin, std::size_t end) {
  return decibel(rms(out.left, begin, end) / rms(in.left, begin, end));
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
