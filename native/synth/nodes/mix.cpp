// Nodes gain, pan, mix, tremolo, envelope: what shapes level and place.
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace mix {
namespace {

constexpr ParamSpec kGainSpec[] = {{"gain_db", "dB", -60, 24, 0, "level"}};
constexpr Neutral kGainNeutral[] = {{0, 0.0f}};

void scale(const StereoView& in, const Stereo& out, Smooth& gain, int frames) noexcept {
  for (int i = 0; i < frames; ++i) {
    const float g = gain.at(i);
    out.left[i] = g * in.left[i];
    out.right[i] = g * in.right[i];
  }
  gain.advance(frames);
}

// gain and mix are one thing: inputs are summed before any node sees them.
class Gain final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    scale(in, out, gain_, frames);
  }

 protected:
  void control() noexcept override { follow_level(gain_, gain(0)); }

 private:
  Smooth gain_;
};

enum { kPan, kWidth };
constexpr ParamSpec kPanSpec[] = {
    {"pan", "", -1, 1, 0, "-1 left, 1 right; equal power, 0 dB in the middle"},
    {"width", "", 0, 2, 1, "0 mono, 1 as it is, 2 side signal doubled"},
};
constexpr Neutral kPanNeutral[] = {{kPan, 0.0f}, {kWidth, 1.0f}};

class Pan final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    for (int i = 0; i < frames; ++i) {
      const float mid = 0.5f * (in.left[i] + in.right[i]);
      const float side = 0.5f * (in.left[i] - in.right[i]) * width_.at(i);
      out.left[i] = left_.at(i) * (mid + side);
      out.right[i] = right_.at(i) * (mid - side);
    }
    for (Smooth* s : {&left_, &right_, &width_}) s->advance(frames);
  }

 protected:
  void control() noexcept override {
    const float angle = 0.25f * kPi * (param(kPan) + 1.0f);
    follow_level(left_, std::sqrt(2.0f) * std::cos(angle));
    follow_level(right_, std::sqrt(2.0f) * std::sin(angle));
    follow_level(width_, param(kWidth));
  }

 private:
  Smooth left_, right_, width_;
};

enum { kTremoloRate, kTremoloDepth };
constexpr ParamSpec kTremoloSpec[] = {
    {"rate_hz", "Hz", 0.01f, 40, 4, "speed"},
    {"depth", "", 0, 1, 0.5f, "1 reaches silence"},
};
constexpr Neutral kTremoloNeutral[] = {{kTremoloDepth, 0.0f}};

class Tremolo final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    scale(in, out, gain_, frames);
    lfo_.advance(frames);
  }

 protected:
  void prepare() override { depth_ = param(kTremoloDepth); }
  void advance() noexcept override { depth_ = towards(depth_, param(kTremoloDepth), block_s() / kGlideS); }
  void control() noexcept override {
    lfo_.set_rate(param(kTremoloRate), rate());
    const float wave = 0.5f - 0.5f * std::cos(2.0f * kPi * lfo_.turns(block()));
    follow(gain_, 1.0f - depth_ * wave);
  }

 private:
  Smooth gain_;
  float depth_ = 0.0f;
  Lfo lfo_;
};

enum { kAttack, kHold, kRelease };
constexpr ParamSpec kEnvelopeSpec[] = {
    {"attack_s", "s", 0, 600, 0, "fade in from frame 0"},
    {"hold_s", "s", 0, 86400, 86400, "full level after the fade in"},
    {"release_s", "s", 0, 600, 1, "fade out, then silence"},
};

class Envelope final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    scale(in, out, gain_, frames);
    frames_ += frames;
  }

 protected:
  void prepare() override { gain_.jump(level_at(0.0)); }
  void control() noexcept override {
    gain_.aim(level_at((static_cast<double>(frames_) + block()) / static_cast<double>(rate())), block());
  }

 private:
  // Raised cosine both ways; a fade of 0 s takes one control block.
  [[nodiscard]] float level_at(double time_s) const noexcept {
    const double attack = static_cast<double>(param(kAttack)), release = static_cast<double>(param(kRelease));
    const double left = attack + static_cast<double>(param(kHold)) + release - time_s;
    const double up = attack > 0.0 ? std::clamp(time_s / attack, 0.0, 1.0) : 1.0;
    const double down = release > 0.0 ? std::clamp(left / release, 0.0, 1.0) : (left > 0.0 ? 1.0 : 0.0);
    const float edge = static_cast<float>(std::min(up, down));
    return 0.5f - 0.5f * std::cos(kPi * edge);
  }
  Smooth gain_;
  std::int64_t frames_ = 0;
};

}  // namespace
}  // namespace mix

const NodeType kGainType{"gain", "level",        true,
                         false,  mix::kGainSpec, make_node<mix::Gain>,
                         false,  Role::audio,    mix::kGainNeutral};
const NodeType kMixType{"mix", "sum of its inputs", true,
                        false, mix::kGainSpec,      make_node<mix::Gain>,
                        false, Role::audio,         mix::kGainNeutral};
const NodeType kPanType{"pan", "place and width", true,
                        false, mix::kPanSpec,     make_node<mix::Pan>,
                        false, Role::audio,       mix::kPanNeutral};
const NodeType kTremoloType{"tremolo", "periodic level",  true,
                            false,     mix::kTremoloSpec, make_node<mix::Tremolo>,
                            false,     Role::audio,       mix::kTremoloNeutral};
const NodeType kEnvelopeType{"envelope", "fade in and out of a layer", true,
                             false,      mix::kEnvelopeSpec,           make_node<mix::Envelope>};

}  // namespace SYNTH_ISA
}  // namespace synth
