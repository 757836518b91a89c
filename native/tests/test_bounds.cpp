// Whatever is in front of it, a graph gives finite sound, and sounds again when that has passed.
#include <limits>

#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

double largest(const Audio& audio, std::size_t begin) {
  double top = 0.0;
  for (const std::vector<float>* x : {&audio.left, &audio.right})
    for (std::size_t i = begin; i < x->size(); ++i) {
      if (!std::isfinite((*x)[i])) return std::numeric_limits<double>::infinity();
      top = std::max(top, static_cast<double>(std::abs((*x)[i])));
    }
  return top;
}

}  // namespace

TEST(a_hundred_amplifiers_in_a_row_stay_finite) {
  const std::vector<std::pair<const char*, Params>> amplifiers = {
      {"gain", {{"gain_db", 24.0}}},
      {"pan", {{"width", 2.0}}},
      {"eq", {{"peak1_db", 24.0}, {"low_shelf_db", 24.0}, {"high_shelf_db", 24.0}}},
      {"compressor", {{"makeup_db", 24.0}}},
      {"svf", {{"resonance", 1.0}}},
      {"ladder", {{"drive_db", -12.0}}},
      {"phaser", {{"feedback", 0.95}, {"mix", 1.0}}},
      {"flanger", {{"feedback", 0.95}, {"mix", 1.0}, {"delay_ms", 0.1}, {"depth_ms", 0.0}}},
      {"formant", {{"sharpness", 4.0}}},
  };
  for (const auto& [type, params] : amplifiers) {
    synth::GraphSpec graph{{{"n0", "input", {}, {}}}, "room"};
    for (int i = 1; i <= 100; ++i) {
      const std::string before = "n" + std::to_string(i - 1);
      graph.nodes.push_back({"n" + std::to_string(i), type, params, {before, before}});
    }
    graph.nodes.push_back({"down", "gain", {{"gain_db", -60.0}}, {"n100"}});
    graph.nodes.push_back({"room", "reverb", {{"rt60_s", 0.2}}, {"down"}});
    synth::Renderer renderer(synth::compile(graph), 44100.0, 1, 64);
    Audio heard = tone(440.0, 1.0, 20000);
    renderer.render(heard.left.data(), heard.right.data(), 20000, {heard.left.data(), heard.right.data()});
    const double sounding = largest(heard, 0), after = largest(render(renderer, 200000), 190000);
    // A hundred resonances amplify what is left of a sound by more than a float can hold.
    const bool rings = std::string(type) != "gain" && std::string(type) != "pan";
    if (!(sounding < 1e7 && after < 1e7)) std::printf("%s: %g, then %g\n", type, sounding, after);
    CHECK(sounding < 1e7);
    CHECK(after < (rings ? 1e7 : 1e-3));
  }
}

TEST(broken_input_is_heard_no_longer_than_it_lasts) {
  for (const float broken :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), -3e38f}) {
    for (const char* type : {"svf", "ladder", "eq", "reverb", "delay", "compressor", "limiter", "saturate",
                             "phaser", "flanger", "chorus", "formant", "gate"}) {
      Audio in = tone(440.0, 0.5, 88200);
      for (std::size_t i = 1000; i < 1010; ++i) in.left[i] = broken;
      const Audio out = through(type, {}, in, 88200);
      CHECK(largest(out, 0) < 2.0);
      CHECK(rms(out.left, 80000, 88200) > 0.05);
    }
  }
}
