// Node bell: struck bells, bars, bowls and skins.
#include "synth/dsp/modal.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace bell {
namespace {

constexpr int kPartials = 8;

enum { kBody, kVoices, kDecay, kBrightness, kInharmonicity, kHardness, kBeating, kSpread, kGain };
constexpr const char* kBodies[] = {"bell", "bar", "marimba", "tube", "bowl", "glass", "tine", "skin"};
// Frequencies of the modes against the lowest, or against the one that is heard as the pitch. After Fletcher
// and Rossing, "The Physics of Musical Instruments": church bell (chapter 21), free bar, marimba bar, tubular
// bell (chapter 19), singing bowl, wine glass (chapter 20), clamped tine (2.12), circular membrane (chapter
// 18).
constexpr float kRatios[][kPartials] = {
    {1.0f, 1.2f, 1.5f, 2.0f, 2.5f, 2.67f, 3.0f, 4.0f},
    {1.0f, 2.756f, 5.404f, 8.933f, 13.34f, 18.64f, 24.81f, 31.87f},
    {1.0f, 3.92f, 9.24f, 16.27f, 24.22f, 33.54f, 42.97f, 55.1f},
    {1.0f, 0.5f, 1.49f, 2.02f, 2.65f, 3.37f, 4.17f, 5.05f},
    {1.0f, 2.71f, 5.04f, 7.91f, 11.3f, 15.2f, 19.6f, 24.5f},
    {1.0f, 2.32f, 4.25f, 6.63f, 9.38f, 12.22f, 15.9f, 19.7f},
    {1.0f, 6.267f, 17.55f, 34.39f, 56.84f, 84.9f, 118.6f, 157.9f},
    {1.0f, 1.593f, 2.136f, 2.296f, 2.653f, 2.918f, 3.156f, 3.501f},
};
constexpr ParamSpec kSpec[] = {
    {"body", "", 0, 7, 0, "what is struck", kBodies},
    {"voices", "count", 1, 32, 8, "bodies that sound at once"},
    {"decay_s", "s", 0.05f, 60, 4, "fall of the fundamental by 60 dB"},
    {"brightness", "", 0, 1, 0.5f, "level and length of the upper modes"},
    {"inharmonicity", "", 0, 1, 1, "0 harmonics, 1 the partials of the body"},
    {"hardness", "", 0, 1, 0.8f, "of the mallet: 0 felt, 1 metal"},
    {"beating_hz", "Hz", 0, 10, 0, "between the two halves of each mode, as in bowls and old bells"},
    {"spread", "", 0, 1, 0.4f, "low notes to the left, high notes to the right"},
    {"gain_db", "dB", -60, 24, 0, "level"},
};

class Bell final : public StruckInstrument {
 public:
  Bell() : StruckInstrument(kVoices, kSpread, kGain) {}

 protected:
  // A bell rings on: note_off only marks it as the first to be taken for a new note.
  int modes_of(float note, float velocity, Mode* modes, float& contact_s) noexcept override {
    const float pitch = hz_from_note(note), beating = param(kBeating);
    // A mallet of felt stays on a low bar for some 5 ms, one of metal for a fifth of one.
    contact_s = 0.005f * std::pow(0.04f, param(kHardness)) * std::pow(pitch / 260.0f, -0.3f);
    // Upper modes are weaker and die sooner; a hard strike brings them out.
    const float bright = param(kBrightness) * (0.5f + 0.5f * velocity);
    int count = 0;
    for (int m = 0; m < kPartials; ++m) {
      const float harmonic = static_cast<float>(m + 1);
      const float ratio = harmonic + param(kInharmonicity) * (kRatios[whole(kBody)][m] - harmonic);
      const float amplitude = 0.15f * std::pow(harmonic, -2.0f + 1.6f * bright);
      const float decay_s = param(kDecay) * std::min(std::pow(ratio, -1.6f + 1.2f * bright), 1.0f);
      if (beating == 0.0f) {
        modes[count++] = {ratio * pitch, decay_s, amplitude};
        continue;
      }
      modes[count++] = {ratio * pitch - 0.5f * beating, decay_s, 0.5f * amplitude};
      modes[count++] = {ratio * pitch + 0.5f * beating, decay_s, 0.5f * amplitude};
    }
    return count;
  }
};

}  // namespace
}  // namespace bell

const NodeType kBellType{
    "bell", "struck bell, bar, bowl or skin", false, true, bell::kSpec, make_node<bell::Bell>};

}  // namespace SYNTH_ISA
}  // namespace synth
