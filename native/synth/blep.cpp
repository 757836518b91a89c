#include "synth/blep.h"

#include <cmath>
#include <numbers>
#include <vector>

namespace synth {
namespace {

constexpr double kCutoff = 0.4577, kBeta = 8.5;  // of the sample rate; Kaiser's shape parameter

double bessel_i0(double x) {
  double sum = 1.0, term = 1.0;
  for (int k = 1; term > 1e-12 * sum; ++k) {
    term *= x * x / (4.0 * k * k);
    sum += term;
  }
  return sum;
}

double kernel(double t) {
  const double x = t / BlepTable::kLead;
  if (std::abs(x) >= 1.0) return 0.0;
  const double angle = 2.0 * std::numbers::pi * kCutoff * t;
  const double sinc = t == 0.0 ? 1.0 : std::sin(angle) / angle;
  return sinc * bessel_i0(kBeta * std::sqrt(1.0 - x * x));
}

// The integral of an even or odd function given on a grid, by the trapezoid rule. On this grid the rule is
// one more linear filter, the same for every row, so it bends the pass band by 5e-5 and lets nothing fold.
std::vector<double> integral(const std::vector<double>& x) {
  std::vector<double> sum(x.size());
  for (std::size_t i = 1; i < x.size(); ++i) sum[i] = sum[i - 1] + 0.5 * (x[i - 1] + x[i]);
  return sum;
}

constexpr std::size_t kPoints = static_cast<std::size_t>(BlepTable::kTaps) * BlepTable::kRows;

std::vector<double> band_limited_step() {
  std::vector<double> impulse(kPoints + 1);
  for (std::size_t i = 0; i <= kPoints / 2; ++i)
    impulse[i] = impulse[kPoints - i] = kernel(static_cast<double>(i) / BlepTable::kRows - BlepTable::kLead);
  std::vector<double> step = integral(impulse);
  const double total = step[kPoints];
  for (double& x : step) x /= total;
  return step;
}

}  // namespace

BlepTable::BlepTable() {
  const std::vector<double> smooth_step = band_limited_step();
  std::vector<double> smooth_corner = integral(smooth_step);
  constexpr int kCentre = kLead * kRows;
  for (int row = 0; row <= kRows; ++row) {
    for (int tap = 0; tap < kTaps; ++tap) {
      const int at =
          tap * kRows + row;  // the tap before the jump never counts as after it, not even in the last row
      const double t = static_cast<double>(at - kCentre) / kRows;
      const auto i = static_cast<std::size_t>(at);
      step[row][tap] = static_cast<float>(smooth_step[i] - (tap >= kLead ? 1.0 : 0.0));
      corner[row][tap] = static_cast<float>(smooth_corner[i] / kRows - (tap >= kLead ? t : 0.0));
    }
  }
}

const BlepTable& blep_table() {
  static const BlepTable table;
  return table;
}

}  // namespace synth
