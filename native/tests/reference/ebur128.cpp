// Prints what libebur128 reads for every programme, as the table that tests/test_programs.cpp holds:
//     g++ -std=c++20 -O2 -I native native/tests/reference/ebur128.cpp -lebur128 -o reference && ./reference
// The tests do not need the library; run this again when a programme changes.
#include <ebur128.h>

#include <algorithm>
#include <cstdio>

#include "tests/programs.h"

int main() {
  for (const programs::Program& program : programs::all()) {
    const auto channels = static_cast<unsigned>(program.channels.size());
    const auto rate = static_cast<unsigned long>(program.rate);
    ebur128_state* state = ebur128_init(
        channels, rate,
        EBUR128_MODE_M | EBUR128_MODE_S | EBUR128_MODE_I | EBUR128_MODE_LRA | EBUR128_MODE_TRUE_PEAK);
    if (channels == 5) {
      ebur128_set_channel(state, 3, EBUR128_LEFT_SURROUND);
      ebur128_set_channel(state, 4, EBUR128_RIGHT_SURROUND);
    }
    double momentary = -200.0, short_term = -200.0, now = 0.0;
    const std::size_t frames = program.channels[0].size();
    std::vector<float> piece;
    for (std::size_t at = 0; at < frames; at += rate / 100) {
      const std::size_t count = std::min<std::size_t>(rate / 100, frames - at);
      piece.clear();
      for (std::size_t i = at; i < at + count; ++i)
        for (const programs::Samples& x : program.channels) piece.push_back(x[i]);
      ebur128_add_frames_float(state, piece.data(), count);
      ebur128_loudness_momentary(state, &now);
      if (at + count >= rate * 4 / 10) momentary = std::max(momentary, now);
      ebur128_loudness_shortterm(state, &now);
      if (at + count >= rate * 3) short_term = std::max(short_term, now);
    }
    double integrated = 0.0, range = 0.0, peak = 0.0;
    ebur128_loudness_global(state, &integrated);
    ebur128_loudness_range(state, &range);
    for (unsigned c = 0; c < channels; ++c, peak = std::max(peak, now)) ebur128_true_peak(state, c, &now);
    std::printf("    {\"%s\", %.0f, %.2f, %.2f, %.2f, %.2f, %.2f},\n", program.name.c_str(), program.rate,
                integrated, momentary, short_term, range, 20.0 * std::log10(peak));
    ebur128_destroy(&state);
  }
}
