// Node pluck: plucked strings.

#include "synth/dsp/voice.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace pluck {
namespace {

constexpr int kMaxVoices = 32;
constexpr float kLowestHz = 20.0f;

enum { kVoices, kDecay, kBrightness, kSpread, kGain };
constexpr ParamSpec kSpec[] = {
    {"voices", "count", 1, kMaxVoices, 8, "strings"},
    {"decay_s", "s", 0.05f, 60, 3, "fall of the fundamental by 60 dB"},
    {"brightness", "", 0, 1, 0.6f, "of the pluck and of the string's losses"},
    {"spread", "", 0, 1, 0.4f, "low notes to the left, high notes to the right"},
    {"gain_db", "dB", -60, 24, 0, "level"},
};

// Karplus and Strong, Computer Music Journal 7(2), 1983, with the exact tuning of Jaffe and Smith (same
// issue): the loop is delay + two-point mean + first-order all-pass, whose phase delays at the fundamental
// sum to a period.
struct String : VoiceState {
  float* line = nullptr;
  int length = 2, position = 0;
  float loss = 0.0f, blend = 0.5f, all_pass = 0.0f;
  float last = 0.0f, pass_in = 0.0f, pass_out = 0.0f;
  float left = 0.7f, right = 0.7f, energy = 0.0f;

  [[nodiscard]] bool active() const noexcept { return energy > 1e-5f; }
  [[nodiscard]] float level() const noexcept { return energy; }

  float step() noexcept {
    const float now = line[static_cast<std::size_t>(position)];
    const float mean = (1.0f - blend) * now + blend * last;
    last = now;
    const float passed = all_pass * (mean - pass_out) + pass_in;
    pass_in = mean;
    pass_out = passed;
    line[static_cast<std::size_t>(position)] = loss * passed;
    if (++position == length) position = 0;
    return now;
  }
};

class Pluck final : public Node {
 public:
  void note_on(float note, float velocity) noexcept override {
    String& s = pick_voice(std::span(strings_).first(static_cast<std::size_t>(whole(kVoices))), note);
    if (s.active()) cut(s);
    static_cast<VoiceState&>(s) = {note, true, ++notes_};
    tune(s, std::clamp(hz_from_note(note), kLowestHz, 0.2f * rate()));
    excite(s, velocity);
    const float side = param(kSpread) * std::clamp((note - 60.0f) / 24.0f, -1.0f, 1.0f);
    s.left = std::sqrt(0.5f * (1.0f - side));
    s.right = std::sqrt(0.5f * (1.0f + side));
  }

  void note_off(float note) noexcept override {
    for (String& s : strings_) {
      if (!s.held || s.note != note) continue;
      s.held = false;
      s.loss = std::min(s.loss, per_period(s, std::min(0.25f, param(kDecay))));  // the finger on the string
    }
  }

  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    std::fill_n(out.left, frames, 0.0f);
    std::fill_n(out.right, frames, 0.0f);
    for (String& s : strings_)
      if (s.active()) play(s, out, frames);
    declick_.add_to(out.left, out.right, frames);
    gain_.advance(frames);
  }

 protected:
  void prepare() override {
    for (String& s : strings_) s.line = arena().floats(static_cast<std::size_t>(rate() / kLowestHz) + 4);
    declick_.prepare(static_cast<double>(rate()));
  }
  void control() noexcept override { follow_level(gain_, gain(kGain)); }
  void advance() noexcept override {
    // The loss per period is known, so the level is too: no need to measure it.
    for (String& s : strings_)
      if (s.active())
        s.energy *= std::pow(s.loss, static_cast<float>(block()) / static_cast<float>(s.length));
  }

 private:
  static float per_period(const String& s, float decay_s, float rate) noexcept {
    return std::pow(10.0f, -3.0f * static_cast<float>(s.length) / (decay_s * rate));
  }
  [[nodiscard]] float per_period(const String& s, float decay_s) const noexcept {
    return per_period(s, decay_s, rate());
  }

  void tune(String& s, float hz) noexcept {
    const float w = 2.0f * kPi * hz / rate();
    s.blend = 0.5f * (1.0f - 0.94f * param(kBrightness));
    const float re = 1.0f - s.blend + s.blend * std::cos(w), im = s.blend * std::sin(w);
    const float rest = rate() / hz - std::atan2(im, re) / w;
    s.length = std::max(static_cast<int>(rest - 0.2f), 2);
    const float fraction = rest - static_cast<float>(s.length);  // 0.2 .. 1.2, where the all-pass is tame
    s.all_pass = std::sin(0.5f * w * (1.0f - fraction)) / std::sin(0.5f * w * (1.0f + fraction));
    s.loss = std::min(per_period(s, param(kDecay)) / std::hypot(re, im), 0.99999f);
  }

  // One period of noise, softer when played softly; the mean is removed because the loop would keep it.
  void excite(String& s, float velocity) noexcept {
    const float keep = 0.9f * (1.0f - velocity) * (1.0f - 0.6f * param(kBrightness));
    float soft = 0.0f, sum = 0.0f;
    for (int i = 0; i < s.length; ++i) {
      soft = keep * soft + (1.0f - keep) * random_.bipolar();
      sum += s.line[static_cast<std::size_t>(i)] = soft;
    }
    const float mean = sum / static_cast<float>(s.length);
    for (int i = 0; i < s.length; ++i) {
      float& x = s.line[static_cast<std::size_t>(i)];
      x = 0.5f * velocity * (x - mean);
    }
    s.position = 0;
    s.last = s.pass_in = s.pass_out = 0.0f;
    s.energy = std::max(velocity, 1e-3f);
  }

  void cut(const String& s) noexcept {
    const float now = gain_.now() * s.last;
    declick_.catch_left_right(now * s.left, now * s.right);
  }

  void play(String& s, const Stereo& out, int frames) noexcept {
    for (int i = 0; i < frames; ++i) {
      const float value = gain_.at(i) * s.step();
      out.left[i] += s.left * value;
      out.right[i] += s.right * value;
    }
  }

  std::array<String, kMaxVoices> strings_;
  std::uint32_t notes_ = 0;
  Smooth gain_;
  Declick declick_;
};

}  // namespace
}  // namespace pluck

const NodeType kPluckType{"pluck", "plucked strings", false, true, pluck::kSpec, make_node<pluck::Pluck>};

}  // namespace SYNTH_ISA
}  // namespace synth
