#include "check.h"
#include "sound.h"
#include "synth/isa.h"
#include "synth/wiring.h"

using namespace sound;

TEST(errors_name_node_parameter_value_range_and_unit) {
  CHECK_THROWS_WITH(plan_of("svf", {}), "node 'a' (svf)", "needs at least one input");
  CHECK_THROWS_WITH(plan_of("poly", {{"cutoff_hz", 5.0}}), "node 'a' (poly)", "cutoff_hz = 5 Hz",
                    "20 to 20000 Hz");
  CHECK_THROWS_WITH(plan_of("poly", {{"cutof_hz", 500.0}}), "unknown parameter 'cutof_hz'",
                    "did you mean 'cutoff_hz'?");
  CHECK_THROWS_WITH(plan_of("poly", {{"waveform", "swa"}}), "waveform = 'swa'",
                    "saw, square, triangle, sine");
  CHECK_THROWS_WITH(plan_of("poly", {{"voices", 2.5}}), "voices = 2.5", "whole number");
  CHECK_THROWS_WITH(plan_of("poly", {{"gain_db", std::nan("")}}), "gain_db = nan", "finite");
  CHECK_THROWS_WITH(plan_of("poly", {{"gain_db", "loud"}}), "gain_db = 'loud'", "must be a number");
  CHECK_THROWS_WITH(plan_of("pole", {}), "unknown type 'pole'", "did you mean 'poly'?");
  CHECK_THROWS_WITH(plan_of("theremin", {}), "unknown type 'theremin'", "valid: poly");
}

TEST(errors_of_the_graph_itself) {
  using synth::compile;
  CHECK_THROWS_WITH(compile({{}, "out"}), "output 'out' is not a node");
  CHECK_THROWS_WITH(compile({{{"n", "noise", {}, {}}, {"n", "noise", {}, {}}}, "n"}),
                    "two nodes have the id 'n'");
  CHECK_THROWS_WITH(compile({{{"n", "noise", {}, {"n"}}}, "n"}), "takes no input");
  CHECK_THROWS_WITH(compile({{{"g", "gain", {}, {"h"}}, {"h", "gain", {}, {"g"}}}, "g"}), "no cycle");
  CHECK_THROWS_WITH(compile({{{"noise1", "noise", {}, {}}, {"g", "gain", {}, {"noise"}}}, "g"}),
                    "unknown input 'noise'", "did you mean 'noise1'?");
  CHECK_THROWS_WITH(compile({std::vector<synth::NodeSpec>(300), "g"}), "300 nodes", "at most 256");
}

TEST(what_the_output_does_not_need_is_left_out) {
  const auto plan = synth::compile(
      {{{"unused", "reverb", {}, {"n"}}, {"n", "noise", {}, {}}, {"g", "gain", {}, {"n"}}}, "g"});
  CHECK(plan->structure->nodes.size() == 3);
  CHECK(plan->structure->audio.size() == 2);
}

int buffers(const synth::GraphSpec& graph) { return synth::Wiring(*synth::compile(graph)).buffers(); }

TEST(a_chain_of_any_length_shares_its_buffers) {
  synth::GraphSpec graph{{{"n", "noise", {}, {}}}, "g39"};
  std::string before = "n";
  for (int i = 0; i < 40; ++i) {
    const std::string id = std::string("g").append(std::to_string(i));
    graph.nodes.push_back({id, "gain", {{"gain_db", -1.0}}, {before}});
    before = id;
  }
  CHECK(buffers(graph) == 2);
  graph.nodes.push_back({"all", "mix", {}, {"n", "g10", "g39"}});
  graph.output = "all";
  CHECK(buffers(graph) == 4);
}

// Noise, two of the effect one after the other, and something that reads the second.
synth::GraphSpec folding(const synth::NodeType& type) {
  Params params;
  for (const synth::Neutral& at : type.neutral)
    params[type.params[static_cast<std::size_t>(at.param)].name] = static_cast<double>(at.value);
  if (type.name == std::string("compressor")) params["threshold_db"] = -80.0;
  return {{{"n", "noise", {{"gain_db", -50.0}}, {}},
           {"a", type.name, params, {"n"}},
           {"b", type.name, params, {"a"}},
           {"out", "saturate", {}, {"b"}}},
          "out"};
}

TEST(an_effect_that_changes_nothing_is_folded_until_an_event_sets_it) {
  const Audio plain = render(
      synth::compile({{{"n", "noise", {{"gain_db", -50.0}}, {}}, {"out", "saturate", {}, {"n"}}}, "out"}), {},
      8000);
  int kinds = 0;
  for (const synth::NodeType* type : synth::isa().node_types) {
    if (type->neutral.empty()) continue;
    ++kinds;
    synth::GraphSpec graph = folding(*type);
    const auto plan = synth::compile(graph);
    const synth::Wiring wiring(*plan);
    CHECK(!wiring.folded(0) && wiring.folded(1) && wiring.folded(2) && !wiring.folded(3));
    CHECK(wiring.heard(2) == 0);
    const synth::Neutral& neutral = type->neutral[0];
    const synth::ParamSpec& spec = type->params[static_cast<std::size_t>(neutral.param)];
    const double other = static_cast<double>(spec.low == neutral.value ? spec.high : spec.low);
    const Audio set =
        render(plan, {{.frame = 4001, .type = "set", .node = "b", .param = spec.name, .value = other}}, 8000);
    CHECK(std::equal(set.left.begin(), set.left.begin() + 4001, plain.left.begin()));
    CHECK(!std::equal(set.left.begin() + 4300, set.left.end(), plain.left.begin() + 4300));
    graph.nodes.push_back({"lfo", "lfo", {}, {}});
    graph.modulations.push_back({"lfo", "a", spec.name, 0.1});
    const auto moved = synth::compile(graph);
    CHECK(!synth::Wiring(*moved).folded(1) && synth::Wiring(*moved).heard(2) == 1);
    CHECK(render(moved, {}, 8000).left != plain.left);
  }
  CHECK(kinds >= 12);
}

TEST(a_folded_level_continues_as_one_that_always_ran) {
  const std::vector<synth::EventSpec> events = {
      {.frame = 1001, .type = "set", .node = "g", .param = "gain_db", .value = -20.0, .ramp_s = 0.01},
      {.frame = 3000, .type = "set", .node = "g", .param = "gain_db", .value = 0.0}};
  synth::GraphSpec graph{{{"n", "noise", {}, {}},
                          {"m", "noise", {{"color", "pink"}}, {}},
                          {"g", "mix", {}, {"n", "m"}},
                          {"p", "gain", {}, {"g"}},
                          {"both", "mix", {}, {"p", "g", "n"}}},
                         "both"};
  const Audio folded = render(synth::compile(graph), events, 6000);
  graph.nodes.push_back({"lfo", "lfo", {}, {}});
  for (const char* node : {"g", "p", "both"}) graph.modulations.push_back({"lfo", node, "gain_db", 1e-30});
  const auto plan = synth::compile(graph);
  CHECK(!synth::Wiring(*plan).folded(2));
  const Audio ran = render(plan, events, 6000);
  for (std::size_t i = 0; i < 6000; ++i) CHECK_NEAR(folded.left[i], ran.left[i], 1e-6);
}

TEST(a_modulation_by_nothing_is_left_out_with_what_it_needs) {
  synth::GraphSpec graph{{{"p", "noise", {}, {}},
                          {"f", "svf", {}, {"p"}},
                          {"lfo", "lfo", {}, {}},
                          {"slow", "lfo", {{"rate_hz", 0.5}}, {}}},
                         "f"};
  graph.modulations = {{"lfo", "f", "cutoff_hz", 0.0, "octave"}, {"slow", "f", "cutoff_hz", 2.0, "octave"}};
  const auto both = synth::compile(graph);
  CHECK(both->structure->modulations.size() == 1);
  CHECK(both->structure->control.size() == 3);
  synth::GraphSpec one = graph;
  one.modulations = {graph.modulations[1]};
  CHECK(render(both, {}, 4000).left == render(synth::compile(one), {}, 4000).left);
  graph.modulations[0].amount = 1.0;
  CHECK(synth::compile(graph)->structure->modulations.size() == 2);
  CHECK(render(synth::compile(graph), {}, 4000).left != render(both, {}, 4000).left);
}

TEST(no_chain_of_folded_nodes_reaches_infinity) {
  synth::GraphSpec sums{{{"n0", "noise", {}, {}}}, "n200"}, gains = sums;
  std::vector<synth::EventSpec> events;
  for (int i = 1; i <= 200; ++i) {
    const std::string before = std::string("n").append(std::to_string(i - 1));
    const std::string id = std::string("n").append(std::to_string(i));
    sums.nodes.push_back({id, "mix", {}, {before, before}});
    gains.nodes.push_back({id, "gain", {}, {before}});
    events.push_back({.frame = 100, .type = "set", .node = id, .param = "gain_db", .value = 24.0});
  }
  const Audio summed = render(synth::compile(sums), {}, 2000),
              amplified = render(synth::compile(gains), events, 2000);
  for (std::size_t i = 0; i < 2000; ++i) {
    CHECK(std::isfinite(summed.left[i]) && std::abs(summed.left[i]) <= 1e8f);
    CHECK(std::isfinite(amplified.left[i]) && std::abs(amplified.left[i]) <= 1e8f);
  }
}

TEST(other_values_are_no_other_structure) {
  const auto a = plan_of("poly", {{"cutoff_hz", 500.0}}), b = plan_of("poly", {{"cutoff_hz", 600.0}});
  CHECK(a->structure == b->structure);
  CHECK(a->values != b->values);
  CHECK(plan_of("pluck", {})->structure != a->structure);
}

TEST(inputs_are_summed) {
  const auto plan = synth::compile({{{"n", "noise", {}, {}}, {"twice", "mix", {}, {"n", "n"}}}, "twice"});
  const Audio twice = render(plan, {}, 1000),
              once = render(synth::compile({{{"n", "noise", {}, {}}}, "n"}), {}, 1000);
  for (std::size_t i = 0; i < 1000; ++i) CHECK_NEAR(twice.left[i], 2.0f * once.left[i], 1e-6);
}

TEST(every_parameter_works_at_both_ends) {
  for (const synth::NodeType* type : synth::isa().node_types) {
    for (const synth::ParamSpec& spec : type->params) {
      for (const float value : {spec.low, spec.high}) {
        Params params;
        if (spec.choices.empty())
          params[spec.name] = static_cast<double>(value);
        else
          params[spec.name] = spec.choices[static_cast<std::size_t>(value)];
        const auto plan = alone(*type, params);
        std::vector<synth::EventSpec> events;
        if (type->takes_notes)
          for (const double note : {0.0, 60.0, 127.0}) events.push_back(note_on(10, note));
        const Audio audio = render(plan, events, 8000, 8000.0);
        double largest = 0.0;
        for (const float x : audio.left) largest = std::max(largest, static_cast<double>(std::abs(x)));
        if (!(largest < 100.0)) check::fail(type->name, 0, spec.name);  // also when NaN
      }
    }
  }
}
