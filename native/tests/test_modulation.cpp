#include <algorithm>

#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

// Noise of constant level, its gain moved by a control node of this type.
synth::GraphSpec moved_level(const std::string& type, const Params& params, double amount) {
  return {{{"n", "noise", {{"gain_db", 0.0}}, {}}, {"c", type, params, {}}, {"g", "gain", {}, {"n"}}},
          "g",
          {{"c", "g", "gain_db", amount}}};
}

std::vector<double> levels(const Audio& audio, std::size_t window) {
  std::vector<double> all;
  for (std::size_t at = 0; at + window <= audio.left.size(); at += window)
    all.push_back(decibel(rms(audio.left, at, at + window)));
  return all;
}

// Where the level rises through its middle, in seconds.
std::vector<double> rises(const Audio& audio) {
  const std::vector<double> level = levels(audio, 441);
  const double middle = 0.5 * (*std::ranges::max_element(level) + *std::ranges::min_element(level));
  std::vector<double> times;
  for (std::size_t i = 1; i < level.size(); ++i)
    if (level[i - 1] < middle && level[i] >= middle) times.push_back(0.01 * static_cast<double>(i));
  return times;
}

}  // namespace

TEST(an_lfo_moves_a_level_by_its_amount_at_its_rate) {
  const Audio audio = render(
      synth::compile(moved_level("lfo", {{"rate_hz", 2.0}, {"shape", "square"}}, 20.0)), {}, 4 * 44100);
  const std::vector<double> level = levels(audio, 441);
  CHECK_NEAR(level[12] - level[37], 40.0, 1.5);
  const std::vector<double> times = rises(audio);
  CHECK(times.size() == 7);
  for (std::size_t i = 0; i < times.size(); ++i)
    CHECK_NEAR(times[i], 0.5 * static_cast<double>(i + 1), 0.011);
}

TEST(a_synced_lfo_follows_the_tempo_and_its_events) {
  synth::GraphSpec graph = moved_level("lfo", {{"sync_beats", 1.0}, {"shape", "square"}}, 20.0);
  graph.tempo_bpm = 60.0;
  const std::vector<synth::EventSpec> events = {
      {.frame = 2 * 44100, .type = "tempo", .node = "", .param = "", .value = 120.0}};
  const std::vector<double> times = rises(render(synth::compile(graph), events, 4 * 44100));
  const std::vector<double> want = {1.0, 2.0, 2.5, 3.0, 3.5};
  CHECK(times.size() == want.size());
  for (std::size_t i = 0; i < std::min(times.size(), want.size()); ++i) CHECK_NEAR(times[i], want[i], 0.02);
}

TEST(octaves_move_a_cutoff_by_a_ratio) {
  const auto cutoff_of = [](double base, double amount, const std::string& unit) {
    const synth::GraphSpec graph{{{"n", "noise", {}, {}},
                                  {"c", "curve", {{"start_level", 1.0}}, {}},
                                  {"f", "svf", {{"cutoff_hz", base}}, {"n"}}},
                                 "f",
                                 {{"c", "f", "cutoff_hz", amount, unit}}};
    return render(synth::compile(graph), {}, 20000);
  };
  const Audio plain = cutoff_of(4000.0, 0.0, ""), octaves = cutoff_of(1000.0, 2.0, "octave"),
              hertz = cutoff_of(1000.0, 3000.0, "Hz");
  for (std::size_t i = 0; i < plain.left.size(); ++i) {
    CHECK_NEAR(octaves.left[i], plain.left[i], 1e-5);
    CHECK_NEAR(hertz.left[i], plain.left[i], 1e-5);
  }
}

TEST(modulated_values_stay_in_their_range) {
  const Audio audio = render(synth::compile(moved_level("curve", {{"time_1_s", 0.0}}, 1000.0)), {}, 20000);
  CHECK_NEAR(levels(audio, 20000)[0], 24.0 + decibel(1.0 / std::sqrt(3.0)), 0.3);
}

TEST(a_curve_holds_until_the_note_ends_and_starts_again) {
  const Params shape = {{"start_level", 0.0}, {"time_1_s", 0.5}, {"level_1", 1.0},  {"sustain", 1.0},
                        {"time_2_s", 0.5},    {"level_2", -1.0}, {"level_3", -1.0}, {"level_4", -1.0},
                        {"level_5", -1.0},    {"level_6", -1.0}};
  std::vector<synth::EventSpec> events = {note_off(2 * 44100, 60), note_on(4 * 44100, 60)};
  for (synth::EventSpec& event : events) event.node.assign(1, 'c');
  const std::vector<double> level =
      levels(render(synth::compile(moved_level("curve", shape, 20.0)), events, 5 * 44100), 4410);
  CHECK_NEAR(level[10] - level[0], 19.0, 1.5);
  CHECK_NEAR(level[19], level[10], 0.5);
  CHECK_NEAR(level[30] - level[10], -40.0, 0.7);
  CHECK_NEAR(level[49] - level[10], 0.0, 0.7);
}

TEST(random_movements_are_seeded_and_held_ones_step) {
  const auto plan = synth::compile(moved_level("random", {{"rate_hz", 4.0}, {"kind", "hold"}}, 20.0));
  const std::vector<double> level = levels(render(plan, {}, 10 * 44100), 2205);  // five windows per step
  double within = 0.0, between = 0.0;
  for (std::size_t i = 0; i + 6 < level.size(); i += 5) {
    within = std::max(within, std::abs(level[i + 3] - level[i + 2]));
    between += std::abs(level[i + 7] - level[i + 2]);
  }
  CHECK(within < 1.0);
  CHECK(between / 39.0 > 5.0);
}

TEST(a_follower_ducks_without_being_a_cycle) {
  synth::GraphSpec graph{
      {{"n", "noise", {{"gain_db", 0.0}}, {}}, {"g", "gain", {}, {"n"}}, {"level", "follower", {}, {"g"}}},
      "g",
      {{"level", "g", "gain_db", -40.0}}};
  const std::vector<double> level = levels(render(synth::compile(graph), {}, 2 * 44100), 4410);
  const double uncontrolled = decibel(1.0 / std::sqrt(3.0));
  // level = uncontrolled - 40 * 10^(level / 20)
  CHECK_NEAR(level.back(), uncontrolled - 40.0 * std::pow(10.0, level.back() / 20.0), 0.5);
}

TEST(wrong_modulations_are_named) {
  const auto with = [](const synth::ModulationSpec& modulation) {
    synth::GraphSpec graph = moved_level("lfo", {}, 1.0);
    graph.nodes.push_back({"p", "poly", {}, {}});
    graph.modulations = {modulation};
    return synth::compile(graph);
  };
  CHECK_THROWS_WITH(with({"lf", "g", "gain_db", 1.0}), "modulations[0]", "unknown node in \"from\" 'lf'");
  CHECK_THROWS_WITH(with({"n", "g", "gain_db", 1.0}), "node 'n' (noise) is no control node");
  CHECK_THROWS_WITH(with({"c", "g", "gain", 1.0}), "node 'g' (gain)", "did you mean 'gain_db'?");
  CHECK_THROWS_WITH(with({"c", "p", "waveform", 1.0}), "waveform", "cannot be modulated");
  CHECK_THROWS_WITH(with({"c", "p", "voices", 1.0}), "voices", "cannot be modulated");
  CHECK_THROWS_WITH(with({"c", "p", "cutoff_hz", 1.0, "cent"}), "unit = 'cent'", "'Hz' or 'octave'");
  CHECK_THROWS_WITH(with({"c", "g", "gain_db", 1.0, "octave"}), "no octaves");
  CHECK_THROWS_WITH(with({"c", "g", "gain_db", 1e9}), "amount = 1e+09");
  CHECK_THROWS_WITH(synth::compile({{{"c", "lfo", {}, {}}}, "c"}), "node 'c' (lfo) gives no sound");
  CHECK_THROWS_WITH(synth::compile({{{"c", "lfo", {}, {}}, {"g", "gain", {}, {"c"}}}, "g"}),
                    "input 'c' (lfo) gives no sound", "modulations");
  CHECK_THROWS_WITH(synth::compile({{{"a", "lfo", {}, {}}, {"b", "lfo", {}, {}}, {"g", "noise", {}, {}}},
                                    "g",
                                    {{"a", "b", "rate_hz", 1.0}, {"b", "a", "rate_hz", 1.0}}}),
                    "no cycle");
}

TEST(the_input_node_hears_what_the_caller_gives) {
  const auto plan = synth::compile({{{"i", "input", {}, {}}}, "i"});
  synth::Renderer renderer(plan, 44100.0, 1, 64);
  Audio given{std::vector<float>(1000), std::vector<float>(1000)}, out = given;
  for (std::size_t i = 0; i < 1000; ++i)
    given.left[i] = static_cast<float>(i) * 1e-3f, given.right[i] = -given.left[i];
  given.left[500] = std::nanf("");
  renderer.render(out.left.data(), out.right.data(), 300, {given.left.data(), given.right.data()});
  renderer.render(&out.left[300], &out.right[300], 700, {&given.left[300], &given.right[300]});
  given.left[500] = 0.0f;  // what is no number is silence
  CHECK(out.left == given.left);
  CHECK(out.right == given.right);
  const Audio silent = render(renderer, 100);
  CHECK(rms(silent.left, 0, 100) == 0.0);
}
