#include <limits>

#include "allocations.h"
#include "check.h"
#include "sound.h"
#include "synth/isa.h"

using namespace sound;

namespace {

// Everything at once: every type of node, notes, ramps, control nodes that move every node behind them. One
// that listens keeps all nodes at the same block.
std::shared_ptr<const synth::Plan> everything(bool listens = true) {
  synth::GraphSpec graph;
  std::vector<std::string> sources;
  for (const synth::NodeType* type : synth::isa().node_types) {
    if (type->takes_input) continue;
    graph.nodes.push_back({type->name, type->name, {}, {}});
    if (type->role != synth::Role::control) sources.push_back(type->name);
  }
  graph.nodes.push_back({"sum", "mix", {{"gain_db", -12.0}}, sources});
  std::string last = "sum";
  for (const synth::NodeType* type : synth::isa().node_types) {
    if (!type->takes_input || (type->role == synth::Role::control && !listens)) continue;
    const std::string id = std::string("fx_") + type->name;
    graph.nodes.push_back({id, type->name, {}, {last}});
    if (type->takes_sidechain) graph.nodes.back().sidechain = {"noise"};
    if (type->role != synth::Role::control) last = id;
  }
  graph.modulations = {{"lfo", "fx_svf", "cutoff_hz", 2.0, "octave"},
                       {"random", "fx_svf", "cutoff_hz", 500.0},
                       {"curve", "fx_pan", "pan", 1.0},
                       {"lfo", "poly", "cutoff_hz", -1.0, "octave"},
                       {"random", "lfo", "rate_hz", 1.0}};
  if (listens) graph.modulations.push_back({"fx_follower", "fx_delay", "feedback", 0.5});
  graph.output = last;
  return synth::compile(graph);
}

std::vector<synth::EventSpec> some_events() {
  std::vector<synth::EventSpec> events;
  for (int i = 0; i < 40; ++i) {
    for (const char* node : {"poly", "pluck", "bell", "drum"}) {
      const double note = 40.0 + (i * 7) % 40;
      events.push_back(
          {.frame = i * 777, .type = "note_on", .node = node, .note = note, .velocity = 0.7, .param = ""});
      events.push_back({.frame = i * 777 + 500, .type = "note_off", .node = node, .note = note, .param = ""});
    }
  }
  events.push_back(
      {.frame = 5003, .type = "set", .node = "fx_svf", .param = "cutoff_hz", .value = 500.0, .ramp_s = 0.3});
  events.push_back({.frame = 9001, .type = "set", .node = "fx_delay", .param = "time_s", .value = 0.2});
  events.push_back({.frame = 12345, .type = "set", .node = "fx_tremolo", .param = "rate_hz", .value = 9.0});
  events.push_back({.frame = 15001, .type = "set", .node = "fx_reverb", .param = "rt60_s", .value = 0.7});
  return events;
}

bool same(const Audio& a, const Audio& b) { return a.left == b.left && a.right == b.right; }

}  // namespace

TEST(any_split_gives_the_same_samples) {
  constexpr std::size_t kFrames = 40000;
  for (const bool listens : {true, false}) {
    const auto plan = everything(listens);
    const Audio whole = render(plan, some_events(), kFrames);
    CHECK(rms(whole.left, 0, kFrames) > 1e-3);
    for (const std::size_t step : {std::size_t{1}, std::size_t{63}, std::size_t{64}, std::size_t{1000}}) {
      synth::Renderer renderer(plan, 44100.0, 1, 64);
      renderer.schedule(some_events());
      Audio parts{std::vector<float>(kFrames), std::vector<float>(kFrames)};
      for (std::size_t at = 0; at < kFrames; at += step)
        renderer.render(&parts.left[at], &parts.right[at],
                        static_cast<std::int64_t>(std::min(step, kFrames - at)));
      CHECK(same(whole, parts));
    }
  }
}

// Quality that changes on its way, rooms with lines longer and shorter than a window, all block sizes.
// A drum draws noise until it has died away, which no split may move.
TEST(any_split_gives_the_same_hits_of_a_drum) {
  constexpr std::size_t kFrames = 30000;
  for (const char* kind : {"kick", "snare", "hat"}) {
    const auto plan = plan_of("drum", {{"kind", kind}, {"decay_s", 0.1}});
    const auto played = [&](std::size_t step) {
      synth::Renderer renderer(plan, 44100.0, 1, 100);
      renderer.schedule({note_on(50, 60), note_on(17003, 60)});
      Audio out{std::vector<float>(kFrames), std::vector<float>(kFrames)};
      for (std::size_t at = 0; at < kFrames; at += step)
        renderer.render(&out.left[at], &out.right[at],
                        static_cast<std::int64_t>(std::min(step, kFrames - at)));
      return out;
    };
    const Audio whole = played(kFrames);
    for (const std::size_t step : {1, 37, 777}) CHECK(same(whole, played(step)));
  }
}

TEST(any_split_gives_the_same_samples_in_draft_quality_too) {
  constexpr std::size_t kFrames = 20000;
  for (const auto& [waveform, size, rate] :
       {std::tuple{"saw", 0.5, 44100.0}, {"square", 0.0, 16000.0}, {"triangle", 1.0, 8000.0}}) {
    const auto plan = plan_of("poly",
                              {{"quality", "draft"},
                               {"waveform", waveform},
                               {"unison", 3.0},
                               {"sub_level", 0.5},
                               {"osc2_level", 0.5},
                               {"osc2_waveform", "sine"}},
                              "reverb", {{"quality", "draft"}, {"size", size}, {"pre_delay_s", 0.0}});
    std::vector<synth::EventSpec> events = {note_on(0, 57), note_on(777, 64)};
    for (const auto& [frame, quality] : {std::pair{3001, "high"}, {9003, "draft"}})
      for (const char* node : {"a", "fx"})
        events.push_back({.frame = frame, .type = "set", .node = node, .param = "quality", .value = quality});
    for (const int block : {16, 64, 1000}) {
      const auto played = [&](std::size_t step) {
        synth::Renderer renderer(plan, rate, 1, block);
        renderer.schedule(events);
        Audio out{std::vector<float>(kFrames), std::vector<float>(kFrames)};
        for (std::size_t at = 0; at < kFrames; at += step)
          renderer.render(&out.left[at], &out.right[at],
                          static_cast<std::int64_t>(std::min(step, kFrames - at)));
        return out;
      };
      const Audio whole = played(kFrames);
      CHECK(rms(whole.left, 15000, kFrames) > 0.01);
      for (const std::size_t step : {1, 63, 777}) CHECK(same(whole, played(step)));
    }
  }
}

TEST(a_seed_gives_the_same_samples_and_another_seed_others) {
  const auto plan = everything();
  synth::Renderer first(plan, 44100.0, 1, 64), again(plan, 44100.0, 1, 64), other(plan, 44100.0, 2, 64);
  const Audio a = render(first, 5000), b = render(again, 5000), c = render(other, 5000);
  CHECK(same(a, b));
  CHECK(!same(a, c));
  first.reset();
  CHECK(same(a, render(first, 5000)));
}

TEST(the_counter_of_forbidden_calls_counts) {
  const long before = check::forbidden_calls();
  void* volatile block = ::operator new(8);  // a call, which may not be optimised away
  ::operator delete(block);
  CHECK(check::forbidden_calls() == before + 1);
}

TEST(rendering_allocates_and_locks_nothing) {
  synth::Renderer renderer(everything(), 44100.0, 1, 64);
  renderer.schedule(some_events());
  std::vector<float> left(40000), right(40000);
  renderer.swap(everything(), 0.3);
  const long before = check::forbidden_calls();
  renderer.render(left.data(), right.data(), 40000);
  CHECK(check::forbidden_calls() == before);
}

TEST(events_are_sample_accurate) {
  const Params click = {{"waveform", "sine"}, {"attack_s", 0.0005}, {"cutoff_hz", 20000.0}};
  for (const std::int64_t frame : {0, 1, 63, 64, 65, 1001}) {
    const Audio audio = render(plan_of("poly", click), {note_on(frame, 69)}, 4000);
    const Audio first = render(plan_of("poly", click), {note_on(0, 69)}, 100);
    const auto at = static_cast<std::size_t>(frame);
    for (std::size_t i = 0; i < at; ++i) CHECK(audio.left[i] == 0.0f);
    CHECK(audio.left[at + 1] != 0.0f);
    CHECK_NEAR(audio.left[at + 5], first.left[5], 1e-4);
  }
}

TEST(an_event_in_the_past_takes_place_at_once) {
  synth::Renderer renderer(plan_of("poly", {{"attack_s", 0.001}}), 44100.0, 1, 64);
  const Audio before = render(renderer, 1000);
  CHECK_NEAR(rms(before.left, 0, 1000), 0.0, 0.0);
  renderer.schedule({note_on(10, 69)});
  const Audio after = render(renderer, 1000);
  CHECK(rms(after.left, 0, 200) > 0.01);
}

TEST(wrong_events_are_named) {
  synth::Renderer renderer(plan_of("poly", {}), 44100.0, 1, 64);
  CHECK_THROWS_WITH((renderer.schedule({note_on(5, 200)}), 0), "frame 5", "node 'a' (poly)", "note = 200",
                    "0 to 127");
  CHECK_THROWS_WITH(
      (renderer.schedule({{.frame = 0, .type = "set", .node = "a", .param = "cutof_hz", .value = 1.0}}), 0),
      "did you mean 'cutoff_hz'?");
  CHECK_THROWS_WITH((renderer.schedule({{.frame = 0, .type = "note", .node = "a", .param = ""}}), 0),
                    "unknown type 'note'");
  CHECK_THROWS_WITH((renderer.schedule({{.frame = 0, .type = "note_on", .node = "b", .param = ""}}), 0),
                    "unknown node 'b'");
  CHECK_THROWS_WITH(synth::Renderer(plan_of("poly", {}), 1000.0, 1, 64), "sample_rate_hz = 1000 Hz",
                    "8000 to 384000 Hz");
  CHECK_THROWS_WITH(synth::Renderer(plan_of("poly", {}), 44100.0, 1, 8), "block = 8");
}

TEST(an_effect_that_is_not_heard_sleeps_until_an_event_sets_its_mix) {
  const Audio dry = render(plan_of("noise", {}), {}, 8000);
  const auto plan = plan_of("noise", {}, "delay", {{"mix", 0.0}, {"time_s", 0.01}});
  const Audio wet =
      render(plan, {{.frame = 4001, .type = "set", .node = "fx", .param = "mix", .value = 1.0}}, 8000);
  const auto begin = [](const Audio& audio, std::ptrdiff_t frame) { return audio.left.begin() + frame; };
  CHECK(std::equal(begin(wet, 0), begin(wet, 4001), begin(dry, 0)));
  CHECK(!std::equal(begin(wet, 4300), begin(wet, 8000), begin(dry, 4300)));
}

TEST(a_parameter_ramps_in_its_time) {
  const auto plan = plan_of("noise", {{"gain_db", 0.0}}, "gain", {});
  const Audio audio = render(
      plan, {{.frame = 0, .type = "set", .node = "fx", .param = "gain_db", .value = -40.0, .ramp_s = 1.0}},
      66150);
  const double start = rms(audio.left, 0, 1000);
  CHECK_NEAR(decibel(rms(audio.left, 21550, 22550) / start), -20.0, 0.7);
  CHECK_NEAR(decibel(rms(audio.left, 45000, 66000) / start), -40.0, 0.7);
}

// The largest second difference of low sines is tiny; a click would stand far above it.
TEST(notes_start_stop_and_are_stolen_without_clicks) {
  const Params soft = {
      {"waveform", "sine"}, {"voices", 2.0}, {"attack_s", 0.01}, {"release_s", 0.05}, {"cutoff_hz", 20000.0}};
  std::vector<synth::EventSpec> events;
  for (int i = 0; i < 12; ++i) events.push_back(note_on(3000 + i * 1501, 40 + i % 5));  // steals all the time
  for (int i = 0; i < 5; ++i) events.push_back(note_off(25000 + i * 100, 40 + i));
  const Audio audio = render(plan_of("poly", soft), events, 44100);
  CHECK(rms(audio.left, 5000, 20000) > 0.1);
  CHECK(largest_second_difference(audio.left, 0, 44100) < 0.003);
}

TEST(a_swap_fades_without_a_click_and_keeps_held_notes) {
  const Params tone = {{"waveform", "sine"}, {"cutoff_hz", 20000.0}, {"attack_s", 0.01}, {"sustain", 1.0}};
  Params quiet = tone;
  quiet["gain_db"] = -6.0;
  synth::Renderer renderer(plan_of("poly", tone), 44100.0, 1, 64);
  renderer.schedule({note_on(0, 45), note_off(60000, 45)});
  Audio audio = render(renderer, 20000);
  const double before = rms(audio.left, 10000, 20000);
  renderer.swap(plan_of("poly", quiet), 0.1);
  const Audio after = render(renderer, 50000);
  audio.left.insert(audio.left.end(), after.left.begin(), after.left.end());
  CHECK(largest_second_difference(audio.left, 5000, 59000) < 0.002);
  CHECK_NEAR(decibel(rms(audio.left, 40000, 50000) / before), -6.02, 0.05);
  CHECK(rms(audio.left, 68000, 70000) < 0.1 * before);  // the scheduled note_off went over as well
}

TEST(swaps_during_a_fade_stay_free_of_clicks) {
  const Params tone = {{"waveform", "sine"}, {"cutoff_hz", 20000.0}, {"sustain", 1.0}};
  synth::Renderer renderer(plan_of("poly", tone), 44100.0, 1, 64);
  renderer.schedule({note_on(0, 45)});
  std::vector<float> all;
  for (int i = 0; i < 10; ++i) {
    const Audio part = render(renderer, 1000);
    all.insert(all.end(), part.left.begin(), part.left.end());
    renderer.swap(plan_of("poly", tone), 0.05);
  }
  CHECK(largest_second_difference(all, 0, all.size()) < 0.004);
}

TEST(tails_end_in_exact_silence_not_in_denormals) {
  const auto plan = plan_of("drum", {}, "reverb", {{"rt60_s", 0.2}});
  const Audio audio = render(plan, {note_on(0, 60)}, 44100 * 10);
  for (std::size_t i = 44100 * 9; i < 44100 * 10; ++i)
    CHECK(audio.left[i] == 0.0f || std::abs(audio.left[i]) >= std::numeric_limits<float>::min());
}
