#include "sound.h"

#include <algorithm>
#include <cmath>

namespace sound {
namespace {

using Complex = std::complex<double>;

std::vector<Complex> transform(std::vector<Complex> x) {
  if (x.size() == 1) return x;
  std::vector<Complex> even(x.size() / 2), odd(x.size() / 2);
  for (std::size_t i = 0; i < even.size(); ++i) even[i] = x[2 * i], odd[i] = x[2 * i + 1];
  even = transform(std::move(even));
  odd = transform(std::move(odd));
  for (std::size_t k = 0; k < even.size(); ++k) {
    const double angle = -2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(x.size());
    const Complex turned = std::polar(1.0, angle) * odd[k];
    x[k] = even[k] + turned;
    x[k + even.size()] = even[k] - turned;
  }
  return x;
}

double blackman_harris(std::size_t i, std::size_t size) {
  const double t = 2.0 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(size);
  return 0.35875 - 0.48829 * std::cos(t) + 0.14128 * std::cos(2 * t) - 0.01168 * std::cos(3 * t);
}

Complex correlate(const std::vector<float>& x, std::size_t start, std::size_t size, double hz, double rate) {
  Complex sum = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    const double angle = -2.0 * std::numbers::pi * hz * static_cast<double>(start + i) / rate;
    sum += blackman_harris(i, size) * static_cast<double>(x[start + i]) * std::polar(1.0, angle);
  }
  return sum;
}

}  // namespace

std::vector<double> power_spectrum(const float* x, std::size_t size) {
  std::vector<Complex> windowed(size);
  for (std::size_t i = 0; i < size; ++i) windowed[i] = blackman_harris(i, size) * static_cast<double>(x[i]);
  const std::vector<Complex> spectrum = transform(std::move(windowed));
  std::vector<double> power(size / 2);
  for (std::size_t k = 0; k < power.size(); ++k) power[k] = std::norm(spectrum[k]);
  return power;
}

double frequency_near(const std::vector<float>& x, std::size_t start, double hz, double rate) {
  constexpr std::size_t kSize = 16384, kHop = 2048;
  for (int pass = 0; pass < 3; ++pass) {
    const Complex a = correlate(x, start, kSize, hz, rate), b = correlate(x, start + kHop, kSize, hz, rate);
    hz += std::arg(b * std::conj(a)) / (2.0 * std::numbers::pi) * rate / static_cast<double>(kHop);
  }
  return hz;
}

double rms(const std::vector<float>& x, std::size_t begin, std::size_t end) {
  double sum = 0.0;
  for (std::size_t i = begin; i < end; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return std::sqrt(sum / static_cast<double>(end - begin));
}

double decibel(double ratio) { return 20.0 * std::log10(ratio); }

double largest_second_difference(const std::vector<float>& x, std::size_t begin, std::size_t end) {
  double largest = 0.0;
  for (std::size_t i = begin + 1; i + 1 < end; ++i)
    largest = std::max(largest, static_cast<double>(std::abs(x[i - 1] - 2.0f * x[i] + x[i + 1])));
  return largest;
}

namespace {

// A windowed sine (Blackman) with 2 * half + 1 taps, and how high what is above it reaches in [begin, end),
// against the peak of the sound in 5000 frames to both sides of `at`.
double above_db(const Audio& audio, std::size_t at, double hz, int half, std::size_t begin, std::size_t end) {
  std::vector<double> taps;
  for (int k = -half; k <= half; ++k) {
    const double x = std::numbers::pi * k, share = k / (half + 1.0), cut = 2.0 * hz / 44100.0;
    const double window =
        0.42 + 0.5 * std::cos(std::numbers::pi * share) + 0.08 * std::cos(2.0 * std::numbers::pi * share);
    taps.push_back(((k == 0 ? 1.0 : 0.0) - (k == 0 ? cut : std::sin(cut * x) / x)) * window);
  }
  double peak = 0.0, click = 0.0;
  for (const std::vector<float>* x : {&audio.left, &audio.right}) {
    for (std::size_t i = at - 5000; i < at + 5000; ++i)
      peak = std::max(peak, static_cast<double>(std::abs((*x)[i])));
    for (std::size_t i = begin; i < end; ++i) {
      double sum = 0.0;
      for (std::size_t k = 0; k < taps.size(); ++k)
        sum += taps[k] * static_cast<double>((*x)[i + k - static_cast<std::size_t>(half)]);
      click = std::max(click, std::abs(sum));
    }
  }
  return decibel(click / peak);
}

}  // namespace

double click_db(const Audio& audio, std::size_t at) {
  return above_db(audio, at, 6000.0, 48, at - 100, at + 5000);
}

double broad_db(const Audio& audio, std::size_t at) {
  return above_db(audio, at, 2000.0, 144, at - 176, at + 617);
}

Audio through(const std::string& effect, const Params& params, Audio input, std::size_t frames, double rate) {
  input.left.resize(frames);
  input.right.resize(frames);
  synth::Renderer renderer(plan_of("input", {}, effect, params), rate, 1, 64);
  Audio out{std::vector<float>(frames), std::vector<float>(frames)};
  renderer.render(out.left.data(), out.right.data(), static_cast<std::int64_t>(frames),
                  {input.left.data(), input.right.data()});
  return out;
}

Audio impulse() { return {{1.0f}, {1.0f}}; }

Audio tone(double hz, double level, std::size_t frames, double rate) {
  std::vector<float> x(frames);
  for (std::size_t i = 0; i < frames; ++i)
    x[i] = static_cast<float>(level * std::sin(2.0 * std::numbers::pi * hz * static_cast<double>(i) / rate));
  return {x, x};
}

double gain_at(const std::vector<float>& x, double hz, double rate) {
  std::complex<double> sum;
  for (std::size_t i = 0; i < x.size(); ++i)
    sum += static_cast<double>(x[i]) *
           std::polar(1.0, -2.0 * std::numbers::pi * hz * static_cast<double>(i) / rate);
  return std::abs(sum);
}

double true_peak_db(const std::vector<float>& x, std::size_t begin, std::size_t end) {
  constexpr int kPhases = 16, kHalf = 64;
  float top = 0.0f;
  for (int phase = 0; phase < kPhases; ++phase) {
    float h[2 * kHalf];
    for (int k = 0; k < 2 * kHalf; ++k) {
      const double t = k - kHalf + 1 - static_cast<double>(phase) / kPhases, r = t / kHalf;
      const double window = std::abs(r) < 1.0 ? 0.5 + 0.5 * std::cos(std::numbers::pi * r) : 0.0;
      h[k] = static_cast<float>(window *
                                (t == 0.0 ? 1.0 : std::sin(std::numbers::pi * t) / (std::numbers::pi * t)));
    }
    for (std::size_t i = begin; i + 2 * kHalf < end; ++i) {
      float sums[8] = {};
      for (std::size_t k = 0; k < 2 * kHalf; ++k) sums[k % 8] += h[k] * x[i + k];
      top = std::max(top, std::abs(((sums[0] + sums[1]) + (sums[2] + sums[3])) +
                                   ((sums[4] + sums[5]) + (sums[6] + sums[7]))));
    }
  }
  return decibel(static_cast<double>(top));
}

}  // namespace sound
