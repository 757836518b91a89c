// The saturation: what folds, what stays.
#include "check.h"
#include "sound.h"

using namespace sound;

namespace {

// Everything off the harmonics and below 18 kHz, against the harmonics.
double folded_db(double drive_db, int cycles) {
  constexpr std::size_t kWindow = 65536;
  const double bin = 44100.0 / kWindow;
  const Audio out =
      through("saturate", {{"drive_db", drive_db}}, tone(cycles * bin, 0.5, 2 * kWindow), 2 * kWindow);
  const auto spectrum = power_spectrum(out.left.data() + kWindow, kWindow);
  double folded = 0.0, harmonic = 0.0;
  for (int k = 8; k < static_cast<int>(18000.0 / bin); ++k) {
    const int off = k % cycles;
    const bool on = k > cycles / 2 && std::min(off, cycles - off) <= 8;
    (on ? harmonic : folded) += spectrum[static_cast<std::size_t>(k)];
  }
  return 10.0 * std::log10(folded / harmonic);
}

}  // namespace

TEST(saturate_does_not_fold_what_it_makes) {
  CHECK(folded_db(12.0, 659) < -120.0);   // 443 Hz
  CHECK(folded_db(12.0, 7435) < -110.0);  // 5003 Hz
  CHECK(folded_db(24.0, 659) < -120.0);
  CHECK(folded_db(24.0, 2469) < -100.0);  // 1661 Hz
  CHECK(folded_db(24.0, 7435) < -75.0);
  CHECK(folded_db(36.0, 7435) < -52.0);
}

TEST(saturate_keeps_a_quiet_sound_and_its_level) {
  for (const double hz : {100.0, 1000.0, 10000.0, 16000.0}) {
    const Audio out = through("saturate", {{"drive_db", 0.0}}, tone(hz, 0.001, 20000), 20000);
    CHECK_NEAR(decibel(rms(out.left, 2000, 20000) / (0.001 * std::sqrt(0.5))), 0.97,
               0.4);  // 0 dB at half scale
  }
}
