// Nodes flanger and phaser: moving notches.
#include "synth/dsp/delay_line.h"
#include "synth/dsp/swing.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace sweep {
namespace {

enum { kRate, kDepth, kDelay, kFeedback, kMix };
constexpr ParamSpec kFlangerSpec[] = {
    {"rate_hz", "Hz", 0.01f, 10, 0.25f, "speed"},
    {"depth_ms", "ms", 0, 8, 2, "swing of the delay above delay_ms"},
    {"delay_ms", "ms", 0.1f, 10, 0.7f, "shortest delay"},
    {"feedback", "", -0.95f, 0.95f, 0.5f, "sharpness of the comb; below 0 it leaves out the odd teeth"},
    {"mix", "", 0, 1, 0.5f, "share of the delayed copy"},
};
constexpr Neutral kFlangerNeutral[] = {{kMix, 0.0f}};

// A comb whose teeth move, because the copy's delay does (Dattorro, JAES 45(10), 1997).
class Flanger final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    for (int i = 0; i < frames; ++i) {
      const float mix = mix_.at(i), feedback = feedback_.at(i);
      const float l = left_.read(time_left_.at(i)), r = right_.read(time_right_.at(i));
      left_.write(fed_.at(i) * in.left[i] + feedback * l);
      right_.write(fed_.at(i) * in.right[i] + feedback * r);
      out.left[i] = in.left[i] + mix * (l - in.left[i]);
      out.right[i] = in.right[i] + mix * (r - in.right[i]);
    }
    for (Smooth* s : {&mix_, &feedback_, &time_left_, &time_right_, static_cast<Smooth*>(&fed_)})
      s->advance(frames);
    lfo_.advance(frames);
  }

 protected:
  void prepare() override {
    for (DelayLine* line : {&left_, &right_}) line->prepare(arena(), static_cast<int>(0.02f * rate()) + 4);
    swing_.jump(frames(kDelay), frames(kDepth));
  }
  void wake() noexcept override { fed_.wake(); }
  void advance() noexcept override { swing_.glide(frames(kDelay), frames(kDepth), block()); }
  void control() noexcept override {
    lfo_.set_rate(param(kRate), rate());
    const float turns = lfo_.turns(block());
    follow(time_left_, distance(std::sin(2.0f * kPi * turns)));
    follow(time_right_, distance(std::cos(2.0f * kPi * turns)));  // a quarter turn apart for width
    follow_level(mix_, param(kMix));
    follow(feedback_, param(kFeedback));
    fed_.go_on(block(), rate());
  }

 private:
  // What was written last is one frame old when it is read.
  [[nodiscard]] float distance(float wave) const noexcept {
    return std::max(swing_.at(0.5f + 0.5f * wave) - 1.0f, 1.0f);
  }
  [[nodiscard]] float frames(int index) const noexcept { return 0.001f * param(index) * rate(); }
  DelayLine left_, right_;
  Smooth time_left_, time_right_, mix_, feedback_;
  FadeIn fed_;
  Swing swing_;
  Lfo lfo_;
};

constexpr int kMostStages = 12;
constexpr const char* kStages[] = {"4", "6", "8", "12"};

enum { kPhaserRate, kCentre, kOctaves, kStageCount, kPhaserFeedback, kPhaserMix };
constexpr ParamSpec kPhaserSpec[] = {
    {"rate_hz", "Hz", 0.01f, 10, 0.3f, "speed"},
    {"centre_hz", "Hz", 50, 8000, 800, "middle of the sweep"},
    {"depth_octaves", "octave", 0, 4, 1.5f, "swing around the centre, each way"},
    {"stages", "", 0, 3, 0, "first-order all-passes; half as many notches", kStages},
    {"feedback", "", 0, 0.95f, 0.3f, "sharpness of the peaks between the notches"},
    {"mix", "", 0, 1, 0.5f, "share of the shifted copy; the notches are deepest at 0.5"},
};
constexpr Neutral kPhaserNeutral[] = {{kPhaserMix, 0.0f}};

// A chain of first-order all-passes beside the dry sound (Smith, "An allpass approach to digital phasing and
// flanging", ICMC 1984).
struct AllPasses {
  float before[kMostStages + 1] = {};  // each stage's last input; the last entry is the chain's last output
  float last = 0.0f;

  float step(float x, float a, int stages) noexcept {
    for (int s = 0; s < stages; ++s) {
      const float y = a * (x - before[s + 1]) + before[s];
      before[s] = x;
      x = y;
    }
    return before[stages] = last = x;
  }
};

class Phaser final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    const int before_turn = std::min(frames, until_turn_);
    run(in, out, 0, before_turn);
    until_turn_ -= before_turn;
    if (before_turn == frames) return;
    if (stages_ != wanted()) {
      stages_ = wanted();
      left_ = right_ = {};
      since_turn_ = 0;
    }
    run(in, out, before_turn, frames);
  }

 protected:
  void prepare() override {
    length_ = static_cast<int>(0.005f * rate());
    since_turn_ = length_;
    stages_ = wanted();
  }
  void control() noexcept override {
    if (stages_ != wanted() && until_turn_ == 0) until_turn_ = length_;
    lfo_.set_rate(param(kPhaserRate), rate());
    const float turns = lfo_.turns(block());
    follow(pole_left_, pole(std::sin(2.0f * kPi * turns)));
    follow(pole_right_, pole(std::cos(2.0f * kPi * turns)));
    follow_level(mix_, param(kPhaserMix));
    follow(feedback_, param(kPhaserFeedback));
  }

 private:
  [[nodiscard]] int wanted() const noexcept {
    constexpr int kCounts[] = {4, 6, 8, 12};
    return kCounts[whole(kStageCount)];
  }
  // Other stages are another chain: the copy goes away in 5 ms, and comes back from the new one without a
  // past.
  [[nodiscard]] float heard(int frame) const noexcept {
    const float length = static_cast<float>(length_);
    const auto share = [&](int frames) {
      return smoothstep(std::min(1.0f, static_cast<float>(frames) / length));
    };
    return until_turn_ > 0 ? share(until_turn_ - frame - 1) : share(since_turn_ + frame + 1);
  }
  void run(const StereoView& in, const Stereo& out, int begin, int end) noexcept {
    const int stages = stages_;
    for (int i = begin; i < end; ++i) {
      const float mix = mix_.at(i - begin) * heard(i - begin), feedback = feedback_.at(i - begin);
      const float l = left_.step(in.left[i] + feedback * left_.last, pole_left_.at(i - begin), stages);
      const float r = right_.step(in.right[i] + feedback * right_.last, pole_right_.at(i - begin), stages);
      out.left[i] = in.left[i] + mix * (l - in.left[i]);
      out.right[i] = in.right[i] + mix * (r - in.right[i]);
    }
    for (Smooth* s : {&mix_, &feedback_, &pole_left_, &pole_right_}) s->advance(end - begin);
    lfo_.advance(end - begin);
    since_turn_ = std::min(since_turn_ + end - begin, length_);
  }
  // The coefficient that turns the phase by a quarter at the swept frequency.
  [[nodiscard]] float pole(float wave) const noexcept {
    const float hz = param(kCentre) * std::exp2(param(kOctaves) * wave);
    const float t = std::tan(kPi * std::min(hz / rate(), 0.45f));
    return (t - 1.0f) / (t + 1.0f);
  }
  AllPasses left_, right_;
  int stages_ = 4, length_ = 1, until_turn_ = 0, since_turn_ = 1;
  Smooth pole_left_, pole_right_, mix_, feedback_;
  Lfo lfo_;
};

}  // namespace
}  // namespace sweep

const NodeType kFlangerType{"flanger",
                            "a comb of notches that moves",
                            true,
                            false,
                            sweep::kFlangerSpec,
                            make_node<sweep::Flanger>,
                            false,
                            Role::audio,
                            sweep::kFlangerNeutral};
const NodeType kPhaserType{
    "phaser",    "a few notches that move", true, false, sweep::kPhaserSpec, make_node<sweep::Phaser>, false,
    Role::audio, sweep::kPhaserNeutral};

}  // namespace SYNTH_ISA
}  // namespace synth
