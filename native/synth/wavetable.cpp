#include "synth/wavetable.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

namespace synth {
namespace {

constexpr int kMostHarmonics = 1024;
using Complex = std::complex<double>;

// In-place radix-2 inverse transform (Cooley, Tukey 1965); sizes here are powers of two.
void inverse_fft(std::vector<Complex>& x) {
  const std::size_t n = x.size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {
    std::size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  std::vector<Complex> turn(n / 2);
  for (std::size_t k = 0; k < n / 2; ++k)
    turn[k] = std::polar(1.0, 2.0 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
  for (std::size_t half = 1; half < n; half *= 2) {
    for (std::size_t start = 0; start < n; start += 2 * half) {
      for (std::size_t k = 0; k < half; ++k) {
        const Complex t = x[start + half + k];
        const Complex w = turn[k * (n / 2 / half)];
        const Complex odd(w.real() * t.real() - w.imag() * t.imag(),
                          w.real() * t.imag() + w.imag() * t.real());
        x[start + half + k] = x[start + k] - odd;
        x[start + k] += odd;
      }
    }
  }
}

// The Fourier series of the shape, amplitude 1: saw falls from +1 to -1, triangle starts at its top.
Complex coefficient(Wavetable::Shape shape, int n) {
  if (shape == Wavetable::Shape::saw) return {0.0, -2.0 / (std::numbers::pi * n)};
  return n % 2 == 0 ? 0.0 : 8.0 / (std::numbers::pi * std::numbers::pi * n * n);
}

int table_bits(int harmonics) {
  int bits = 11;
  while ((1 << bits) < 32 * harmonics) ++bits;
  return bits;
}

std::vector<float> one_period(Wavetable::Shape shape, int harmonics, int bits) {
  std::vector<Complex> spectrum(std::size_t{1} << bits);
  for (int n = 1; n <= harmonics; ++n) spectrum[static_cast<std::size_t>(n)] = coefficient(shape, n);
  inverse_fft(spectrum);
  std::vector<float> samples(spectrum.size() + 1);
  std::transform(spectrum.begin(), spectrum.end(), samples.begin(),
                 [](const Complex& c) { return static_cast<float>(c.real()); });
  samples.back() = samples.front();
  return samples;
}

}  // namespace

Table Wavetable::Level::table() const noexcept {
  const int shift = 32 - bits;
  return {samples.data(), shift, (std::uint32_t{1} << shift) - 1, std::ldexp(1.0f, -shift)};
}

Wavetable::Wavetable(Shape shape) {
  for (int step = 0;; ++step) {
    const int harmonics = static_cast<int>(kMostHarmonics * std::exp2(-step / 4.0) + 1e-9);
    if (harmonics < 1) break;
    if (!levels_.empty() && levels_.back().harmonics == harmonics) continue;
    const int bits = table_bits(harmonics);
    levels_.push_back({harmonics, bits, one_period(shape, harmonics, bits)});
  }
}

Table Wavetable::pick(std::uint32_t increment) const noexcept {
  const std::uint32_t fits = increment == 0 ? kMostHarmonics : 0x7fffffffu / increment;
  const auto level = std::find_if(levels_.begin(), levels_.end() - 1, [fits](const Level& candidate) {
    return static_cast<std::uint32_t>(candidate.harmonics) <= fits;
  });
  return level->table();
}

const Wavetable& saw_wavetable() {
  static const Wavetable wavetable(Wavetable::Shape::saw);
  return wavetable;
}

const Wavetable& triangle_wavetable() {
  static const Wavetable wavetable(Wavetable::Shape::triangle);
  return wavetable;
}

}  // namespace synth
