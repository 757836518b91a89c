// Node formant: the resonances of a mouth.
#include "synth/dsp/filter.h"
#include "synth/dsp/lanes.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace formant {
namespace {

constexpr int kFormants = 5;
enum { kVowel, kShift, kSharpness, kMix };
constexpr ParamSpec kSpec[] = {
    {"vowel", "", 0, 4, 0, "0 a, 1 e, 2 i, 3 o, 4 u, and all between"},
    {"shift", "semitone", -24, 24, 0, "size of the mouth: all resonances up or down"},
    {"sharpness", "", 0.25f, 4, 1, "1 as measured, above it narrower resonances"},
    {"mix", "", 0, 1, 1, "share of the filtered sound"},
};
constexpr Neutral kNeutral[] = {{kMix, 0.0f}};

struct Vowel {
  float hz[kFormants], db[kFormants], width_hz[kFormants];
};
// A tenor's formants: "The Canonical Csound Reference Manual", appendix "Formant Values".
constexpr Vowel kVowels[] = {
    {{650, 1080, 2650, 2900, 3250}, {0, -6, -7, -8, -22}, {80, 90, 120, 130, 140}},
    {{400, 1700, 2600, 3200, 3580}, {0, -14, -12, -14, -20}, {70, 80, 100, 120, 120}},
    {{290, 1870, 2800, 3250, 3540}, {0, -15, -18, -20, -30}, {40, 90, 100, 120, 120}},
    {{400, 800, 2600, 2800, 3000}, {0, -10, -12, -12, -26}, {70, 80, 100, 130, 135}},
    {{350, 600, 2700, 2900, 3300}, {0, -20, -17, -14, -26}, {40, 60, 100, 120, 120}},
};
constexpr float kMakeup = 4.0f;  // narrow bands leave little of a broad sound

// A straight line for each lane, as Smooth is for one value.
struct LaneRamp {
  F8 from{}, step{};
  int done = 0;
  void jump(const F8& value) noexcept { from = value, step = F8{}, done = 0; }
  void aim(const F8& target, int frames) noexcept {
    from = at(0);
    step = (target - from) / splat(static_cast<float>(frames));
    done = 0;
  }
  [[nodiscard]] SYNTH_INLINE F8 at(int frame) const noexcept {
    return from + step * splat(static_cast<float>(done + frame));
  }
};

// Five band-passes side by side, one per lane.
struct Mouth {
  F8 s1{}, s2{};
  SYNTH_INLINE float step(float in, const F8& a1, const F8& a2, const F8& a3, const F8& gain) noexcept {
    const F8 v3 = splat(in) - s2;
    const F8 band = a1 * s1 + a2 * v3, low = s2 + a2 * s1 + a3 * v3;
    s1 = band + band - s1;
    s2 = low + low - s2;
    const F8 y = gain * band;
    return ((y[0] + y[1]) + (y[2] + y[3])) + y[4];
  }
};

class Formant final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    for (int i = 0; i < frames; ++i) {
      const F8 a1 = a1_.at(i), a2 = a2_.at(i), a3 = a3_.at(i), gain = gain_.at(i);
      const float mix = mix_.at(i), l = in.left[i], r = in.right[i];
      out.left[i] = l + mix * (left_.step(l, a1, a2, a3, gain) - l);
      out.right[i] = r + mix * (right_.step(r, a1, a2, a3, gain) - r);
    }
    for (LaneRamp* ramp : {&a1_, &a2_, &a3_, &gain_}) ramp->done += frames;
    mix_.advance(frames);
  }

 protected:
  void prepare() override {
    design();
    for (LaneRamp* ramp : {&a1_, &a2_, &a3_, &gain_}) ramp->jump(ramp->at(block()));
  }
  void control() noexcept override {
    design();
    follow_level(mix_, param(kMix));
  }

 private:
  void design() noexcept {
    const float place = param(kVowel);
    const int first = std::min(static_cast<int>(place), 3);
    const float share = place - static_cast<float>(first);
    const Vowel &a = kVowels[first], &b = kVowels[first + 1];
    const float size = std::exp2(param(kShift) / 12.0f);
    F8 a1 = splat(1.0f), a2{}, a3{}, gain{};
    for (int f = 0; f < kFormants; ++f) {
      const auto between = [share, f](const float(&x)[kFormants], const float(&y)[kFormants]) {
        return x[f] + share * (y[f] - x[f]);
      };
      const float hz = between(a.hz, b.hz), width_hz = between(a.width_hz, b.width_hz);
      const SvfCoefficients c = SvfCoefficients::design(hz * size, param(kSharpness) * hz / width_hz, rate());
      a1[f] = c.a1, a2[f] = c.a2, a3[f] = c.a3;
      gain[f] = kMakeup * c.damping * gain_from_db(between(a.db, b.db));
    }
    a1_.aim(a1, block()), a2_.aim(a2, block()), a3_.aim(a3, block()), gain_.aim(gain, block());
  }

  Mouth left_, right_;
  LaneRamp a1_, a2_, a3_, gain_;
  Smooth mix_;
};

}  // namespace
}  // namespace formant

const NodeType kFormantType{"formant",        "the resonances of a mouth", true,  false,
                            formant::kSpec,   make_node<formant::Formant>, false, Role::audio,
                            formant::kNeutral};

}  // namespace SYNTH_ISA
}  // namespace synth
