// Node svf.
#include "synth/dsp/filter.h"

#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace {

enum { kMode, kCutoff, kResonance };
constexpr const char* kModes[] = {"lowpass", "highpass", "bandpass", "notch"};
constexpr ParamSpec kSpec[] = {
    {"mode", "", 0, 3, 0, "response", kModes},
    {"cutoff_hz", "Hz", 20, 20000, 2000, "-3 dB point, or centre"},
    {"resonance", "", 0, 1, 0, "0 is Q 0.707, 1 is Q 12"},
};

class SvfNode final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    switch (whole(kMode)) {
      case 0:
        run(in, out, frames, [](const SvfOutputs& o, float, float) { return o.low; });
        break;
      case 1:
        run(in, out, frames, [](const SvfOutputs& o, float, float) { return o.high; });
        break;
      case 2:
        run(in, out, frames, [](const SvfOutputs& o, float, float k) { return k * o.band; });
        break;
      default:
        run(in, out, frames, [](const SvfOutputs& o, float x, float k) { return x - k * o.band; });
    }
    ramp_.advance(frames);
  }

 protected:
  void prepare() override { ramp_.jump(design()); }
  void control() noexcept override { ramp_.aim(design(), block()); }

 private:
  [[nodiscard]] SvfCoefficients design() const noexcept {
    return SvfCoefficients::design(param(kCutoff), q_from_resonance(param(kResonance)), rate());
  }
  template <class Pick>
  void run(const StereoView& in, const Stereo& out, int frames, Pick pick) noexcept {
    for (int i = 0; i < frames; ++i) {
      const float k = ramp_.damping(i);
      out.left[i] = pick(ramp_.step(left_, in.left[i], i), in.left[i], k);
      out.right[i] = pick(ramp_.step(right_, in.right[i], i), in.right[i], k);
    }
  }
  Svf left_, right_;
  SvfRamp ramp_;
};

}  // namespace

const NodeType kSvfType{
    "svf", "state variable filter, 12 dB per octave", true, false, kSpec, make_node<SvfNode>};

}  // namespace SYNTH_ISA
}  // namespace synth
