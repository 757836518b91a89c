// Node drum: kick, snare or hat, triggered by note_on.
#include "synth/dsp/filter.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace drum {
namespace {

enum { kKind, kTune, kDecay, kGain };
constexpr const char* kKinds[] = {"kick", "snare", "hat"};
constexpr ParamSpec kSpec[] = {
    {"kind", "", 0, 2, 0, "which drum", kKinds},
    {"tune", "semitone", -24, 24, 0, "pitch"},
    {"decay_s", "s", 0.01f, 5, 0.25f, "fall by 60 dB"},
    {"gain_db", "dB", -60, 24, 0, "level"},
};

// A body (a sine whose pitch may fall) and a rattle (filtered noise), each with its own exponential decay.
struct Recipe {
  float body_hz, sweep_octaves, sweep_s, body, rattle, rattle_hz, rattle_decay;
  bool rattle_high;
};
constexpr Recipe kRecipes[] = {
    {48.0f, 1.8f, 0.03f, 0.8f, 0.12f, 3000.0f, 0.1f, false},
    {185.0f, 0.4f, 0.02f, 0.35f, 0.45f, 1800.0f, 1.0f, true},
    {0.0f, 0.0f, 0.01f, 0.0f, 0.5f, 7500.0f, 1.0f, true},
};

class Drum final : public Node {
 public:
  void note_on(float /*note*/, float velocity) noexcept override {
    declick_.catch_left_right(last_left_, last_right_);
    const Recipe& r = recipe();
    level_ = 1.0f, rattle_ = 1.0f, sweep_ = 1.0f;
    sounds_ = true;
    body_gain_ = velocity * r.body;
    rattle_gain_ = velocity * r.rattle;
    phase_ = 0.0f;
    left_ = right_ = {};
    const float decay_s = param(kDecay);
    keep_ = std::pow(10.0f, -3.0f / (decay_s * rate()));
    rattle_keep_ = std::pow(10.0f, -3.0f / (decay_s * r.rattle_decay * rate()));
    sweep_keep_ = std::exp(-1.0f / (r.sweep_s * rate()));
    sweep_span_ = std::exp2(r.sweep_octaves) - 1.0f;
    tuned_ = std::exp2(param(kTune) / 12.0f);
    filter_ = SvfCoefficients::design(r.rattle_hz * tuned_, 0.9f, rate());
  }

  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    if (!sounds_) {
      std::fill_n(out.left, frames, 0.0f);
      std::fill_n(out.right, frames, 0.0f);
      last_left_ = last_right_ = 0.0f;
    } else {
      ring(out, frames);
    }
    declick_.add_to(out.left, out.right, frames);
    gain_.advance(frames);
  }

 protected:
  void prepare() override { declick_.prepare(static_cast<double>(rate())); }
  // Only on the grid may it end: elsewhere the noise that it draws would depend on the split.
  void advance() noexcept override { sounds_ = level_ + rattle_ >= 2e-5f; }
  void control() noexcept override { follow_level(gain_, gain(kGain)); }

 private:
  [[nodiscard]] const Recipe& recipe() const noexcept { return kRecipes[whole(kKind)]; }

  void ring(const Stereo& out, int frames) noexcept {
    const Recipe& r = recipe();
    for (int i = 0; i < frames; ++i) {
      const float turns = r.body_hz * tuned_ * (1.0f + sweep_span_ * sweep_) / rate();
      const float body = body_gain_ * level_ * std::sin(2.0f * kPi * phase_);
      phase_ += turns;
      if (phase_ >= 1.0f) phase_ -= 1.0f;
      float white_left, white_right;
      random_.stereo(white_left, white_right);
      const float rattle = rattle_gain_ * rattle_;
      last_left_ = gain_.at(i) * (body + shaped(left_, rattle * white_left));
      last_right_ = gain_.at(i) * (body + shaped(right_, rattle * white_right));
      out.left[i] = last_left_;
      out.right[i] = last_right_;
      level_ *= keep_;
      rattle_ *= rattle_keep_;
      sweep_ *= sweep_keep_;
    }
  }

  float shaped(Svf& state, float x) noexcept {
    const SvfOutputs o = state.step(x, filter_.a1, filter_.a2, filter_.a3, filter_.damping);
    return recipe().rattle_high ? o.high : o.low;
  }

  float level_ = 0.0f, rattle_ = 0.0f, sweep_ = 0.0f, body_gain_ = 0.0f, rattle_gain_ = 0.0f;
  float keep_ = 0.0f, rattle_keep_ = 0.0f, sweep_keep_ = 0.0f, sweep_span_ = 0.0f, tuned_ = 1.0f,
        phase_ = 0.0f;
  float last_left_ = 0.0f, last_right_ = 0.0f;
  bool sounds_ = false;
  SvfCoefficients filter_;
  Svf left_, right_;
  Smooth gain_;
  Declick declick_;
};

}  // namespace
}  // namespace drum

const NodeType kDrumType{"drum", "kick, snare or hat", false, true, drum::kSpec, make_node<drum::Drum>};

}  // namespace SYNTH_ISA
}  // namespace synth
