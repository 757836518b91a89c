// Streams over audio: any split gives the same samples, and what a listener would notice.
#include <algorithm>
#include <numbers>

#include "check.h"
#include "sound.h"
#include "synth/finish/dither.h"
#include "synth/finish/duck.h"
#include "synth/finish/fade.h"
#include "synth/finish/finish.h"
#include "synth/finish/limiter.h"
#include "synth/finish/meter.h"
#include "synth/random.h"

namespace {

using Samples = std::vector<float>;
constexpr double kRate = 44100.0;

Samples noise(double level, std::size_t frames, std::uint64_t seed) {
  synth::Random random(seed);
  Samples x(frames);
  for (float& v : x) v = static_cast<float>(level) * random.bipolar();
  return x;
}

Samples sine(double hz, double level, std::size_t frames) {
  Samples x(frames);
  for (std::size_t i = 0; i < frames; ++i)
    x[i] = static_cast<float>(level * std::sin(2.0 * std::numbers::pi * hz / kRate * static_cast<double>(i)));
  return x;
}

// One channel from `begin` on; the views stay valid as long as it lives.
struct One {
  One(Samples& x, std::size_t begin, std::size_t frames)
      : data(x.data() + begin), view(data), count(frames) {}
  float* data;
  const float* view;
  std::size_t count;
  synth::AudioView in() { return {std::span(&view, 1), count, kRate}; }
  std::span<float* const> out() { return {&data, 1}; }
};

// Calls run(begin, frames) for pieces from one frame to some thousand.
template <class Run>
void in_pieces(std::size_t frames, std::uint64_t seed, Run run) {
  synth::Random random(seed);
  for (std::size_t at = 0; at < frames;) {
    const auto most = random.uniform() < 0.5f ? 40.0f : 3000.0f;
    const std::size_t count = std::min(frames - at, 1 + static_cast<std::size_t>(random.uniform() * most));
    run(at, count);
    at += count;
  }
}

template <class Stream>
Samples through(Stream stream, Samples x, std::uint64_t seed) {
  Samples out(x.size());
  const auto run = [&](std::size_t at, std::size_t n) {
    stream.process(One(x, at, n).in(), One(out, at, n).out());
  };
  if (seed == 0)
    run(0, x.size());
  else
    in_pieces(x.size(), seed, run);
  return out;
}

double true_peak_db(Samples& x) { return synth::measure(One(x, 0, x.size()).in()).true_peak_dbtp; }

}  // namespace

TEST(a_meter_measures_the_same_however_the_audio_is_cut) {
  Samples x = noise(0.3, 300000, 1);
  x[150000] = 1.0f, x[150001] = 1.0f, x[150002] = -1.0f, x[200000] = 0.9f;
  for (std::size_t i = 60000; i < 70000; ++i) x[i] = 0.01f * x[i];
  x[65000] = 0.5f;
  const synth::Report whole = synth::measure(One(x, 0, x.size()).in());
  CHECK(whole.clicks >= 1 && whole.clipped_samples == 3);
  for (const std::uint64_t seed : {2u, 3u}) {
    synth::Meter meter(kRate, 1);
    in_pieces(x.size(), seed, [&](std::size_t at, std::size_t n) {
      meter.push(One(x, at, n).in());
      (void)meter.report();  // looking does not disturb
    });
    const synth::Report pieces = meter.report();
    CHECK(pieces.loudness_lufs == whole.loudness_lufs && pieces.true_peak_dbtp == whole.true_peak_dbtp);
    CHECK(pieces.momentary_max_lufs == whole.momentary_max_lufs);
    CHECK(pieces.short_term_max_lufs == whole.short_term_max_lufs);
    CHECK(pieces.loudness_range_lu == whole.loudness_range_lu);
    CHECK(pieces.dc_offset == whole.dc_offset && pieces.silence_ratio == whole.silence_ratio);
    CHECK(pieces.clicks == whole.clicks && pieces.clipped_samples == whole.clipped_samples);
  }
}

TEST(the_streaming_limiter_is_the_same_however_the_audio_is_cut) {
  const Samples x = noise(0.9, 60000, 4);
  for (const double rate : {44100.0, 8000.0, 192000.0}) {
    const synth::Limiter limiter(rate, 1, 6.0, -1.0);
    const Samples whole = through(limiter, x, 0);
    CHECK(whole == through(limiter, x, 5));
    CHECK(whole == through(limiter, x, 6));
  }
}

TEST(the_streaming_limiter_is_a_delay_below_the_ceiling) {
  const Samples x = sine(440, 0.25, 20000);
  const synth::Limiter limiter(kRate, 1, 6.0, -1.0);
  const Samples y = through(limiter, x, 7);
  const std::size_t late = limiter.latency();
  CHECK(late < 250);
  const float gain = std::pow(10.0f, 6.0f / 20.0f);
  for (std::size_t i = late; i < y.size(); ++i) CHECK_NEAR(y[i], gain * x[i - late], 1e-6);
}

TEST(ducking_goes_down_in_time_and_comes_back) {
  Samples bed(44100 * 4, 1.0f), voice(44100 * 4), mix(bed.size());
  std::fill(voice.begin() + 44100, voice.begin() + 88200, 0.3f);
  synth::duck(One(bed, 0, bed.size()).in(), One(voice, 0, voice.size()).in(), {},
              One(mix, 0, mix.size()).out());
  const auto bed_db = [&](std::size_t i) { return sound::decibel(static_cast<double>(mix[i] - voice[i])); };
  CHECK_NEAR(bed_db(20000), 0.0, 0.01);
  CHECK_NEAR(bed_db(44100 + 441), -12.0, 2.0);
  CHECK_NEAR(bed_db(80000), -12.0, 0.1);
  CHECK_NEAR(bed_db(88100), -12.0, 0.1);
  CHECK_NEAR(bed_db(44100 * 4 - 1), 0.0, 0.1);
}

TEST(a_ducker_in_pieces_is_duck_later) {
  Samples bed = noise(0.3, 50000, 8), voice = noise(0.2, 50000, 9), whole(bed.size());
  std::fill(voice.begin(), voice.begin() + 20000, 0.0f);
  std::fill(voice.begin() + 30000, voice.end(), 0.0f);
  synth::duck(One(bed, 0, bed.size()).in(), One(voice, 0, voice.size()).in(), {},
              One(whole, 0, whole.size()).out());
  synth::Ducker ducker(kRate, 1, 1, {});
  Samples pieces(bed.size());
  in_pieces(bed.size(), 10, [&](std::size_t at, std::size_t n) {
    ducker.process(One(bed, at, n).in(), One(voice, at, n).in(), One(pieces, at, n).out());
  });
  const std::size_t late = ducker.latency();
  CHECK(std::equal(pieces.begin() + static_cast<std::ptrdiff_t>(late), pieces.end(), whole.begin()));
}

TEST(crossfades_keep_power_or_level) {
  Samples a = noise(0.5, 44100, 11), b = noise(0.5, 44100, 12), ones(44100, 1.0f), out(44100);
  synth::Crossfader power(0, 44100, synth::CrossCurve::equal_power);
  power.process(One(a, 0, 44100).in(), One(b, 0, 44100).in(), One(out, 0, 44100).out());
  CHECK(power.done());
  for (std::size_t at = 0; at + 8820 <= 44100; at += 8820)
    CHECK_NEAR(sound::decibel(sound::rms(out, at, at + 8820) / sound::rms(a, 0, 44100)), 0.0, 0.2);
  synth::Crossfader level(0, 44100, synth::CrossCurve::equal_gain);
  level.process(One(ones, 0, 44100).in(), One(ones, 0, 44100).in(), One(out, 0, 44100).out());
  for (const float x : out) CHECK_NEAR(x, 1.0, 1e-6);
}

TEST(a_crossfader_in_pieces_is_the_same_and_has_no_step) {
  Samples a = sine(200, 0.5, 40000), b = sine(300, 0.5, 40000), whole(40000), pieces(40000);
  synth::Crossfader once(5000, 20000, synth::CrossCurve::equal_power), cut(once);
  once.process(One(a, 0, 40000).in(), One(b, 0, 40000).in(), One(whole, 0, 40000).out());
  in_pieces(40000, 13, [&](std::size_t at, std::size_t n) {
    cut.process(One(a, at, n).in(), One(b, at, n).in(), One(pieces, at, n).out());
  });
  CHECK(whole == pieces);
  CHECK(std::equal(whole.begin(), whole.begin() + 5000, a.begin()));
  CHECK(std::equal(whole.begin() + 25000, whole.end(), b.begin() + 25000));
  const double own = sound::largest_second_difference(b, 0, 40000);
  CHECK(sound::largest_second_difference(whole, 0, 40000) < 1.2 * own);
}

TEST(a_fader_reaches_its_levels_at_exact_frames_however_it_is_cut) {
  const Samples ones(60000, 1.0f);
  synth::Fader fader(1.0);
  fader.fade(0.25, 10000, 5000, synth::FadeCurve::smooth);
  fader.fade(1.0, 8000, 12000, synth::FadeCurve::linear);  // takes over before the first has ended
  fader.fade(0.0, 10000, 40000, synth::FadeCurve::smooth);
  const Samples y = through(fader, ones, 0);
  CHECK(y == through(fader, ones, 14));
  CHECK(y[4999] == 1.0f && y[20000] == 1.0f && y[50000] == 0.0f && y.back() == 0.0f);
  CHECK_NEAR(y[10000], 1.0 - 0.75 * 0.5, 1e-3);
  CHECK_NEAR(y[45000], 0.5, 1e-3);
  for (std::size_t i = 1; i < y.size(); ++i) CHECK(std::abs(y[i] - y[i - 1]) < 2e-4f);
}

TEST(dither_keeps_the_mean_and_its_error_is_noise) {
  const Samples x(200000, 0.3f / 32767.0f);  // a third of a step
  std::vector<std::int32_t> out(x.size());
  const float* in = x.data();
  std::int32_t* to = out.data();
  synth::Dither(16, 1, 1).process({std::span(&in, 1), x.size(), kRate}, std::span(&to, 1));
  double sum = 0.0, square = 0.0;
  for (const std::int32_t v : out) sum += v, square += (v - 0.3) * (v - 0.3);
  CHECK_NEAR(sum / 200000.0, 0.3, 0.01);
  CHECK_NEAR(square / 200000.0, 0.25, 0.01);  // a quarter of a step squared, whatever the signal: 1/12 + 1/6
  const Samples loud = {2.0f, -2.0f};
  in = loud.data();
  synth::Dither(24, 1, 1).process({std::span(&in, 1), 2, kRate}, std::span(&to, 1));
  CHECK(out[0] == 8388607 && out[1] == -8388607);
}

TEST(quantise_rounds_after_adding_the_given_noise) {
  synth::Random random(5);
  for (const std::size_t count : {1u, 2u, 3u, 8u}) {
    const std::size_t frames = 3001;
    Samples x = noise(0.4, frames * count, 16);
    x[0] = 3.0f, x.back() = -3.0f;
    std::vector<const float*> channels;
    for (std::size_t c = 0; c < count; ++c) channels.push_back(x.data() + c * frames);
    std::vector<std::int32_t> words(x.size()), out24(x.size());
    for (std::int32_t& word : words) word = static_cast<std::int32_t>(random.bits() & 0xffffffffu);
    std::vector<std::int16_t> out16(x.size());
    synth::quantise({channels, frames, kRate}, words, out16.data());
    synth::quantise({channels, frames, kRate}, words, out24.data());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < frames * count; ++i) {
      const float value = channels[i % count][i / count];
      const int sum = (words[i] >> 16) + static_cast<std::int16_t>(words[i] & 0xffff);
      const float at16 = std::nearbyint(value * 32768.0f + static_cast<float>(sum) / 65536.0f);
      const double at24 = std::nearbyint(static_cast<double>(value) * 8388608.0 + sum / 65536.0);
      wrong += out16[i] != static_cast<int>(std::clamp(at16, -32768.0f, 32767.0f));
      wrong += out24[i] != static_cast<int>(std::clamp(at24, -8388608.0, 8388607.0)) * 256;
    }
    CHECK(wrong == 0);
  }
}

TEST(dither_in_pieces_is_the_same) {
  Samples x = noise(0.1, 20000, 15);
  std::vector<std::int32_t> whole(x.size()), pieces(x.size());
  std::int32_t* to = whole.data();
  synth::Dither once(16, 3, 1), cut(once);
  once.process(One(x, 0, x.size()).in(), std::span(&to, 1));
  in_pieces(x.size(), 16, [&](std::size_t at, std::size_t n) {
    std::int32_t* piece = pieces.data() + at;
    cut.process(One(x, at, n).in(), std::span(&piece, 1));
  });
  CHECK(whole == pieces);
}

// What a whole-piece limiter may look at twice, a stream has to get right at once.
TEST(the_streaming_limiter_holds_peaks_between_samples) {
  synth::Random random(17);
  for (int kind = 0; kind < 6; ++kind) {
    Samples x = noise(0.05, 100000, 18);
    for (std::size_t i = 2000; i + 60 < x.size(); i += 1777) {
      const double turn = 2.0 * std::numbers::pi * static_cast<double>(random.uniform());
      for (std::size_t k = 0; k < 40; ++k) {
        const double n = static_cast<double>(k), quarter = std::numbers::pi / 2;
        const double shapes[] = {std::sin(quarter * n + std::numbers::pi / 4),
                                 std::sin(2.6 * n + turn),
                                 k == 20 ? 1.0 : 0.0,
                                 k < 20 ? 1.0 : -1.0,
                                 k % 2 ? 1.0 : -1.0,
                                 std::sin(1.9 * n + turn)};
        x[i + k] += static_cast<float>(0.9 * shapes[kind]);
      }
    }
    Samples y = through(synth::Limiter(kRate, 1, 4.0, -1.0), x, 19);
    CHECK(true_peak_db(y) <= -1.0);
    if (kind != 4) CHECK(true_peak_db(y) > -2.5);  // no meter reads much of a tone at half the rate
  }
}

// Up to half the rate, by a meter of its own. `true_peak` reads less of most of these, as all meters do.
TEST(the_streaming_limiter_holds_what_no_short_meter_reads) {
  constexpr std::size_t kFrames = 20000;
  const auto bursts = [&](auto shape) {
    Samples x(kFrames);
    for (std::size_t i = 1000; i < kFrames - 1000; ++i)
      if (i / 300 % 3 != 0) x[i] = static_cast<float>(shape(static_cast<double>(i)));
    return x;
  };
  const auto tone = [&](double share) {
    return bursts([share](double n) { return std::sin(2.0 * std::numbers::pi * share * n + 0.3); });
  };
  const double turn = std::numbers::pi;
  Samples white = noise(1.0, kFrames, 20), signs = white, flips(kFrames);
  for (float& v : signs) v = v > 0.0f ? 1.0f : -1.0f;
  for (std::size_t i = 1000; i < kFrames - 1000; ++i)
    flips[i] = (i + i / 40) % 2 ? 1.0f : -1.0f;  // turns round where it adds up between the samples
  const std::vector<std::pair<const char*, Samples>> signals = {
      {"white noise", white},
      {"random signs", signs},
      {"half the rate, flipping", flips},
      {"half the rate, on and off", bursts([&](double n) { return std::cos(turn * n); })},
      {"quarter of the rate at 45 degrees",
       bursts([&](double n) { return std::sin(turn * (n / 2 + 0.25)); })},
      {"chirp to half the rate", bursts([&](double n) { return std::sin(turn * n * n / (2.0 * kFrames)); })},
      {"square", bursts([&](double n) { return std::sin(0.7117 * n) > 0.0 ? 1.0 : -1.0; })},
      {"0.46", tone(0.46)},
      {"0.48", tone(0.48)},
      {"0.49", tone(0.49)},
      {"0.499", tone(0.499)}};
  for (const auto& [name, x] : signals)
    for (const double gain_db : {1.0, 12.0}) {
      Samples with_silence = x;
      with_silence.resize(kFrames + 1000);
      const Samples y = through(synth::Limiter(kRate, 1, gain_db, -1.0), with_silence, 0);
      const double peak_db = sound::true_peak_db(y, 0, y.size());
      CHECK(peak_db <= -1.0);
      if (peak_db > -1.0) std::printf("%s: %.3f dBTP\n", name, peak_db);
    }
}

namespace {

// 16 points for each sample, with what rings before and behind the sound.
double ringing_db(const Samples& x) {
  std::vector<float> padded(x.size() + 1024);
  std::copy(x.begin(), x.end(), padded.begin() + 512);
  return sound::true_peak_db(padded, 0, padded.size());
}

Samples burst(double hz, double phase, std::size_t begin, std::size_t end) {
  Samples x(12000);
  for (std::size_t i = begin; i < end; ++i)
    x[i] =
        static_cast<float>(std::sin(2.0 * std::numbers::pi * (hz / kRate * static_cast<double>(i) + phase)));
  return x;
}

std::vector<Samples> cut_off() {
  std::vector<Samples> all;
  for (const double hz : {997.0, 5000.0, 12000.0, 17000.0, 19000.0, 20000.0, 20500.0})
    for (const double phase : {0.05, 0.25, 0.6})
      for (const std::size_t length : {1, 12, 3000}) {
        all.push_back(burst(hz, phase, 12000 - length, 12000));
        all.push_back(burst(hz, phase, 0, length));
      }
  for (const std::size_t begin : {0, 9000}) {
    Samples x(12000), square(12000), alternating(12000);
    const Samples hiss = noise(1.0, 3000, 4);
    std::copy(hiss.begin(), hiss.end(), x.begin() + static_cast<std::ptrdiff_t>(begin));
    for (std::size_t i = 0; i < 3000; ++i) square[begin + i] = i / 7 % 2 == 0 ? 1.0f : -1.0f;
    for (std::size_t i = 0; i < 500; ++i) alternating[begin + i] = i % 2 == 0 ? 1.0f : -1.0f;
    for (const Samples& one : {x, square, alternating}) all.push_back(one);
  }
  return all;
}

}  // namespace

TEST(a_streams_ceiling_holds_where_the_sound_is_cut_off) {
  for (const double gain_db : {0.0, 6.0, 12.0})
    for (const Samples& given : cut_off()) {
      synth::Limiter limiter(kRate, 1, gain_db, -1.0);
      Samples x = given, end(limiter.latency());
      in_pieces(x.size(), 7, [&](std::size_t at, std::size_t n) {
        One piece(x, at, n);
        limiter.process(piece.in(), piece.out());
      });
      limiter.end();
      One rest(end, 0, end.size());
      limiter.process(rest.in(), rest.out());
      x.insert(x.end(), end.begin(), end.end());
      CHECK(ringing_db(x) < -1.0);
      // The same from its first frame on.
      CHECK(ringing_db(Samples(x.begin() + static_cast<std::ptrdiff_t>(limiter.latency()), x.end())) < -1.0);
    }
}

TEST(a_finished_sounds_ceiling_holds_where_it_is_cut_off) {
  std::vector<Samples> all = cut_off();
  for (const double lufs : {-16.0, -6.0})
    for (std::size_t i = 0; i < all.size(); ++i) {
      Samples x = all[i];
      One whole(x, 0, x.size());
      synth::finish(whole.in(), whole.out(), lufs, -1.0);
      const double db = ringing_db(x);
      if (!(db < -1.0)) std::printf("sound %zu to %g LUFS: %.2f dBTP\n", i, lufs, db);
      CHECK(db < -1.0);
    }
}

TEST(a_quiet_end_keeps_its_bits) {
  Samples x = sine(400.0, 0.3, 12000);
  synth::Limiter limiter(kRate, 1, 0.0, -1.0);
  Samples y = x, end(limiter.latency());
  One all(y, 0, y.size()), rest(end, 0, end.size());
  limiter.process(all.in(), all.out());
  limiter.end();
  limiter.process(rest.in(), rest.out());
  y.insert(y.end(), end.begin(), end.end());
  CHECK(std::equal(x.begin(), x.end(), y.begin() + static_cast<std::ptrdiff_t>(limiter.latency())));
}
