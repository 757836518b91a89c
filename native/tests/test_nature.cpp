// The sounds of nature: no offset, no step where a wave begins.
#include <algorithm>

#include "check.h"
#include "sound.h"

using namespace sound;

TEST(nature_has_no_offset) {
  for (const char* type : {"rain", "wind", "surf", "fire", "stream"}) {
    const Audio audio = render(plan_of(type, {}), {}, 10 * 44100);
    double mean = 0.0;
    for (const float x : audio.left) mean += static_cast<double>(x) / (10.0 * 44100.0);
    CHECK(std::abs(mean) < 0.0003);
  }
}

// The level of surf, in windows of a twentieth of a second, moves but never jumps; a new wave starts quietly.
TEST(surf_has_no_step_between_waves) {
  constexpr std::size_t kWindow = 2205;
  for (const double period_s : {4.0, 7.0}) {
    const Audio audio = render(plan_of("surf", {{"period_s", period_s}}), {}, 30 * 44100);
    std::vector<double> levels;
    for (std::size_t i = 0; i + kWindow <= audio.left.size(); i += kWindow)
      levels.push_back(decibel(rms(audio.left, i, i + kWindow)));
    double before = -100.0, largest_fall = 0.0;
    for (const double level : levels) {
      if (before > -100.0) largest_fall = std::max(largest_fall, before - level);
      before = level;
    }
    CHECK(largest_fall < 6.0);
    const auto [low, high] = std::minmax_element(levels.begin(), levels.end());
    CHECK(*high - *low > 12.0);
  }
}
