// Against the reference meter libebur128 1.2.6 (Debian's package libebur128-dev): the figures were printed by
// tests/reference/ebur128.cpp. "3341" and "3342" are the test signals of EBU Tech 3341 and 3342.
#include <algorithm>

#include "check.h"
#include "programs.h"
#include "synth/finish/finish.h"

namespace {

struct Reading {
  const char* name;
  double rate, integrated, momentary_max, short_term_max, range, true_peak;
};

// clang-format off
constexpr Reading kReference[] = {
    {"3341-1", 48000, -22.99, -22.99, -22.99, 0.00, -23.00},
    {"3341-2", 48000, -32.99, -32.99, -32.99, 0.00, -33.00},
    {"3341-3", 48000, -23.01, -22.99, -22.99, 13.00, -23.00},
    {"3341-4", 48000, -23.01, -22.99, -22.99, 13.00, -23.00},
    {"3341-5", 48000, -22.98, -19.99, -19.99, 6.00, -20.00},
    {"3341-6", 48000, -23.02, -23.02, -23.02, 0.00, -24.00},
    {"3341-9", 48000, -22.99, -19.99, -22.99, 0.00, -20.00},
    {"3341-10", 48000, -23.54, -22.99, -22.99, 2.06, -23.00},
    {"3341-12", 48000, -22.96, -22.96, -22.73, 0.46, -20.00},
    {"3341-13", 48000, -25.40, -22.99, -200.00, 0.00, -23.00},
    {"3341-15", 48000, -5.89, -5.68, -200.00, 0.00, -6.02},
    {"3341-16", 48000, -5.89, -5.68, -200.00, 0.00, -6.05},
    {"3341-17", 48000, -5.89, -5.68, -200.00, 0.00, -6.01},
    {"3341-18", 48000, -5.90, -5.69, -200.00, 0.00, -6.02},
    {"3341-19", 48000, 3.11, 3.33, -200.00, 0.00, 2.95},
    {"3342-1", 48000, -22.59, -19.99, -19.99, 10.00, -20.00},
    {"3342-2", 48000, -16.81, -14.99, -14.99, 5.00, -15.00},
    {"3342-3", 48000, -20.03, -19.99, -19.99, 20.00, -20.00},
    {"3342-4", 48000, -24.49, -19.99, -19.99, 15.00, -20.00},
    {"chords", 44100, -20.56, -15.45, -18.93, 2.50, -6.19},
    {"beat", 44100, -14.46, -12.89, -14.37, 0.12, 1.86},
    {"waves", 44100, -6.91, -2.93, -5.12, 13.31, 7.12},
    {"chords", 48000, -20.56, -15.45, -18.93, 2.50, -6.19},
    {"beat", 48000, -14.46, -12.87, -14.37, 0.13, 1.75},
    {"waves", 48000, -6.85, -2.88, -5.05, 13.26, 7.40},
    {"chords", 32000, -20.48, -17.02, -18.97, 3.00, -6.19},
    {"chords", 96000, -20.52, -17.06, -19.01, 3.00, -6.19},
};
// clang-format on

constexpr double kNone = -200.0;

}  // namespace

TEST(readings_are_those_of_libebur128) {
  const std::vector<programs::Program> all = programs::all();
  CHECK(all.size() == std::size(kReference));
  for (std::size_t i = 0; i < std::min(all.size(), std::size(kReference)); ++i) {
    const Reading& expected = kReference[i];
    const programs::Program& program = all[i];
    std::vector<const float*> pointers;
    for (const programs::Samples& x : program.channels) pointers.push_back(x.data());
    const synth::Report got = synth::measure({pointers, program.channels[0].size(), program.rate});
    CHECK(program.name == expected.name && program.rate == expected.rate);
    CHECK_NEAR(got.loudness_lufs.value_or(kNone), expected.integrated, 0.02);
    CHECK_NEAR(got.momentary_max_lufs.value_or(kNone), expected.momentary_max, 0.05);
    CHECK_NEAR(got.short_term_max_lufs.value_or(kNone), expected.short_term_max, 0.05);
    CHECK_NEAR(got.loudness_range_lu.value_or(0.0), expected.range, 0.1);
    CHECK_NEAR(got.true_peak_dbtp, expected.true_peak, 0.2);
  }
}
