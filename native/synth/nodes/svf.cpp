// Node svf.
#include "synth/dsp/smooth.h"
#include "synth/dsp/stereo_svf.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace svf {
namespace {

enum { kMode, kCutoff, kResonance };
constexpr const char* kModes[] = {"lowpass", "highpass", "bandpass", "notch"};
constexpr ParamSpec kSpec[] = {
    {"mode", "", 0, 3, 0, "response", kModes},
    {"cutoff_hz", "Hz", 20, 20000, 2000, "-3 dB point, or centre"},
    {"resonance", "", 0, 1, 0, "0 is Q 0.707, 1 is Q 12: Q = 0.7071 * 16.97^resonance"},
};

// What each response takes of the input, the band and the low-pass.
constexpr float kParts[4][3] = {{0, 0, 1}, {1, -1, -1}, {0, 1, 0}, {1, -1, 0}};

class SvfNode final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    using Frame = StereoSvf::Frame;
    const int turning = std::min(frames, parts_.left());
    if (turning > 0) {
      filter_.run(
          turning, [&](int i) { return both(in.left[i], in.right[i]); },
          [&](int i, const Frame& f) {
            const float share = parts_.share(i);
            const F4 y = splat4(parts_.at(0, share)) * f.in + splat4(parts_.at(1, share)) * f.band_pass() +
                         splat4(parts_.at(2, share)) * f.low;
            out.left[i] = y[0], out.right[i] = y[1];
          });
      parts_.advance(turning);
      if (turning < frames)
        process({in.left + turning, in.right + turning}, {out.left + turning, out.right + turning},
                frames - turning);
      return;
    }
    switch (whole(kMode)) {
      case 0:
        return run(in, out, frames, [](const Frame& f) { return f.low; });
      case 1:
        return run(in, out, frames, [](const Frame& f) { return f.high(); });
      case 2:
        return run(in, out, frames, [](const Frame& f) { return f.band_pass(); });
      default:
        return run(in, out, frames, [](const Frame& f) { return f.notch(); });
    }
  }

 protected:
  void prepare() override {
    filter_.jump(design());
    parts_.prepare(kParts[whole(kMode)], rate());
  }
  void control() noexcept override {
    filter_.aim(design(), block());
    parts_.aim(kParts[whole(kMode)]);
  }

 private:
  const SvfCoefficients& design() noexcept {
    if (cutoff_hz_ == param(kCutoff) && resonance_ == param(kResonance)) return designed_;
    cutoff_hz_ = param(kCutoff), resonance_ = param(kResonance);
    return designed_ = SvfCoefficients::design(cutoff_hz_, q_from_resonance(resonance_), rate());
  }
  template <class Pick>
  void run(const StereoView& in, const Stereo& out, int frames, Pick pick) noexcept {
    filter_.run(
        frames, [&](int i) { return both(in.left[i], in.right[i]); },
        [&](int i, const StereoSvf::Frame& frame) {
          const F4 y = pick(frame);
          out.left[i] = y[0], out.right[i] = y[1];
        });
  }
  StereoSvf filter_;
  Blend<3> parts_;
  SvfCoefficients designed_;
  float cutoff_hz_ = 0.0f, resonance_ = 0.0f;
};

}  // namespace
}  // namespace svf

const NodeType kSvfType{
    "svf", "state variable filter, 12 dB per octave", true, false, svf::kSpec, make_node<svf::SvfNode>};

}  // namespace SYNTH_ISA
}  // namespace synth
