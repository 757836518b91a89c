// Node gate: silence for what is too quiet.
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace gate {
namespace {

enum { kThreshold, kRange, kAttack, kHold, kRelease };
constexpr ParamSpec kSpec[] = {
    {"threshold_db", "dB", -80, 0, -40, "peak level that opens it; 4 dB less closes it"},
    {"range_db", "dB", -80, 0, -60, "level while it is closed"},
    {"attack_s", "s", 0.0005f, 1, 0.002f, "time constant of opening"},
    {"hold_s", "s", 0, 5, 0.05f, "stays open that long after the last peak"},
    {"release_s", "s", 0.005f, 5, 0.15f, "time constant of closing"},
};
constexpr Neutral kNeutral[] = {{kRange, 0.0f}};
constexpr float kHysteresis = 0.63f;  // -4 dB: a level around the threshold does not chatter

class Gate final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    for (int i = 0; i < frames; ++i) {
      const float peak = std::max(std::abs(in.left[i]), std::abs(in.right[i]));
      if (peak > (open_for_ > 0 ? close_ : open_)) open_for_ = hold_;
      const float target = open_for_ > 0 ? 1.0f : floor_;
      gain_ += (target > gain_ ? rise_ : fall_) * (target - gain_);
      open_for_ = std::max(open_for_ - 1, 0);
      out.left[i] = gain_ * in.left[i];
      out.right[i] = gain_ * in.right[i];
    }
  }

 protected:
  void control() noexcept override {
    open_ = gain(kThreshold);
    close_ = kHysteresis * open_;
    floor_ = gain(kRange);
    rise_ = share(param(kAttack));
    fall_ = share(param(kRelease));
    hold_ = 1 + static_cast<int>(param(kHold) * rate());
  }

 private:
  [[nodiscard]] float share(float time_s) const noexcept {
    return 1.0f - std::exp(-1.0f / (time_s * rate()));
  }
  float open_ = 0.0f, close_ = 0.0f, floor_ = 0.0f, rise_ = 0.0f, fall_ = 0.0f, gain_ = 0.0f;
  int hold_ = 1, open_for_ = 0;
};

}  // namespace
}  // namespace gate

const NodeType kGateType{"gate",        "silence for what is too quiet", true,  false,
                         gate::kSpec,   make_node<gate::Gate>,           false, Role::audio,
                         gate::kNeutral};

}  // namespace SYNTH_ISA
}  // namespace synth
