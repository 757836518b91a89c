#include "synth/finish/join.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "synth/random.h"

namespace synth {

void crossfade(const float* a, std::size_t a_frames, const float* b, std::size_t b_frames, std::size_t frames,
               FadeCurve curve, float* out) {
  const std::size_t lead = a_frames - frames;
  std::copy_n(a, lead, out);
  for (std::size_t i = 0; i < frames; ++i) {
    const double turn = (static_cast<double>(i) + 0.5) / static_cast<double>(frames);
    const bool power = curve == FadeCurve::equal_power;
    const double in = power ? std::sin(1.5707963267948966 * turn) : turn;
    const double leave = power ? std::cos(1.5707963267948966 * turn) : 1.0 - turn;
    out[lead + i] =
        static_cast<float>(leave * static_cast<double>(a[lead + i]) + in * static_cast<double>(b[i]));
  }
  std::copy_n(b + frames, b_frames - frames, out + a_frames);
}

namespace {

// One level per frame: the mean square of all channels through a 10 ms one-pole.
std::vector<bool> speaking(const AudioView& voice, double threshold_db) {
  const double keep = std::exp(-1.0 / (0.01 * voice.sample_rate_hz));
  const double threshold = std::pow(10.0, threshold_db / 10.0);
  std::vector<bool> over(voice.frames);
  double power = 0.0;
  for (std::size_t i = 0; i < voice.frames; ++i) {
    double now = 0.0;
    for (const float* x : voice.channels) now += static_cast<double>(x[i]) * static_cast<double>(x[i]);
    power = keep * power + (1.0 - keep) * now / static_cast<double>(voice.channels.size());
    over[i] = power > threshold;
  }
  return over;
}

}  // namespace

void duck_gains(const AudioView& voice, const DuckSettings& settings, float* gains, std::size_t frames) {
  const std::vector<bool> over = speaking(voice, settings.threshold_db);
  const auto ahead = static_cast<std::size_t>(settings.attack_s * voice.sample_rate_hz);
  const auto pace = [&](double seconds) {
    return 1.0 - std::exp(-1.0 / std::max(seconds * voice.sample_rate_hz, 1.0));
  };
  const double down = pace(settings.attack_s / 2.0), up = pace(settings.release_s / 2.0);
  double now_db = 0.0;
  std::size_t next = 0, hold_until = 0;  // a look-ahead must not let go before the voice itself has ended
  for (std::size_t i = 0; i < frames; ++i) {
    for (; next < voice.frames && next <= i + ahead; ++next)
      if (over[next]) hold_until = next + 1;
    const double target = i < hold_until ? settings.amount_db : 0.0;
    now_db += (target < now_db ? down : up) * (target - now_db);
    gains[i] = static_cast<float>(std::pow(10.0, now_db / 20.0));
  }
}

void dither(const float* x, std::size_t frames, int bits, std::uint64_t seed, std::int32_t* out) {
  const double full = std::ldexp(1.0, bits - 1) - 1.0;
  Random random(seed);
  for (std::size_t i = 0; i < frames; ++i) {
    float a, b;
    random.stereo(a, b);
    const double noise = 0.5 * (static_cast<double>(a) + static_cast<double>(b));
    const double value = std::floor(static_cast<double>(x[i]) * full + noise + 0.5);
    out[i] = static_cast<std::int32_t>(std::clamp(value, -full, full));
  }
}

}  // namespace synth
