// Node piano: strings struck by soft hammers.
#include "synth/dsp/modal.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace piano {
namespace {

enum { kVoices, kDecay, kBrightness, kHardness, kStretch, kDetune, kRelease, kSpread, kGain };
constexpr ParamSpec kSpec[] = {
    {"voices", "count", 1, 32, 16, "strings that sound at once"},
    {"decay_s", "s", 0.1f, 60, 12, "fall of middle C by 60 dB; higher strings die sooner"},
    {"brightness", "", 0, 1, 0.5f, "level and length of the upper partials"},
    {"hardness", "", 0, 1, 0.5f, "of the felt; a hard stroke hardens it too"},
    {"stretch", "", 0, 1, 0.4f, "stiffness of the strings, which sharpens their upper partials"},
    {"detune_cents", "cent", 0, 30, 1.2f, "between the strings of a note: beating and a long after-sound"},
    {"release_s", "s", 0.02f, 10, 0.3f, "fall by 60 dB under the damper"},
    {"spread", "", 0, 1, 0.5f, "low notes to the left, high notes to the right"},
    {"gain_db", "dB", -60, 24, 0, "level"},
};

// A string is a bank of modes n f sqrt(1 + B n^2) (Fletcher, JASA 36, 1964). Every partial is two modes: one
// that gives its energy to the bridge at once, and a weaker, detuned one that keeps it: Weinreich's two-stage
// decay (JASA 62, 1977). The felt touches longer at the bass and in soft playing, which is what makes them
// dark.
class Piano final : public StruckInstrument {
 public:
  Piano() : StruckInstrument(kVoices, kSpread, kGain) {}

  void note_off(float note) noexcept override {
    for (ModalVoice& v : bodies())
      if (v.held && v.note == note) v.damp(param(kRelease), rate());
    StruckInstrument::note_off(note);
  }

 protected:
  int modes_of(float note, float velocity, Mode* modes, float& contact_s) noexcept override {
    const float pitch = hz_from_note(note);
    const float octaves = (note - 60.0f) / 12.0f;
    const float hard = param(kHardness) + 0.5f * (velocity - 0.5f);
    contact_s = 0.0042f * std::exp2(-0.55f * octaves - 1.6f * hard);
    const float stiffness = 4e-4f * param(kStretch) * std::exp2(1.1f * octaves);
    const float longest = param(kDecay) * std::exp2(-0.75f * octaves);
    const float loss = 0.35f - 0.3f * param(kBrightness);
    int count = 0;
    for (int n = 1; count + 2 <= ModalVoice::kMostModes; ++n) {
      const float h = static_cast<float>(n);
      const float hz = h * pitch * std::sqrt(1.0f + stiffness * h * h);
      if (hz > 0.45f * rate() || n > 32) break;
      const float decay_s = longest / (1.0f + loss * h);
      // Struck at an eighth of its length; the board carries little below 80 Hz.
      const float place = std::abs(std::sin(kPi * h / 8.3f)) + 0.08f;
      const float board = 1.0f / (1.0f + (80.0f / hz) * (80.0f / hz));
      const float tilt = std::pow(h, -1.1f + 0.9f * param(kBrightness));
      const float amplitude = 0.3f * place * board * tilt;
      const float away = std::exp2(param(kDetune) / 1200.0f);
      modes[count++] = {hz, 0.35f * decay_s, 0.8f * amplitude};
      modes[count++] = {hz * away, decay_s, 0.2f * amplitude};
    }
    return count;
  }
};

}  // namespace
}  // namespace piano

const NodeType kPianoType{"piano",      "strings struck by soft hammers", false, true,
                          piano::kSpec, make_node<piano::Piano>};

}  // namespace SYNTH_ISA
}  // namespace synth
