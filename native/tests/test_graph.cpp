#include "check.h"
#include "sound.h"
#include "synth/isa.h"

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

TEST(a_chain_of_any_length_shares_its_buffers) {
  synth::GraphSpec graph{{{"n", "noise", {}, {}}}, "g39"};
  std::string before = "n";
  for (int i = 0; i < 40; ++i) {
    const std::string id = std::string("g").append(std::to_string(i));
    graph.nodes.push_back({id, "gain", {}, {before}});
    before = id;
  }
  CHECK(synth::compile(graph)->structure->buffers == 2);
  graph.nodes.push_back({"all", "mix", {}, {"n", "g10", "g39"}});
  graph.output = "all";
  CHECK(synth::compile(graph)->structure->buffers == 4);
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
