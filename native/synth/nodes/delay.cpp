// Nodes delay and chorus.
#include "synth/dsp/delay_line.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

enum { kTime, kFeedback, kMix, kPingPong };
constexpr ParamSpec kDelaySpec[] = {
    {"time_s", "s", 0.001f, 4, 0.375f, "distance of the echoes; glides like tape when changed"},
    {"feedback", "", 0, 0.98f, 0.35f, "level of each echo against the one before"},
    {"mix", "", 0, 1, 0.25f, "share of the echoes"},
    {"ping_pong", "count", 0, 1, 0, "1 lets the echoes change sides"},
};

class Delay final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    const bool cross = whole(kPingPong) == 1;
    for (int i = 0; i < frames; ++i) {
      const float distance = std::max(time_.at(i) - 1.0f, 1.0f), mix = mix_.at(i), feedback = feedback_.at(i);
      const float l = left_.read(distance), r = right_.read(distance);
      // Ping-pong: the sum goes in on the left and the lines feed each other.
      left_.write((cross ? 0.5f * (in.left[i] + in.right[i]) : in.left[i]) + feedback * (cross ? r : l));
      right_.write(cross ? l : in.right[i] + feedback * r);
      out.left[i] = in.left[i] + mix * (l - in.left[i]);
      out.right[i] = in.right[i] + mix * (r - in.right[i]);
    }
    for (Smooth* s : {&time_, &feedback_, &mix_}) s->advance(frames);
  }

 protected:
  void prepare() override {
    for (DelayLine* line : {&left_, &right_}) line->prepare(arena(), static_cast<int>(4.0f * rate()) + 4);
    time_.jump(param(kTime) * rate());
  }
  void control() noexcept override {
    // At most half a frame per frame: the pitch of the glide stays within a fifth.
    const float want = param(kTime) * rate(), most = 0.5f * static_cast<float>(block());
    time_.aim(std::clamp(want, time_.now() - most, time_.now() + most), block());
    follow(feedback_, param(kFeedback));
    follow(mix_, param(kMix));
  }

 private:
  DelayLine left_, right_;
  Smooth time_, feedback_, mix_;
};

enum { kRate, kDepth, kChorusMix };
constexpr ParamSpec kChorusSpec[] = {
    {"rate_hz", "Hz", 0.01f, 10, 0.5f, "speed"},
    {"depth_ms", "ms", 0, 15, 4, "swing of the delay around 15 ms"},
    {"mix", "", 0, 1, 0.5f, "share of the moving copy"},
};

class Chorus final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    for (int i = 0; i < frames; ++i) {
      const float mix = mix_.at(i);
      left_.write(in.left[i]);
      right_.write(in.right[i]);
      out.left[i] = in.left[i] + mix * (left_.read(time_left_.at(i)) - in.left[i]);
      out.right[i] = in.right[i] + mix * (right_.read(time_right_.at(i)) - in.right[i]);
    }
    for (Smooth* s : {&mix_, &time_left_, &time_right_}) s->advance(frames);
    lfo_.advance(frames);
  }

 protected:
  void prepare() override {
    for (DelayLine* line : {&left_, &right_}) line->prepare(arena(), static_cast<int>(0.04f * rate()) + 4);
  }
  void control() noexcept override {
    lfo_.set_rate(param(kRate), rate());
    const float turns = lfo_.turns(block());
    follow(time_left_, distance(std::sin(2.0f * kPi * turns)));
    follow(time_right_, distance(std::cos(2.0f * kPi * turns)));  // a quarter turn apart for width
    follow(mix_, param(kChorusMix));
  }

 private:
  [[nodiscard]] float distance(float wave) const noexcept {
    return std::max(0.001f * (15.0f + param(kDepth) * wave) * rate(), 1.0f);
  }
  DelayLine left_, right_;
  Smooth time_left_, time_right_, mix_;
  Lfo lfo_;
};

}  // namespace

const NodeType kDelayType{"delay", "echoes", true, false, kDelaySpec, make_node<Delay>};
const NodeType kChorusType{"chorus",         "one moving copy per channel", true, false, kChorusSpec,
                           make_node<Chorus>};

}  // namespace SYNTH_ISA
}  // namespace synth
