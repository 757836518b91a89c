// Node bell: struck bars and bells as a bank of decaying modes.
#include "synth/dsp/voice.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

constexpr int kMaxVoices = 32, kModes = 8;

enum { kVoices, kDecay, kBrightness, kInharmonicity, kSpread, kGain };
constexpr ParamSpec kSpec[] = {
    {"voices", "count", 1, kMaxVoices, 8, "bells"},
    {"decay_s", "s", 0.05f, 60, 4, "fall of the fundamental by 60 dB"},
    {"brightness", "", 0, 1, 0.5f, "level and length of the upper modes"},
    {"inharmonicity", "", 0, 1, 1, "0 harmonics, 1 the partials of a church bell"},
    {"spread", "", 0, 1, 0.4f, "low notes to the left, high notes to the right"},
    {"gain_db", "dB", -60, 24, 0, "level"},
};

// Prime, tierce, quint, nominal and so on of a minor-third bell, relative to the prime; after Fletcher and
// Rossing, "The Physics of Musical Instruments", chapter 21.
constexpr std::array<float, kModes> kBellRatio = {1.0f, 1.2f, 1.5f, 2.0f, 2.5f, 2.67f, 3.0f, 4.0f};

// Each mode is a vector that turns and shrinks; its imaginary part starts at zero, so a strike never clicks.
struct Bell : VoiceState {
  std::array<float, kModes> re{}, im{}, turn_re{}, turn_im{};
  float left = 0.7f, right = 0.7f, energy = 0.0f, keep = 1.0f, last = 0.0f;

  [[nodiscard]] bool active() const noexcept { return energy > 1e-5f; }
  [[nodiscard]] float level() const noexcept { return energy; }

  float step() noexcept {
    float sum = 0.0f;
    for (std::size_t m = 0; m < kModes; ++m) {
      const float r = re[m] * turn_re[m] - im[m] * turn_im[m];
      im[m] = re[m] * turn_im[m] + im[m] * turn_re[m];
      re[m] = r;
    }
    for (std::size_t m = 0; m < kModes; ++m) sum += im[m];
    return last = sum;
  }
};

class BellNode final : public Node {
 public:
  void note_on(float note, float velocity) noexcept override {
    Bell& b = pick_voice(std::span(bells_).first(static_cast<std::size_t>(whole(kVoices))), note);
    if (b.active()) declick_.catch_left_right(gain_.now() * b.last * b.left, gain_.now() * b.last * b.right);
    static_cast<VoiceState&>(b) = {note, true, ++notes_};
    for (std::size_t m = 0; m < kModes; ++m) strike(b, m, velocity);
    const float side = param(kSpread) * std::clamp((note - 60.0f) / 24.0f, -1.0f, 1.0f);
    b.left = std::sqrt(0.5f * (1.0f - side));
    b.right = std::sqrt(0.5f * (1.0f + side));
    b.energy = std::max(velocity, 1e-3f);
    b.keep = std::pow(10.0f, -3.0f * block_s() / param(kDecay));
  }

  // A bell rings on: note_off only marks it as the first to be taken for a new note.
  void note_off(float note) noexcept override {
    for (Bell& b : bells_)
      if (b.note == note) b.held = false;
  }

  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    std::fill_n(out.left, frames, 0.0f);
    std::fill_n(out.right, frames, 0.0f);
    for (Bell& b : bells_) {
      if (!b.active()) continue;
      for (int i = 0; i < frames; ++i) {
        const float value = gain_.at(i) * b.step();
        out.left[i] += b.left * value;
        out.right[i] += b.right * value;
      }
    }
    declick_.add_to(out.left, out.right, frames);
    gain_.advance(frames);
  }

 protected:
  void prepare() override { declick_.prepare(static_cast<double>(rate())); }
  void control() noexcept override {
    follow(gain_, gain(kGain));
    for (Bell& b : bells_)
      if (b.active()) b.energy *= b.keep;
  }

 private:
  void strike(Bell& b, std::size_t m, float velocity) noexcept {
    const float harmonic = static_cast<float>(m + 1), mix = param(kInharmonicity);
    const float ratio = harmonic + mix * (kBellRatio[m] - harmonic);
    const float hz = ratio * hz_from_note(b.note);
    // Upper modes are weaker and die sooner; a hard strike brings them out.
    const float bright = param(kBrightness) * (0.5f + 0.5f * velocity);
    const float decay_s = param(kDecay) * std::pow(ratio, -1.6f + 1.2f * bright);
    const float radius = std::pow(10.0f, -3.0f / (decay_s * rate()));
    const bool audible = hz < 0.47f * rate();
    b.re[m] = audible ? 0.15f * velocity * std::pow(static_cast<float>(m + 1), -2.0f + 1.6f * bright) : 0.0f;
    b.im[m] = 0.0f;
    b.turn_re[m] = radius * std::cos(2.0f * kPi * hz / rate());
    b.turn_im[m] = radius * std::sin(2.0f * kPi * hz / rate());
  }

  std::array<Bell, kMaxVoices> bells_;
  std::uint32_t notes_ = 0;
  Smooth gain_;
  Declick declick_;
};

}  // namespace

const NodeType kBellType{"bell", "struck bell or bar", false, true, kSpec, make_node<BellNode>};

}  // namespace SYNTH_ISA
}  // namespace synth
