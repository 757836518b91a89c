// Node noise.
#include "synth/dsp/noise.h"

#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

enum { kColor, kWidth, kGain };
constexpr const char* kColors[] = {"white", "pink", "brown"};
constexpr ParamSpec kSpec[] = {
    {"color", "", 0, 2, 0, "spectrum: flat, -3 or -6 dB per octave", kColors},
    {"width", "", 0, 1, 1, "0 mono, 1 independent channels"},
    {"gain_db", "dB", -60, 24, -12, "level"},
};

class Noise final : public Node {
 public:
  void process(const StereoView&, const Stereo& out, int frames) noexcept override {
    const int color = whole(kColor);
    for (int i = 0; i < frames; ++i) {
      const StereoSample s = next(color);
      // Mid and side of equal power, so that width does not change the level.
      const float side = width_.at(i), centre = std::sqrt(1.0f - 0.5f * side * side);
      const float cross = side * 0.70710678f, gain = gain_.at(i);
      const float m = 0.70710678f * (s.left + s.right), d = 0.70710678f * (s.left - s.right);
      out.left[i] = gain * (centre * m + cross * d);
      out.right[i] = gain * (centre * m - cross * d);
    }
    gain_.advance(frames);
    width_.advance(frames);
  }

 protected:
  void control() noexcept override {
    follow(gain_, gain(kGain));
    follow(width_, param(kWidth));
  }

 private:
  StereoSample next(int color) noexcept {
    float left, right;
    random_.stereo(left, right);
    if (color == 1) return {pink_left_.step(left), pink_right_.step(right)};
    if (color == 2) return {brown_left_.step(left), brown_right_.step(right)};
    return {left, right};
  }

  Pink pink_left_, pink_right_;
  Brown brown_left_, brown_right_;
  Smooth gain_, width_;
};

}  // namespace

const NodeType kNoiseType{"noise", "white, pink or brown noise", false, false, kSpec, make_node<Noise>};

}  // namespace SYNTH_ISA
}  // namespace synth
