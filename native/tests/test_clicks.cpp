// What begins, ends, is stolen, set or swapped while it sounds: nothing broad stands out at that moment.
#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

constexpr std::size_t kAt = 20011, kFrames = 40000;

// A low sine whose own sound ends far below 2 kHz.
Params low(const Params& more) {
  Params params = {{"waveform", "sine"}, {"sustain", 1.0}, {"cutoff_hz", 20000.0}, {"attack_s", 0.01}};
  for (const auto& [name, value] : more) params[name] = value;
  return params;
}

synth::EventSpec set(const char* param, const synth::Value& value) {
  return {.frame = kAt, .type = "set", .node = "a", .param = param, .value = value};
}

Audio played(const std::shared_ptr<const synth::Plan>& plan, const std::vector<synth::EventSpec>& events,
             int block) {
  synth::Renderer renderer(plan, 44100.0, 1, block);
  renderer.schedule(events);
  return render(renderer, kFrames);
}

void clean(const std::string& what, const Audio& audio, std::size_t at = kAt) {
  const double db = broad_db(audio, at);
  if (!(db < -60.0)) std::printf("%s: %.1f dB\n", what.c_str(), db);
  CHECK(db < -60.0);
}

void clean_at_any_block(const std::string& what, const std::string& type, const Params& params,
                        const std::vector<synth::EventSpec>& events) {
  for (const int block : {16, 64, 1000}) clean(what, played(plan_of(type, params), events, block));
}

}  // namespace

TEST(a_note_begins_and_ends_without_a_click_however_short_its_times) {
  for (const double s : {0.0005, 0.002, 0.01}) {
    clean_at_any_block("attack " + std::to_string(s), "poly", low({{"attack_s", s}}), {note_on(kAt, 57)});
    clean_at_any_block("short " + std::to_string(s), "poly",
                       low({{"attack_s", 0.0005}, {"decay_s", 2.0 * s}, {"sustain", 0.0}}),
                       {note_on(kAt, 57)});
    clean_at_any_block("release " + std::to_string(s), "poly", low({{"release_s", std::max(s, 0.002)}}),
                       {note_on(0, 57), note_off(kAt, 57)});
    clean_at_any_block("off in the attack", "poly", low({{"attack_s", s}, {"release_s", 0.002}}),
                       {note_on(kAt - 90, 57), note_off(kAt, 57)});
  }
}

TEST(a_short_attack_is_still_a_blow) {
  for (const double rate : {44100.0, 96000.0}) {
    const Audio a =
        render(plan_of("poly", low({{"attack_s", 0.0005}, {"osc1_level", 0.0}, {"noise_level", 1.0}})),
               {note_on(0, 57)}, 4096, rate);
    const std::size_t ms = static_cast<std::size_t>(rate / 1000.0);
    const double full = rms(a.left, 5 * ms, 40 * ms);
    CHECK(rms(a.left, 0, ms) < 0.2 * full);
    CHECK(rms(a.left, 3 * ms, 4 * ms) > 0.8 * full);
  }
}

TEST(one_voice_goes_from_note_to_note_without_a_click) {
  for (const char* type : {"poly", "fm", "wavetable"}) {
    Params params = low({});
    if (std::string(type) == "fm") params = {{"index", 0.3}, {"index_sustain", 1.0}, {"sustain", 1.0}};
    if (std::string(type) == "wavetable")
      params = {{"table", "harmonics"}, {"harmonic_2", 0.0}, {"harmonic_3", 0.0}, {"harmonic_4", 0.0}};
    for (const double glide_s : {0.0, 0.05}) {
      params["voices"] = 1.0, params["glide_s"] = glide_s;
      for (const double note : {45.0, 57.0, 60.0})
        clean_at_any_block(std::string(type) + " to " + std::to_string(note), type, params,
                           {note_on(0, 57), note_on(kAt, note, 0.3)});
    }
  }
}

TEST(a_chord_takes_the_voices_of_a_chord_without_a_click) {
  std::vector<synth::EventSpec> events;
  for (int i = 0; i < 12; ++i) events.push_back(note_on(i, 45 + i, 0.5));
  for (int i = 0; i < 12; ++i) events.push_back(note_on(kAt, 40 + i, 0.8));
  clean_at_any_block("a chord", "poly", low({{"voices", 12.0}}), events);
  // The last of several at one frame is what is heard; the sound before still fades.
  events = {note_on(0, 57)};
  for (int i = 0; i < 50; ++i) events.push_back(note_on(kAt, 40 + i % 20, 0.5));
  for (const double voices : {1.0, 3.0})
    clean_at_any_block("at once", "poly", low({{"voices", voices}}), events);
}

TEST(words_and_numbers_that_an_event_sets_under_a_note_do_not_click) {
  const std::vector<std::pair<const char*, synth::Value>> moves = {
      {"filter", "highpass"}, {"filter", "notch"},  {"filter", "ladder"}, {"filter", "bandpass"},
      {"gain_db", -60.0},     {"gain_db", 6.0},     {"osc1_level", 0.0},  {"osc1_level", 0.5},
      {"unison", 3.0},        {"cutoff_hz", 100.0}, {"quality", "draft"}, {"osc2_semitones", 7.0}};
  const Params two = low({{"osc2_waveform", "sine"}, {"osc2_level", 0.5}, {"detune_cents", 1.0}});
  for (const auto& [param, value] : moves)
    clean_at_any_block(param, "poly", two, {note_on(0, 57), set(param, value)});
  // Several at one frame are one change.
  clean_at_any_block("several", "poly", two,
                     {note_on(0, 57), set("filter", "highpass"), set("gain_db", -20.0), set("unison", 2.0)});
  // A triangle reaches above 2 kHz itself: beside how it goes on, nothing stands out.
  const Audio audio = played(plan_of("poly", low({})), {note_on(0, 57), set("waveform", "triangle")}, 64);
  CHECK(broad_db(audio, kAt) < broad_db(audio, kAt + 5000) + 0.5);
  clean_at_any_block("ratio", "fm", {{"index", 0.2}, {"sustain", 1.0}}, {note_on(0, 57), set("ratio", 0.5)});
  clean_at_any_block("harmonics", "wavetable",
                     {{"table", "harmonics"}, {"harmonic_3", 0.0}, {"harmonic_4", 0.0}},
                     {note_on(0, 57), set("harmonic_1", 0.1)});
}

TEST(a_parameter_set_under_a_note_ends_as_if_it_had_always_been_so) {
  for (const char* filter : {"highpass", "ladder", "lowpass"}) {
    const Params there = low({{"filter", filter}, {"cutoff_hz", 300.0}});
    const Audio moved = played(plan_of("poly", low({})),
                               {note_on(0, 57), set("filter", filter), set("cutoff_hz", 300.0)}, 64);
    const Audio always = played(plan_of("poly", there), {note_on(0, 57)}, 64);
    CHECK_NEAR(decibel(rms(moved.left, 30000, 40000) / rms(always.left, 30000, 40000)), 0.0, 0.01);
  }
}

TEST(a_swap_does_not_click_however_short_its_fade) {
  for (const double fade_s : {0.0, 0.001, 0.005, 0.02}) {
    synth::Renderer renderer(plan_of("poly", low({})), 44100.0, 1, 64);
    renderer.schedule({note_on(0, 57)});
    Audio audio = render(renderer, kAt);
    renderer.swap(plan_of("poly", low({{"gain_db", -12.0}})), fade_s);
    const Audio after = render(renderer, kFrames - kAt);
    audio.left.insert(audio.left.end(), after.left.begin(), after.left.end());
    audio.right.insert(audio.right.end(), after.right.begin(), after.right.end());
    clean("swap " + std::to_string(fade_s), audio);
  }
}
