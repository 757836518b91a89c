// What a player would notice of the instruments that share dsp/instrument.h and dsp/modal.h.
#include "check.h"
#include "sound.h"
#include "synth/isa.h"

using namespace sound;

namespace {

double note_of(double hz) { return 69.0 + 12.0 * std::log2(hz / 440.0); }

Params with(Params base, const Params& more) {
  for (const auto& [name, value] : more) base[name] = value;
  return base;
}

// A steady voice without a filter in the way.
const Params kSteady = {{"sustain", 1.0}, {"cutoff_hz", 20000.0}, {"attack_s", 0.005}};

// Everything off the harmonics of `hz` against the harmonics, in dB.
double alias_db(const std::vector<float>& x, std::size_t start, double hz) {
  constexpr std::size_t kSize = 65536;
  const std::vector<double> power = power_spectrum(&x[start], kSize);
  const double bin = hz / 44100.0 * static_cast<double>(kSize);
  double harmonic = 0.0, alias = 0.0;
  for (std::size_t k = 8; k < power.size(); ++k) {
    const double place = static_cast<double>(k) / bin;
    (std::abs(place - std::round(place)) * bin < 5.0 ? harmonic : alias) += power[k];
  }
  return 10.0 * std::log10(alias / harmonic);
}

double level_at(const std::vector<float>& x, std::size_t start, double hz) {
  constexpr std::size_t kSize = 32768;
  const std::vector<double> power = power_spectrum(&x[start], kSize);
  const auto k = static_cast<std::size_t>(hz / 44100.0 * static_cast<double>(kSize) + 0.5);
  double sum = 0.0;
  for (std::size_t i = k - 6; i <= k + 6; ++i) sum += power[i];
  return 10.0 * std::log10(sum);
}

void at_most(double got, double limit) { CHECK_NEAR(std::max(got, limit), limit, 0.0); }

std::vector<float> held(const char* type, const Params& params, double hz, std::size_t frames = 80000) {
  return render(plan_of(type, params), {note_on(0, note_of(hz))}, frames).left;
}

}  // namespace

TEST(wavetables_do_not_alias) {
  for (const char* table : {"organ", "vowel", "brass", "reed", "glass", "pulse", "sweep", "harmonics"})
    for (const double hz : {443.0, 1661.0, 3727.0})
      at_most(alias_db(held("wavetable", with(kSteady, {{"table", table}, {"position", 0.6}}), hz), 8000, hz),
              -80.0);
}

TEST(frequency_modulation_does_not_fold) {
  for (const double hz : {443.0, 1661.0, 3727.0}) {
    const Params bright = with(kSteady, {{"index", 8.0}, {"index_sustain", 1.0}, {"ratio", 2.0}});
    at_most(alias_db(held("fm", bright, hz), 8000, hz), -85.0);
  }
}

TEST(an_fm_pair_has_the_sidebands_of_bessel) {
  const Params pair = with(kSteady, {{"index", 2.0}, {"index_sustain", 1.0}, {"ratio", 0.25}});
  const std::vector<float> x = held("fm", pair, 880.0);
  const double carrier = level_at(x, 8000, 880.0);
  CHECK_NEAR(level_at(x, 8000, 1100.0) - carrier, decibel(0.5767 / 0.2239), 0.1);  // J1(2) / J0(2)
  CHECK_NEAR(level_at(x, 8000, 1320.0) - carrier, decibel(0.3528 / 0.2239), 0.1);  // J2(2) / J0(2)
}

TEST(the_author_draws_harmonics) {
  Params drawn = with(kSteady, {{"table", "harmonics"}});
  for (int n = 1; n <= 16; ++n) drawn["harmonic_" + std::to_string(n)] = 0.0;
  drawn["harmonic_1"] = 1.0;
  drawn["harmonic_5"] = 0.5;
  const std::vector<float> x = held("wavetable", drawn, 300.0);
  CHECK_NEAR(level_at(x, 8000, 1500.0) - level_at(x, 8000, 300.0), decibel(0.5), 0.1);
  at_most(level_at(x, 8000, 600.0) - level_at(x, 8000, 300.0), -90.0);
}

TEST(all_instruments_are_in_tune) {
  for (const char* type : {"poly", "wavetable", "fm", "piano", "bell", "pluck"})
    for (const double hz : {110.0, 440.0, 1760.0}) {
      Params params = std::string(type) == "poly" ? Params{{"waveform", "sine"}} : Params{};
      if (std::string(type) == "piano") params = {{"stretch", 0.0}, {"detune_cents", 0.0}};
      if (std::string(type) == "pluck") params = {{"decay_s", 20.0}};
      const std::vector<float> x = held(type, params, hz, 40000);
      CHECK_NEAR(1200.0 * std::log2(frequency_near(x, 12000, hz, 44100.0) / hz), 0.0, 0.5);
    }
}

TEST(a_second_and_a_sub_oscillator_sound_where_they_should) {
  const Params three = with(kSteady, {{"waveform", "sine"},
                                      {"osc2_waveform", "sine"},
                                      {"osc2_semitones", 5.0},
                                      {"osc2_level", 0.5},
                                      {"sub_level", 0.25}});
  const std::vector<float> x = held("poly", three, 440.0);
  const double first = level_at(x, 8000, 440.0);
  CHECK_NEAR(level_at(x, 8000, 440.0 * std::exp2(5.0 / 12.0)) - first, decibel(0.5), 0.1);
  CHECK_NEAR(level_at(x, 8000, 220.0) - first, decibel(0.25 * 4.0 / std::numbers::pi), 0.1);
}

TEST(a_voice_sounds_the_same_alone_and_in_a_crowd) {
  const Params quiet = with(kSteady, {{"waveform", "saw"}, {"voices", 32.0}, {"cutoff_hz", 2000.0}});
  std::vector<float> sum(20000);
  std::vector<synth::EventSpec> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(note_on(0, 40 + 2 * i));
    const Audio one = render(plan_of("poly", quiet), {note_on(0, 40 + 2 * i)}, sum.size());
    for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += one.left[k];
  }
  const Audio crowd = render(plan_of("poly", quiet), all, sum.size());
  for (std::size_t k = 0; k < sum.size(); ++k) CHECK_NEAR(crowd.left[k], sum[k], 2e-5);
}

TEST(a_voice_filter_follows_the_analytic_response) {
  for (const double hz : {300.0, 1000.0, 3000.0, 9000.0}) {
    const double w =
        std::tan(std::numbers::pi * hz / 44100.0) / std::tan(std::numbers::pi * 1000.0 / 44100.0);
    const double q = 0.70710678 * std::pow(16.97, 0.5), below = std::hypot(1.0 - w * w, w / q);
    const double want[] = {1.0 / below, w * w / below, w / q / below, std::abs(1.0 - w * w) / below};
    const char* kinds[] = {"lowpass", "highpass", "bandpass", "notch"};
    const Params open = with(kSteady, {{"waveform", "sine"}});
    // 20 kHz is not infinity: the open voice has a response of its own, which is divided out.
    const double w0 =
        std::tan(std::numbers::pi * hz / 44100.0) / std::tan(std::numbers::pi * 20000.0 / 44100.0);
    const double unfiltered = 1.0 / std::hypot(1.0 - w0 * w0, w0 * std::sqrt(2.0));
    for (std::size_t kind = 0; kind < 4; ++kind) {
      if (want[kind] < 0.01) continue;
      const Params closed = with(open, {{"filter", kinds[kind]}, {"cutoff_hz", 1000.0}, {"resonance", 0.5}});
      const double got =
          rms(held("poly", closed, hz), 30000, 80000) / rms(held("poly", open, hz), 30000, 80000);
      CHECK_NEAR(decibel(got * unfiltered), decibel(want[kind]), 0.1);
    }
  }
}

TEST(the_ladder_falls_by_24_db_and_sings_at_full_resonance) {
  const Params ladder = with(kSteady, {{"waveform", "sine"}, {"filter", "ladder"}, {"cutoff_hz", 500.0}});
  const auto level = [&](double hz) { return decibel(rms(held("poly", ladder, hz), 30000, 80000)); };
  CHECK_NEAR(level(4000.0) - level(2000.0), -24.0, 1.5);
  Params sings =
      with(ladder, {{"resonance", 1.0}, {"osc1_level", 0.0}, {"noise_level", 0.001}, {"cutoff_hz", 1000.0}});
  const std::vector<float> x = held("poly", sings, 60.0);
  CHECK(rms(x, 40000, 80000) > 0.03);
  CHECK_NEAR(frequency_near(x, 40000, 1000.0, 44100.0), 1000.0, 20.0);
  for (const float v : x) CHECK(std::abs(v) < 1.0f);
}

TEST(modulation_moves_what_it_says) {
  const Params sine = with(kSteady, {{"waveform", "sine"}});
  const auto slot = [&](const char* source, const char* target, double amount, Params more = {}) {
    return with(with(sine, {{"mod1_source", source}, {"mod1_target", target}, {"mod1_amount", amount}}),
                more);
  };
  // A square LFO on the level: half the time silence.
  const auto tremolo =
      held("poly", slot("lfo1", "level", 1.0, {{"lfo1_shape", "square"}, {"lfo1_hz", 2.0}}), 440.0);
  CHECK(rms(tremolo, 15000, 20000) < 1e-4 * rms(tremolo, 3000, 8000));
  // The second envelope on the pitch: an octave above at its top.
  const auto bent =
      held("poly", slot("mod_env", "pitch", 1.0, {{"mod_attack_s", 0.01}, {"mod_sustain", 1.0}}), 440.0);
  CHECK_NEAR(frequency_near(bent, 40000, 880.0, 44100.0), 880.0, 0.1);
  // Velocity on the cutoff: brighter when louder.
  const Params touch = slot("velocity", "cutoff", 0.5, {{"waveform", "saw"}, {"cutoff_hz", 300.0}});
  const auto tilt = [&](double velocity) {
    const Audio a = render(plan_of("poly", touch), {note_on(0, 57, velocity)}, 60000);
    return level_at(a.left, 8000, 2200.0) - level_at(a.left, 8000, 220.0);
  };
  CHECK(tilt(1.0) > tilt(0.2) + 20.0);
}

TEST(a_glide_starts_at_the_last_note_and_arrives) {
  const Params slide = with(kSteady, {{"waveform", "sine"}, {"voices", 1.0}, {"glide_s", 0.5}});
  const Audio a = render(plan_of("poly", slide), {note_on(0, 57), note_on(30000, 69)}, 100000);
  CHECK_NEAR(frequency_near(a.left, 20000, 220.0, 44100.0), 220.0, 0.1);
  CHECK_NEAR(frequency_near(a.left, 70000, 440.0, 44100.0), 440.0, 1.0);
}

TEST(a_hard_blow_is_brighter_than_a_soft_one) {
  const auto tilt = [](double velocity, double hardness) {
    const auto plan = plan_of("piano", {{"hardness", hardness}, {"stretch", 0.0}});
    const Audio a = render(plan, {note_on(0, note_of(220.0), velocity)}, 40000);
    return level_at(a.left, 500, 220.0 * 6.0) - level_at(a.left, 500, 220.0);
  };
  CHECK(tilt(1.0, 0.5) > tilt(0.3, 0.5) + 3.0);
  CHECK(tilt(0.7, 0.9) > tilt(0.7, 0.1) + 3.0);
}

TEST(a_damper_ends_a_string_and_a_bell_rings_on) {
  for (const auto& [type, quiet] : {std::pair{"piano", true}, std::pair{"bell", false}}) {
    const Audio a = render(plan_of(type, {}), {note_on(0, 60), note_off(20000, 60)}, 60000);
    const double change = decibel(rms(a.left, 50000, 60000) / rms(a.left, 10000, 20000));
    CHECK((change < -60.0) == quiet);
  }
}

// Voices at rest are left alone; what an event sets must still arrive, and go no further.
TEST(a_parameter_set_under_a_held_note_arrives_and_stays) {
  const std::vector<std::pair<const char*, std::map<std::string, double>>> cases = {
      {"poly", {{"osc2_level", 0.4}, {"sub_level", 0.3}, {"pulse_width", 0.2}, {"cutoff_hz", 900.0}}},
      {"fm", {{"pair2_level", 0.5}, {"index", 1.0}}},
      {"wavetable", {{"position", 0.7}}}};
  for (const auto& [type, settings] : cases) {
    const Params start = std::string(type) == "poly" ? with(kSteady, {{"waveform", "square"}}) : kSteady;
    Params there = start;
    std::vector<synth::EventSpec> events = {note_on(0, 57)};
    for (const auto& [name, value] : settings) {
      there[name] = value;
      events.push_back({.frame = 60000, .type = "set", .node = "a", .param = name, .value = value});
    }
    const Audio moved = render(plan_of(type, start), events, 160000);
    const Audio always = render(plan_of(type, there), {note_on(0, 57)}, 160000);
    const double apart = decibel(rms(moved.left, 110000, 160000) / rms(always.left, 110000, 160000));
    CHECK_NEAR(apart, 0.0, 0.05);
  }
}

// Clicks are broad; what rings, strikes or is stolen here is low and soft, so a click would stand above it.
TEST(every_instrument_is_stolen_and_struck_again_without_clicks) {
  const std::map<std::string, Params> soft = {
      {"poly", {{"waveform", "sine"}, {"attack_s", 0.01}}},
      {"wavetable",
       {{"table", "harmonics"},
        {"harmonic_2", 0.0},
        {"harmonic_3", 0.0},
        {"harmonic_4", 0.0},
        {"attack_s", 0.01}}},
      {"fm", {{"index", 0.5}, {"attack_s", 0.01}}},
      {"bell", {{"brightness", 0.0}, {"hardness", 0.0}, {"inharmonicity", 0.0}}},
      {"piano", {{"brightness", 0.0}, {"hardness", 0.0}}}};
  for (const auto& [type, params] : soft) {
    std::vector<synth::EventSpec> events;
    for (int i = 0; i < 24; ++i) events.push_back(note_on(3000 + i * 1501, 40 + (i / 2) % 5));
    for (int i = 0; i < 5; ++i) events.push_back(note_off(40000 + i * 100, 40 + i));
    const Audio audio = render(plan_of(type, with(params, {{"voices", 2.0}})), events, 60000);
    CHECK(rms(audio.left, 5000, 35000) > 0.01);
    CHECK(largest_second_difference(audio.left, 0, 60000) < 0.001);  // -60 dBFS
  }
}

TEST(instruments_split_anywhere_give_the_same_samples) {
  for (const synth::NodeType* type : synth::isa().node_types) {
    if (!type->takes_notes || type->role == synth::Role::control) continue;
    Params params;
    if (std::string(type->name) == "poly")
      params = {{"osc2_level", 0.3}, {"sub_level", 0.2}, {"drift_cents", 5.0}};
    std::vector<synth::EventSpec> events;
    for (int i = 0; i < 30; ++i) {
      events.push_back(note_on(i * 331, 40 + (i * 7) % 30, 0.7));
      if (i % 3 != 0) events.push_back(note_off(i * 331 + 500, 40 + (i * 7) % 30));
    }
    events.push_back(
        {.frame = 5001, .type = "set", .node = "a", .param = "gain_db", .value = -6.0, .ramp_s = 0.02});
    const auto plan = plan_of(type->name, params);
    const Audio whole = render(plan, events, 12000);
    CHECK(rms(whole.left, 0, 12000) > 1e-3);
    synth::Renderer renderer(plan, 44100.0, 1, 64);
    renderer.schedule(events);
    Audio parts{std::vector<float>(12000), std::vector<float>(12000)};
    std::size_t at = 0;
    for (std::size_t step = 1; at < 12000; at += step, step = 1 + (step * 7 + 3) % 90) {
      const std::size_t n = std::min(step, std::size_t{12000} - at);
      renderer.render(&parts.left[at], &parts.right[at], static_cast<std::int64_t>(n));
      step = n;
    }
    CHECK(whole.left == parts.left && whole.right == parts.right);
  }
}

TEST(extreme_parameters_stay_bounded) {
  for (const synth::NodeType* type : synth::isa().node_types) {
    if (!type->takes_notes || type->role == synth::Role::control) continue;
    for (int corner = 0; corner < 2; ++corner) {
      Params params;
      for (const synth::ParamSpec& spec : type->params)
        if (spec.choices.empty() && std::string(spec.name) != "gain_db")
          params[spec.name] = static_cast<double>(corner == 0 ? spec.low : spec.high);
      for (int word = 0; word < 6; ++word) {
        for (const synth::ParamSpec& spec : type->params)
          if (!spec.choices.empty())
            params[spec.name] =
                std::string(spec.choices[static_cast<std::size_t>(word) % spec.choices.size()]);
        const Audio a = render(plan_of(type->name, params),
                               {note_on(0, 0), note_on(5, 127), note_on(10, 64), note_off(3000, 64)}, 6000);
        for (const float x : a.left) CHECK(std::abs(x) < 64.0f);
      }
    }
  }
}

TEST(a_sine_through_a_voice_is_clean) {
  const double hz = 1481.0 * 44100.0 / 65536.0;  // on a bin, so that the window leaks nothing
  // At less than its full level the sine takes the other way, through the tracks.
  for (const double level : {1.0, 0.5}) {
    const std::vector<float> x =
        held("poly", with(kSteady, {{"waveform", "sine"}, {"osc1_level", level}}), hz);
    at_most(alias_db(x, 12000, hz), -120.0);
    for (const double harmonic : {2.0, 3.0, 4.0, 5.0})
      at_most(level_at(x, 12000, harmonic * hz) - level_at(x, 12000, hz), -125.0);
  }
}
