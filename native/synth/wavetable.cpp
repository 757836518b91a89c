#include "synth/wavetable.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <vector>

namespace synth {
namespace {

constexpr int kMostBits = 11;  // 2048 points for 128 harmonics
constexpr float kPi = 3.14159265358979f;

int bits_for(int harmonics) {
  int bits = WaveSet::kFewestBits;
  while ((1 << bits) < 16 * harmonics) ++bits;
  return bits;
}

struct Layout {
  std::array<WaveSet::Level, WaveSet::kLevels> levels{};
  std::size_t samples = 0;
  Layout() {
    for (int l = 0; l < WaveSet::kLevels; ++l) {
      const int harmonics = std::max(static_cast<int>(kWaveHarmonics * std::exp2(-0.5 * l) + 1e-6), 1);
      const int bits = bits_for(harmonics);
      levels[static_cast<std::size_t>(l)] = {static_cast<int>(samples), bits, harmonics};
      samples += (std::size_t{1} << bits) + 16;
    }
  }
};

const Layout& layout() {
  static const Layout instance;
  return instance;
}

// Quarter-resolution sine of 2^11 points per turn, for the sums below.
const std::vector<float>& sine_table() {
  static const std::vector<float> table = [] {
    std::vector<float> t(std::size_t{1} << kMostBits);
    for (std::size_t i = 0; i < t.size(); ++i)
      t[i] = static_cast<float>(
          std::sin(2.0 * 3.14159265358979323846 * static_cast<double>(i) / static_cast<double>(t.size())));
    return t;
  }();
  return table;
}

// In-place inverse transform of a spectrum held as real and imaginary parts (Cooley, Tukey 1965).
void inverse_fft(float* re, float* im, int bits) noexcept {
  const std::size_t n = std::size_t{1} << bits;
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(re[i], re[j]), std::swap(im[i], im[j]);
  }
  const float* sine = sine_table().data();
  const std::size_t turn = std::size_t{1} << kMostBits, quarter = turn / 4;
  for (std::size_t half = 1; half < n; half *= 2) {
    const std::size_t stride = turn / (2 * half);
    for (std::size_t start = 0; start < n; start += 2 * half) {
      for (std::size_t k = 0; k < half; ++k) {
        const float c = sine[(k * stride + quarter) & (turn - 1)], s = sine[k * stride];
        const std::size_t a = start + k, b = a + half;
        const float odd_re = c * re[b] - s * im[b], odd_im = c * im[b] + s * re[b];
        re[b] = re[a] - odd_re, im[b] = im[a] - odd_im;
        re[a] += odd_re, im[a] += odd_im;
      }
    }
  }
}

float bump(float x, float centre, float width) {
  return std::exp(-0.5f * (x - centre) * (x - centre) / (width * width));
}

// Formants of sung a, e, i, o, u in Hz (Peterson and Barney, JASA 24, 1952, rounded), over a note of 110 Hz.
float vowel(float harmonic, float position) {
  constexpr float kFormants[5][3] = {
      {730, 1090, 2440}, {530, 1840, 2480}, {270, 2290, 3010}, {570, 840, 2410}, {300, 870, 2240}};
  const float at = std::min(position * 4.0f, 3.999f), part = at - std::floor(at);
  const auto from = static_cast<std::size_t>(at);
  constexpr float kGain[3] = {1.0f, 0.5f, 0.25f};
  float sum = 0.02f;
  for (std::size_t f = 0; f < 3; ++f) {
    const float hz = kFormants[from][f] + part * (kFormants[from + 1][f] - kFormants[from][f]);
    sum += kGain[f] * bump(110.0f * harmonic, hz, 60.0f + 0.05f * hz);
  }
  return sum / std::sqrt(harmonic);
}

// Amplitude of a harmonic in a built-in set, position 0 .. 1.
float amplitude(int set, int n, float position) {
  const float h = static_cast<float>(n);
  const auto saw = [h](float slope) { return std::pow(h, -slope); };
  switch (set) {
    case 1: {  // organ: drawbars 16' to 1' come out one by one
      constexpr int kBars[] = {1, 2, 3, 4, 6, 8, 10, 12, 16};
      for (int b = 0; b < 9; ++b)
        if (kBars[b] == n)
          return std::clamp(2.0f + 7.0f * position - static_cast<float>(b), 0.0f, 1.0f) * saw(0.25f);
      return 0.0f;
    }
    case 2:
      return vowel(h, position);
    case 3:  // brass: louder is brighter, with a broad resonance
      return saw(3.2f - 2.4f * position) * (1.0f + 1.5f * bump(h, 5.0f + 6.0f * position, 3.0f));
    case 4:  // reed: from odd harmonics to all
      return saw(1.0f) * (n % 2 == 1 ? 1.0f : position) * (1.0f + bump(h, 7.0f, 3.0f));
    case 5: {  // glass: few and far apart, prime numbers last
      constexpr int kPartials[] = {1, 3, 5, 8, 13, 19, 31, 43};
      for (int b = 0; b < 8; ++b)
        if (kPartials[b] == n)
          return saw(0.8f) * std::clamp(1.5f + 7.0f * position - static_cast<float>(b), 0.0f, 1.0f);
      return 0.0f;
    }
    case 6: {  // pulse: from a square to a needle
      const float width = 0.5f - 0.45f * position;
      return std::abs(std::sin(kPi * h * width)) / h;
    }
    default: {  // sweep: a resonant peak moves up over a saw
      const float centre = std::exp2(6.0f * position);
      return saw(1.0f) * (h <= centre ? 1.0f : std::exp(-0.5f * (h - centre) / centre)) +
             0.35f * bump(h, centre, 0.12f * centre + 0.5f);
    }
  }
}

}  // namespace

const std::array<WaveSet::Level, WaveSet::kLevels>& WaveSet::levels() noexcept { return layout().levels; }
std::size_t WaveSet::samples_per_frame() noexcept { return layout().samples; }

void WaveSet::build(const Spectrum& spectrum, float* out) noexcept {
  float re[std::size_t{1} << kMostBits], im[std::size_t{1} << kMostBits];
  float power = 0.0f;
  for (const float a : spectrum) power += 0.5f * a * a;
  const float scale = power > 0.0f ? std::sqrt(1.0f / (3.0f * power)) : 0.0f;
  for (const Level& level : levels()) {
    const std::size_t points = std::size_t{1} << level.bits;
    std::fill_n(re, points, 0.0f);
    std::fill_n(im, points, 0.0f);
    for (int n = 1; n <= level.harmonics; ++n) {
      const auto i = static_cast<std::size_t>(n);
      const float phase = kPi * static_cast<float>(n) * static_cast<float>(n - 1) / kWaveHarmonics;
      re[i] = scale * spectrum[i - 1] * std::sin(phase);
      im[i] = -scale * spectrum[i - 1] * std::cos(phase);
    }
    inverse_fft(re, im, level.bits);
    float* const cycle = out + level.offset;
    cycle[0] = re[points - 1];
    std::copy_n(re, points, cycle + 1);
    std::copy_n(re, 2, cycle + 1 + points);
  }
}

const float* wave_set(int index) {
  static std::array<std::unique_ptr<float[]>, static_cast<std::size_t>(kWaveSets)> sets;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  auto& set = sets[static_cast<std::size_t>(index)];
  if (set) return set.get();
  auto made = std::make_unique<float[]>(WaveSet::samples_per_frame() * WaveSet::kFrames);
  for (int frame = 0; frame < WaveSet::kFrames; ++frame) {
    Spectrum spectrum;
    for (int n = 1; n <= kWaveHarmonics; ++n)
      spectrum[static_cast<std::size_t>(n - 1)] =
          amplitude(index, n, static_cast<float>(frame) / (WaveSet::kFrames - 1));
    WaveSet::build(spectrum, made.get() + WaveSet::samples_per_frame() * static_cast<std::size_t>(frame));
  }
  set = std::move(made);
  return set.get();
}

}  // namespace synth
