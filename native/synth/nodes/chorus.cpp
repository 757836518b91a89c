// Node chorus.
#include "synth/dsp/ring.h"
#include "synth/dsp/swing.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace chorus {
namespace {

enum { kRate, kDepth, kMix, kDelay };
constexpr ParamSpec kChorusSpec[] = {
    {"rate_hz", "Hz", 0.01f, 10, 0.5f, "speed"},
    {"depth_ms", "ms", 0, 15, 4, "swing of the delay"},
    {"mix", "", 0, 1, 0.5f, "share of the moving copy"},
    {"delay_ms", "ms", 1, 30, 15, "middle of the swing"},
};
constexpr Neutral kNeutral[] = {{kMix, 0.0f}};

constexpr float kNearest = 1.01f;  // frames; a line that rounds below 1 would read what is not known yet

class Chorus final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    chunks_.run(frames, [&](std::uint32_t at, int i, int n) {
      const F8 mix = ahead(mix_, i);
      const F8 left = load_some(in.left + i, n), right = load_some(in.right + i, n);
      const F8 fed = ahead(fed_, i);
      left_.write(at, fed * left);
      right_.write(at, fed * right);
      store_some(out.left + i, lerp(left, left_.read(at, ahead(time_left_, i)), mix), n);
      store_some(out.right + i, lerp(right, right_.read(at, ahead(time_right_, i)), mix), n);
    });
    for (Smooth* s : {&mix_, &time_left_, &time_right_, static_cast<Smooth*>(&fed_)}) s->advance(frames);
    lfo_.advance(frames);
  }

 protected:
  void prepare() override {
    for (Ring* ring : {&left_, &right_}) ring->prepare(arena(), static_cast<int>(0.046f * rate()) + 4);
    swing_.jump(frames(kDelay), frames(kDepth));
  }
  void wake() noexcept override { fed_.wake(); }
  void advance() noexcept override { swing_.glide(frames(kDelay), frames(kDepth), block()); }
  void control() noexcept override {
    lfo_.set_rate(param(kRate), rate());
    const std::uint32_t turns = lfo_.phase(block());
    const F8 wave = sine(U8{turns, turns + 0x40000000u});  // a quarter turn apart for width
    follow(time_left_, distance(wave[0]));
    follow(time_right_, distance(wave[1]));
    follow_level(mix_, param(kMix));
    fed_.go_on(block(), rate());
  }

 private:
  [[nodiscard]] float distance(float wave) const noexcept { return std::max(swing_.at(wave), kNearest); }
  [[nodiscard]] float frames(int index) const noexcept { return 0.001f * param(index) * rate(); }
  Chunks chunks_;
  Ring left_, right_;
  Smooth time_left_, time_right_, mix_;
  FadeIn fed_;
  Swing swing_;
  Lfo lfo_;
};

}  // namespace
}  // namespace chorus

const NodeType kChorusType{"chorus",
                           "one moving copy per channel",
                           true,
                           false,
                           chorus::kChorusSpec,
                           make_node<chorus::Chorus>,
                           false,
                           Role::audio,
                           chorus::kNeutral};

}  // namespace SYNTH_ISA
}  // namespace synth
