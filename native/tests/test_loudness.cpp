#include <algorithm>
#include <numbers>

#include "check.h"
#include "sound.h"
#include "synth/finish/meter.h"
#include "synth/isa.h"

namespace {

using Samples = std::vector<float>;

Samples sine(double hz, double level_db, double seconds, double rate, double turns = 0.0) {
  Samples x(static_cast<std::size_t>(seconds * rate));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] =
        static_cast<float>(std::pow(10.0, level_db / 20.0) *
                           std::sin(2.0 * std::numbers::pi * (hz * static_cast<double>(i) / rate + turns)));
  return x;
}

synth::Report measured(const std::vector<Samples>& channels, double rate) {
  std::vector<const float*> pointers;
  for (const Samples& c : channels) pointers.push_back(c.data());
  return synth::measure({pointers, channels[0].size(), rate});
}

double loudness(const std::vector<Samples>& channels, double rate) {
  return measured(channels, rate).loudness_lufs.value_or(-999.0);
}

double strict_peak_db(const Samples& x) {
  constexpr std::size_t kAround = 16 * synth::kHop;
  Samples padded(kAround + x.size() + 2 * kAround);
  std::copy(x.begin(), x.end(), padded.begin() + kAround);
  const auto hops = static_cast<int>((x.size() + kAround) / synth::kHop);
  Samples samples(static_cast<std::size_t>(hops)), peaks(samples.size());
  synth::isa().finish.sample_peaks(padded.data() + kAround, hops, samples.data());
  synth::isa().finish.strict_peaks(padded.data() + kAround, hops, 0.0f, samples.data(), peaks.data());
  return sound::decibel(static_cast<double>(*std::max_element(peaks.begin(), peaks.end())));
}

double peak_db(const Samples& x, double rate) { return measured({x}, rate).true_peak_dbtp; }

Samples joined(std::initializer_list<Samples> parts) {
  Samples all;
  for (const Samples& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

// BS.1770-4, annex 1: 997 Hz at 0 dBFS in one channel reads -3.01 LUFS.
TEST(full_scale_sine_in_one_channel) {
  for (const double rate : {16000.0, 44100.0, 48000.0, 96000.0, 192000.0}) {
    const Samples tone = sine(997, 0, 5, rate), nothing(tone.size());
    const double margin = rate < 32000.0 ? 0.05 : 0.03;  // the shelf is squeezed when Nyquist is near
    CHECK_NEAR(loudness({tone, nothing}, rate), -3.01, margin);
    CHECK_NEAR(loudness({tone}, rate), -3.01, margin);
  }
}

// EBU Tech 3341, cases 1 to 4.
TEST(ebu_tech_3341_cases) {
  const double rate = 48000.0;
  const auto stereo = [&](const Samples& x) { return loudness({x, x}, rate); };
  CHECK_NEAR(stereo(sine(1000, -23, 20, rate)), -23.0, 0.1);
  CHECK_NEAR(stereo(sine(1000, -33, 20, rate)), -33.0, 0.1);
  CHECK_NEAR(
      stereo(joined({sine(1000, -36, 10, rate), sine(1000, -23, 60, rate), sine(1000, -36, 10, rate)})),
      -23.0, 0.1);
  CHECK_NEAR(stereo(joined({sine(1000, -72, 10, rate), sine(1000, -36, 10, rate), sine(1000, -23, 60, rate),
                            sine(1000, -36, 10, rate), sine(1000, -72, 10, rate)})),
             -23.0, 0.1);
}

// EBU Tech 3341, case 6: 5.0 with -28, -28, -24, -30, -30 dBFS reads -23 LUFS.
TEST(surround_channels_weigh_more) {
  const double rate = 48000.0;
  const Samples front = sine(1000, -28, 20, rate), centre = sine(1000, -24, 20, rate),
                back = sine(1000, -30, 20, rate);
  CHECK_NEAR(loudness({front, front, centre, back, back}, rate), -23.0, 0.1);
  const Samples lfe = sine(50, 0, 20, rate);
  CHECK_NEAR(loudness({front, front, centre, lfe, back, back}, rate), -23.0, 0.1);
}

// EBU Tech 3342, case 1: 20 s at -20 dBFS then 20 s at -30 dBFS has a range of 10 LU.
TEST(loudness_range) {
  const Samples x = joined({sine(1000, -20, 20, 48000), sine(1000, -30, 20, 48000)});
  CHECK_NEAR(measured({x, x}, 48000.0).loudness_range_lu.value_or(0.0), 10.0, 1.0);
}

TEST(short_or_silent_audio_has_no_loudness) {
  CHECK(loudness({sine(1000, 0, 0.39, 48000)}, 48000) == -999.0);
  CHECK(loudness({Samples(48000)}, 48000) == -999.0);
  CHECK(loudness({sine(1000, 0, 0.41, 48000)}, 48000) > -4.0);
}

// A quarter of the sample rate at 45 degrees: samples 3.01 dB under the sine's top. Ends are faded, because a
// tone that starts at once has higher peaks in truth. A meter may read 0.4 dB less and 0.2 dB more (EBU Tech
// 3341); what the limiter goes by is exact up to high frequencies.
TEST(true_peak_between_samples) {
  for (const double share : {0.25, 0.125, 1.0 / 6.0, 0.3, 0.41, 0.45}) {
    for (const double turns : {0.0, 0.125, 0.2}) {
      Samples x = sine(48000.0 * share, 0, 0.5, 48000.0, turns);
      for (std::size_t i = 0; i < 4000; ++i) {
        const float fade = static_cast<float>(i) / 4000.0f;
        x[i] *= fade, x[x.size() - 1 - i] *= fade;
      }
      if (share <= 0.3) CHECK_NEAR(peak_db(x, 48000.0), -0.1, 0.3);
      CHECK_NEAR(strict_peak_db(x), 0.0, 0.05);
    }
  }
}

TEST(true_peak_is_never_under_the_samples) {
  Samples x(1000);
  x[500] = 0.7f;
  CHECK(peak_db(x, 48000.0) >= sound::decibel(0.7) - 1e-6);
  x.assign(5, 0.5f);
  CHECK(peak_db(x, 48000.0) >= sound::decibel(0.5));
}
