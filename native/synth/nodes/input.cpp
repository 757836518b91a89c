// Node input: what the caller of render() gives.
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace input {
namespace {

constexpr ParamSpec kSpec[] = {{"gain_db", "dB", -60, 24, 0, "level"}};

class Input final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    for (int i = 0; i < frames; ++i) out.left[i] = gain_.at(i) * sane(in.left[i]);
    for (int i = 0; i < frames; ++i) out.right[i] = gain_.at(i) * sane(in.right[i]);
    gain_.advance(frames);
  }

 protected:
  void control() noexcept override { follow_level(gain_, gain(0)); }

 private:
  // NaN would stay for ever in every recursion behind this node.
  static float sane(float x) noexcept { return std::abs(x) <= 1e4f ? x : 0.0f; }
  Smooth gain_;
};

}  // namespace
}  // namespace input

const NodeType kInputType{
    .name = "input",
    .summary = "audio from outside",
    .takes_input = false,
    .takes_notes = false,
    .params = input::kSpec,
    .make = make_node<input::Input>,
    .role = Role::external,
};

}  // namespace SYNTH_ISA
}  // namespace synth
