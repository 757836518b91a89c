// Effects whose parameters are set while they sound, or that begin to be heard: no click.
#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

struct Move {
  const char* effect;
  Params before;
  const char* param;
  synth::Value value;
};

// What the effect gives of a tone of 110 Hz when a parameter is set at kAt.
constexpr std::size_t kFrames = 90000, kAt = 45001;
Audio moved(const Move& move, int block) {
  const Audio hum = tone(110.0, 0.5, kFrames);
  synth::Renderer renderer(plan_of("input", {}, move.effect, move.before), 44100.0, 1, block);
  renderer.schedule({{.frame = kAt, .type = "set", .node = "fx", .param = move.param, .value = move.value}});
  Audio out = hum;
  renderer.render(out.left.data(), out.right.data(), kFrames, {hum.left.data(), hum.right.data()});
  return out;
}

// Words and levels: above 2 kHz, at several blocks.
void check_broad(std::initializer_list<Move> moves) {
  for (const Move& move : moves)
    for (const int block : {16, 64, 500}) {
      const double db = broad_db(moved(move, block), kAt);
      if (!(db < -60.0)) std::printf("%s %s, block %d: %.1f dB\n", move.effect, move.param, block, db);
      CHECK(db < -60.0);
    }
}

void check_all(std::initializer_list<Move> moves) {
  for (const Move& move : moves) {
    const double db = click_db(moved(move, 64), kAt);
    if (!(db < -60.0)) std::printf("%s %s: %.1f dB\n", move.effect, move.param, db);
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

TEST(words_change_without_clicks) {
  for (const char* mode : {"highpass", "bandpass"})
    check_broad(
        {{"svf", {{"cutoff_hz", 500.0}}, "mode", mode}, {"ladder", {{"cutoff_hz", 500.0}}, "mode", mode}});
  check_broad({{"svf", {}, "mode", "notch"},
               {"ladder", {}, "mode", "lowpass12"},
               {"reverb", {}, "quality", "draft"},
               {"delay", {{"mix", 0.5}}, "ping_pong", 1.0}});
  check_all({{"phaser", {}, "stages", "12"}, {"phaser", {{"stages", "12"}}, "stages", "4"}});
}

TEST(a_level_that_an_event_sets_gathers_speed_and_loses_it) {
  check_broad({{"gain", {}, "gain_db", -60.0},
               {"mix", {}, "gain_db", 24.0},
               {"pan", {}, "pan", -1.0},
               {"tremolo", {{"depth", 0.0}, {"rate_hz", 0.5}}, "depth", 1.0},
               {"reverb", {{"mix", 1.0}}, "mix", 0.0},
               {"compressor", {{"threshold_db", -40.0}}, "mix", 0.0}});
  check_all({{"limiter", {}, "ceiling_dbtp", -30.0}, {"limiter", {}, "gain_db", 12.0}});
}

// A mode that is set sounds as if it had always been so.
TEST(a_filter_ends_where_its_mode_says) {
  for (const char* effect : {"svf", "ladder", "phaser"}) {
    const char* const word = std::string(effect) == "phaser" ? "stages" : "mode";
    const char* const to = std::string(effect) == "phaser" ? "8" : "bandpass";
    const Audio turned = moved({effect, {}, word, to}, 64),
                always = moved({effect, {{word, to}}, word, to}, 64);
    for (std::size_t i = 80000; i < kFrames; ++i) CHECK_NEAR(turned.left[i], always.left[i], 1e-5);
  }
}
