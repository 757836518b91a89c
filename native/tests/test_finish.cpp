#include <numbers>

#include "check.h"
#include "sound.h"
#include "synth/finish/finish.h"
#include "synth/random.h"

namespace {

using Samples = std::vector<float>;

// Sixteen times oversampled with a filter of its own, to check the library's.
double independent_peak_db(const Samples& x) {
  constexpr int kFactor = 16, kHalf = 24;
  double top = 0.0;
  for (std::ptrdiff_t n = 0; n < static_cast<std::ptrdiff_t>(x.size()); ++n) {
    double near = 0.0;
    for (std::ptrdiff_t k = -1; k <= 2; ++k)
      if (n + k >= 0 && n + k < static_cast<std::ptrdiff_t>(x.size()))
        near = std::max(near, std::abs(static_cast<double>(x[static_cast<std::size_t>(n + k)])));
    if (near < 0.4 * top) continue;
    for (int p = 0; p < kFactor; ++p) {
      double sum = 0.0;
      for (std::ptrdiff_t k = -kHalf + 1; k <= kHalf; ++k) {
        if (n + k < 0 || n + k >= static_cast<std::ptrdiff_t>(x.size())) continue;
        const double t = static_cast<double>(k) - p / static_cast<double>(kFactor);
        const double sinc = t == 0.0 ? 1.0 : std::sin(std::numbers::pi * t) / (std::numbers::pi * t);
        const double window = 0.5 + 0.5 * std::cos(std::numbers::pi * t / (kHalf + 1));
        sum += static_cast<double>(x[static_cast<std::size_t>(n + k)]) * sinc * window;
      }
      top = std::max(top, std::abs(sum));
    }
  }
  return sound::decibel(top);
}

Samples noise(double level, double seconds, std::uint64_t seed) {
  synth::Random random(seed);
  Samples x(static_cast<std::size_t>(seconds * 44100.0));
  for (float& v : x) v = static_cast<float>(level) * random.bipolar();
  return x;
}

synth::Report finish(Samples& x, double lufs = -16.0, double dbtp = -1.0) {
  float* pointer = x.data();
  const float* given = x.data();
  return synth::finish({std::span(&given, 1), x.size(), 44100.0}, std::span(&pointer, 1), lufs, dbtp);
}

synth::Report measure(const Samples& x) {
  const float* pointer = x.data();
  return synth::measure({std::span(&pointer, 1), x.size(), 44100.0});
}

}  // namespace

TEST(finish_hits_the_target_exactly_when_nothing_limits) {
  for (const double level : {0.001, 0.05, 0.9}) {
    Samples x = noise(level, 3, 1);
    const synth::Report report = finish(x, -23.0);
    CHECK(report.ok);
    CHECK(!report.limited_by_true_peak);
    CHECK_NEAR(*report.loudness_lufs, -23.0, 0.01);
    CHECK_NEAR(*measure(x).loudness_lufs, -23.0, 0.02);
  }
}

TEST(the_limiter_holds_on_adversarial_peaks) {
  synth::Random random(5);
  for (int kind = 0; kind < 4; ++kind) {
    Samples x = noise(0.05, 4, 2);
    for (std::size_t i = 2000; i + 50 < x.size(); i += 4410) {
      const double turn = random.uniform();
      for (std::size_t k = 0; k < 40; ++k) {
        const double quarter = std::sin(std::numbers::pi / 2 * static_cast<double>(k) + std::numbers::pi / 4);
        const double other = std::sin(2.6 * static_cast<double>(k) + 6.28 * turn);
        x[i + k] += static_cast<float>(0.35 * (kind == 0   ? quarter
                                               : kind == 1 ? other
                                               : kind == 2 ? (k == 20 ? 1 : 0)
                                                           : (k < 20 ? 1 : -1)));
      }
    }
    const synth::Report report = finish(x, -16.0);
    CHECK(report.limited_db > 0.5);
    CHECK(report.limited_db <= 6.001);
    CHECK(report.true_peak_dbtp <= -1.0);
    CHECK_NEAR(std::max(independent_peak_db(x), -1.0), -1.0, 0.04);
    if (!report.limited_by_true_peak) CHECK_NEAR(*report.loudness_lufs, -16.0, 0.5);
    CHECK_NEAR(*measure(x).loudness_lufs, *report.loudness_lufs, 0.05);
  }
}

TEST(more_than_6_db_of_limiting_stays_quieter) {
  Samples x = noise(0.01, 3, 3);
  for (std::size_t i = 1000; i < x.size(); i += 22050) x[i] = 0.9f;
  const synth::Report report = finish(x);
  CHECK(report.limited_by_true_peak);
  CHECK_NEAR(report.limited_db, 6.0, 0.01);
  CHECK(*report.loudness_lufs < -17.0);
  CHECK(report.true_peak_dbtp <= -1.0);
  CHECK(independent_peak_db(x) <= -1.0 + 0.04);
}

TEST(short_audio_gets_its_peak_set) {
  Samples x = noise(0.1, 0.2, 4);
  const synth::Report report = finish(x);
  CHECK(!report.loudness_lufs);
  CHECK(report.ok);
  CHECK(report.true_peak_dbtp > -2.0);  // in white noise a meter reads less than there is
  Samples padded(x.size() + 512);
  std::copy(x.begin(), x.end(), padded.begin() + 256);
  CHECK_NEAR(sound::true_peak_db(padded, 0, padded.size()), -1.1, 0.1);
  Samples one = {0.25f};
  CHECK_NEAR(finish(one).true_peak_dbtp, -1.05, 0.06);
}

TEST(broken_audio_is_refused_by_name) {
  Samples x = noise(0.1, 1, 5);
  x[77] = std::nanf("");
  CHECK_THROWS_WITH(finish(x), "NaN at channel 0, frame 77");
  x[77] = INFINITY;
  CHECK_THROWS_WITH(finish(x), "infinity at channel 0, frame 77");
  Samples nothing(44100);
  CHECK_THROWS_WITH(finish(nothing), "silent");
  CHECK_NEAR(measure(nothing).silence_ratio, 1.0, 0.0);
}

TEST(an_offset_is_reported_and_removed) {
  Samples x = noise(0.2, 2, 6);
  for (float& v : x) v += 0.1f;
  CHECK_NEAR(finish(x, -20.0).dc_offset, 0.1, 0.002);
  CHECK_NEAR(measure(x).dc_offset, 0.0, 1e-4);
}

TEST(clipping_and_clicks_are_counted) {
  Samples x(44100);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = 0.5f *
           static_cast<float>(std::sin(2.0 * std::numbers::pi * 220.0 * static_cast<double>(i) / 44100.0));
  CHECK(measure(x).clicks == 0);
  CHECK(measure(x).clipped_samples == 0);
  x[5000] += 0.5f;
  x[20000] -= 0.3f;
  CHECK(measure(x).clicks == 2);
  for (std::size_t i = 30000; i < 30007; ++i) x[i] = 1.0f;
  x[40000] = x[40001] = 1.0f;  // two are not a run
  CHECK(measure(x).clipped_samples == 7);
}

TEST(silence_is_counted_in_windows) {
  Samples x = noise(0.3, 2, 7);
  std::fill(x.begin() + 44100, x.end(), 0.0f);
  CHECK_NEAR(measure(x).silence_ratio, 0.5, 0.03);
}
