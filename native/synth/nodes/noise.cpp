// Node noise.
#include "synth/dsp/noise.h"

#include "synth/dsp/frames.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace noise {
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
    switch (whole(kColor)) {
      case 1:
        draw(out, frames, pink_);
        break;
      case 2:
        draw(out, frames, brown_);
        break;
      default:
        draw(out, frames, White{});
    }
    // Mid and side of equal power, so that width does not change the level.
    const F8 one = splat(1.0f), half = splat(0.5f), root = splat(0.70710678f);
    for (int i = 0; i < frames; i += kLanes) {
      const int n = std::min(kLanes, frames - i);
      const F8 left = load_some(out.left + i, n), right = load_some(out.right + i, n);
      const F8 side = ahead(width_, i), gain = ahead(gain_, i);
      const F8 mid = sqrt(one - half * side * side) * root * (left + right);
      const F8 across = side * root * root * (left - right);
      store_some(out.left + i, gain * (mid + across), n);
      store_some(out.right + i, gain * (mid - across), n);
    }
    gain_.advance(frames);
    width_.advance(frames);
  }

 protected:
  void control() noexcept override {
    follow_level(gain_, gain(kGain));
    follow(width_, param(kWidth));
  }

 private:
  struct White {
    F4 step(const F4& x) noexcept { return x; }
  };
  template <class Color>
  void draw(const Stereo& out, int frames, Color&& color) noexcept {
    Random draws = random_;
    std::remove_reference_t<Color> now = color;
    for (int i = 0; i < frames; ++i) {
      const F4 x = now.step(white(draws));
      out.left[i] = x[0], out.right[i] = x[1];
    }
    color = now, random_ = draws;
  }

  Pink pink_;
  Brown brown_;
  Smooth gain_, width_;
};

}  // namespace
}  // namespace noise

const NodeType kNoiseType{"noise",      "white, pink or brown noise", false, false,
                          noise::kSpec, make_node<noise::Noise>};

}  // namespace SYNTH_ISA
}  // namespace synth
