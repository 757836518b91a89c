#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

double power_between(const std::vector<double>& power, double low_hz, double high_hz, double rate) {
  const double bin = rate / (2.0 * static_cast<double>(power.size()));
  double sum = 0.0;
  for (std::size_t k = 1; k < power.size(); ++k) {
    const double hz = bin * static_cast<double>(k);
    if (hz >= low_hz && hz < high_hz) sum += power[k];
  }
  return sum;
}

// Share of the power between two frequencies over 16 windows.
double share(const std::vector<float>& x, double low_hz, double high_hz) {
  double part = 0.0, all = 0.0;
  for (std::size_t i = 0; i < 16; ++i) {
    const std::vector<double> power = power_spectrum(&x[i * 8192], 8192);
    part += power_between(power, low_hz, high_hz, 44100.0);
    all += power_between(power, 0.0, 22050.0, 44100.0);
  }
  return part / all;
}

double mean(const std::vector<float>& x) {
  double sum = 0.0;
  for (const float v : x) sum += static_cast<double>(v);
  return sum / static_cast<double>(x.size());
}

}  // namespace

TEST(noise_has_its_colour) {
  const auto slope = [](const char* color) {  // dB from 500..1000 to 4000..8000 Hz, density
    const Audio a = render(plan_of("noise", {{"color", color}}), {}, 140000);
    return 10.0 * std::log10(share(a.left, 4000, 8000) / share(a.left, 500, 1000) / 8.0);
  };
  CHECK_NEAR(slope("white"), 0.0, 0.6);
  CHECK_NEAR(slope("pink"), -9.0, 0.8);
  CHECK_NEAR(slope("brown"), -18.0, 1.5);
}

TEST(noise_width_goes_from_mono_to_independent) {
  const auto correlation = [](double width) {
    const Audio a = render(plan_of("noise", {{"width", width}, {"gain_db", 0.0}}), {}, 88200);
    double sum = 0.0;
    for (std::size_t i = 0; i < a.left.size(); ++i)
      sum += static_cast<double>(a.left[i]) * static_cast<double>(a.right[i]);
    return sum / static_cast<double>(a.left.size()) / (rms(a.left, 0, 88200) * rms(a.right, 0, 88200));
  };
  CHECK_NEAR(correlation(0.0), 1.0, 1e-4);
  CHECK_NEAR(correlation(1.0), 0.0, 0.02);
}

TEST(rain_is_bright_steady_and_has_drops) {
  const Audio rain = render(plan_of("rain", {}), {}, 44100 * 4);
  CHECK(share(rain.left, 2000, 22050) > 0.5);
  const double level = rms(rain.left, 0, 44100 * 4);
  for (std::size_t s = 0; s < 4; ++s)
    CHECK_NEAR(decibel(rms(rain.left, s * 44100, (s + 1) * 44100) / level), 0.0, 3.0);
  // Drops alone are sparse: a high crest factor.
  const Audio drops = render(plan_of("rain", {{"body", 0.0}, {"density_hz", 20.0}}), {}, 44100 * 4);
  double top = 0.0;
  for (const float x : drops.left) top = std::max(top, static_cast<double>(std::abs(x)));
  CHECK(top > 8.0 * rms(drops.left, 0, 44100 * 4));
}

TEST(rain_has_its_density) {
  const Audio rain =
      render(plan_of("rain", {{"body", 0.0}, {"density_hz", 10.0}, {"gain_db", 0.0}}), {}, 44100 * 20);
  int drops = 0;
  std::size_t quiet = 1000;
  for (std::size_t i = 0; i < rain.left.size(); ++i) {
    const bool sounds = std::abs(rain.left[i]) + std::abs(rain.right[i]) > 1e-6f;
    if (sounds && quiet > 20) ++drops;
    quiet = sounds ? 0 : quiet + 1;
  }
  CHECK_NEAR(drops, 180, 40);  // some of the 200 overlap
}

TEST(nature_is_free_of_offset_and_never_overloads) {
  for (const char* type : {"rain", "wind", "surf", "fire", "stream"}) {
    const Audio a = render(plan_of(type, {}), {}, 44100 * 10);
    CHECK(rms(a.left, 0, 441000) > 0.01);
    CHECK_NEAR(mean(a.left), 0.0, 0.01);
    float top = 0.0f;
    for (const float x : a.left) top = std::max(top, std::abs(x));
    CHECK(top < 1.5f);
  }
}

TEST(surf_has_its_period) {
  const Audio a = render(plan_of("surf", {{"period_s", 4.0}}), {}, 44100 * 12);
  double high = 0.0, low = 1.0;
  for (std::size_t i = 0; i < 44100 * 4; i += 11025) {
    const double now = rms(a.left, i, i + 11025), later = rms(a.left, i + 44100 * 4, i + 44100 * 4 + 11025);
    CHECK_NEAR(decibel(later / now), 0.0, 3.0);
    high = std::max(high, now);
    low = std::min(low, now);
  }
  CHECK(high > 3.0 * low);
}

TEST(a_string_decays_in_its_time) {
  const Audio a =
      render(plan_of("pluck", {{"decay_s", 2.0}, {"brightness", 1.0}}), {note_on(0, 57)}, 44100 * 2);
  // The fundamental alone: upper partials die sooner.
  const auto level = [&](std::size_t at) {
    const std::vector<double> power = power_spectrum(&a.left[at], 16384);
    return 10.0 * std::log10(power_between(power, 200, 240, 44100.0));
  };
  CHECK_NEAR(level(44100 + 11025) - level(11025), -30.0, 1.5);
}

TEST(a_bell_decays_in_its_time) {
  const Audio a = render(plan_of("bell", {{"decay_s", 2.0}}), {note_on(0, 57)}, 44100 * 2);
  const auto level = [&](std::size_t at) {
    const std::vector<double> power = power_spectrum(&a.left[at], 16384);
    return 10.0 * std::log10(power_between(power, 200, 240, 44100.0));
  };
  CHECK_NEAR(level(44100 + 11025) - level(11025), -30.0, 0.5);
}

TEST(struck_instruments_are_cut_without_clicks) {
  for (const char* type : {"bell", "pluck"}) {
    std::vector<synth::EventSpec> events = {note_on(0, 33)};
    const Audio once = render(plan_of(type, {{"voices", 1.0}, {"brightness", 0.0}}), events, 20000);
    events.push_back(note_on(10000, 35, 0.01));  // a soft note takes the loud voice
    const Audio cut = render(plan_of(type, {{"voices", 1.0}, {"brightness", 0.0}}), events, 20000);
    CHECK(largest_second_difference(cut.left, 9990, 10400) <
          0.02 + 2.0 * largest_second_difference(once.left, 9000, 11000));
  }
}

TEST(drums_sit_where_they_should) {
  const auto hit = [](const char* kind) {
    return render(plan_of("drum", {{"kind", kind}, {"decay_s", 1.0}}), {note_on(0, 60)}, 140000);
  };
  CHECK(share(hit("kick").left, 20, 200) > 0.8);
  CHECK(share(hit("hat").left, 5000, 22050) > 0.8);
  CHECK(share(hit("snare").left, 1000, 22050) > 0.3);
}

TEST(resonance_and_filter_envelope_shape_the_pad) {
  const auto bright = [](double octaves) {
    const Params p = {{"cutoff_hz", 300.0}, {"filter_env_octaves", octaves}, {"sustain", 1.0}};
    return share(render(plan_of("poly", p), {note_on(0, 45)}, 140000).left, 1500, 22050);
  };
  CHECK(bright(4.0) > 20.0 * bright(0.0));
}

// How loud a note is for the stealing of voices must not depend on how often something is set.
TEST(parameters_set_at_every_turn_leave_notes_alone) {
  for (const char* type : {"bell", "pluck", "piano"}) {
    const auto plan = plan_of(type, {});
    std::vector<synth::EventSpec> events{note_on(0, 48, 0.8)};
    const Audio calm = render(plan, events, 44100);
    for (int frame = 0; frame < 20000; frame += 4)
      events.push_back({.frame = frame, .type = "set", .node = "a", .param = "gain_db", .value = 0.0});
    CHECK(render(plan, events, 44100).left == calm.left);
  }
}

TEST(parameters_set_often_leave_the_weather_alone) {
  for (const char* type : {"wind", "fire", "stream"}) {
    const auto plan = plan_of(type, {});
    const Audio calm = render(plan, {}, 132300);
    std::vector<synth::EventSpec> events;
    for (int frame = 1; frame < 132300; frame += 640)
      events.push_back({.frame = frame, .type = "set", .node = "a", .param = "gain_db", .value = -6.0});
    Audio set = render(plan, events, 132300);
    for (std::size_t i = 0; i < 132300; ++i) set.left[i] -= calm.left[i];
    CHECK(rms(set.left, 44100, 132300) < 0.05 * rms(calm.left, 44100, 132300));
  }
}

// Deep modulation by a sine that feeds back on itself: what lies between the harmonics of the note.
TEST(fm_folds_little_at_any_depth_and_feedback) {
  constexpr std::size_t kWindow = 65536;
  for (const double note : {45.0, 69.0, 93.0})
    for (const double index : {4.0, 16.0})
      for (const double feedback : {0.0, 0.5, 1.0}) {
        const Params params = {{"index", index},      {"feedback", feedback}, {"index_sustain", 1.0},
                               {"sustain", 1.0},      {"attack_s", 0.001},    {"velocity_index", 0.0},
                               {"cutoff_hz", 20000.0}};
        const Audio out = render(plan_of("fm", params), {note_on(0, note)}, 2 * kWindow);
        const auto spectrum = power_spectrum(out.left.data() + kWindow, kWindow);
        const double step = 440.0 * std::pow(2.0, (note - 69.0) / 12.0) / 44100.0 * kWindow;
        double between = 0.0, on = 0.0;
        for (std::size_t k = 10; k < spectrum.size(); ++k) {
          const double place = static_cast<double>(k) / step;
          (std::abs(place - std::round(place)) * step < 10.0 ? on : between) += spectrum[k];
        }
        const double db = 10.0 * std::log10(between / on);
        if (!(db < -70.0)) std::printf("note %g index %g feedback %g: %.1f dB\n", note, index, feedback, db);
        CHECK(db < -70.0);
      }
}
