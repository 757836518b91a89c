// Effects whose parameters are set while they sound, or that begin to be heard: no click.
#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

struct Move {
  const char* effect;
  Params before;
  const char* param;
  double value;
};

// What setting a parameter adds above 6 kHz to a tone of 110 Hz.
double click_of(const Move& move) {
  constexpr std::size_t kFrames = 90000, kAt = 45001;
  const Audio hum = tone(110.0, 0.5, kFrames);
  synth::Renderer renderer(plan_of("input", {}, move.effect, move.before), 44100.0, 1, 64);
  renderer.schedule({{.frame = kAt, .type = "set", .node = "fx", .param = move.param, .value = move.value}});
  Audio out = hum;
  renderer.render(out.left.data(), out.right.data(), kFrames, {hum.left.data(), hum.right.data()});
  return click_db(out, kAt);
}

void check_all(std::initializer_list<Move> moves) {
  for (const Move& move : moves) {
    const double db = click_of(move);
    if (!(db < -60.0)) std::printf("%s %s %g: %.1f dB\n", move.effect, move.param, move.value, db);
    CHECK(db < -60.0);
  }
}

}  // namespace

TEST(levels_move_without_clicks) {
  check_all({{"gain", {}, "gain_db", -60.0},
             {"gain", {}, "gain_db", 24.0},
             {"mix", {}, "gain_db", -60.0},
             {"pan", {}, "pan", -1.0},
             {"compressor", {}, "makeup_db", 24.0},
             {"ladder", {{"drive_db", -12.0}}, "drive_db", 6.0},
             {"saturate", {{"drive_db", 0.0}}, "drive_db", 9.0},
             {"delay", {{"mix", 1.0}}, "mix", 0.0},
             {"reverb", {{"mix", 1.0}}, "mix", 0.0}});
}

TEST(a_room_changes_its_decay_without_clicks) {
  check_all({{"reverb", {{"mix", 1.0}}, "rt60_s", 20.0},
             {"reverb", {{"mix", 1.0}, {"rt60_s", 20.0}}, "rt60_s", 0.3},
             {"reverb", {{"mix", 1.0}}, "damping_hz", 500.0},
             {"reverb", {{"mix", 1.0}, {"quality", "draft"}}, "damping_hz", 500.0},
             {"reverb", {{"mix", 1.0}, {"damping_hz", 500.0}}, "damping_hz", 20000.0}});
}

TEST(delays_glide_to_their_times_without_clicks) {
  check_all({{"delay", {{"mix", 1.0}, {"feedback", 0.0}}, "time_s", 0.1},
             {"delay", {{"mix", 1.0}, {"feedback", 0.0}}, "time_s", 0.38},
             {"chorus", {}, "delay_ms", 30.0},
             {"chorus", {}, "depth_ms", 15.0},
             {"flanger", {}, "delay_ms", 10.0},
             {"flanger", {}, "depth_ms", 0.0}});
}

TEST(an_effect_that_was_not_heard_begins_without_a_click) {
  check_all({{"chorus", {{"mix", 0.0}}, "mix", 1.0},
             {"flanger", {{"mix", 0.0}}, "mix", 0.5},
             {"phaser", {{"mix", 0.0}}, "mix", 1.0},
             {"delay", {{"mix", 0.0}, {"time_s", 0.01}}, "mix", 1.0},
             {"delay", {{"mix", 0.0}, {"time_s", 0.01}, {"ping_pong", 1.0}}, "mix", 1.0},
             {"reverb", {{"mix", 0.0}}, "mix", 1.0},
             {"formant", {{"mix", 0.0}}, "mix", 1.0}});
}
