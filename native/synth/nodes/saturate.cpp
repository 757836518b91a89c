// Node saturate: soft saturation.
#include "synth/dsp/oversample.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace saturate {
namespace {

constexpr ParamSpec kSpec[] = {{"drive_db", "dB", 0, 48, 6, "gain into the curve; the level is held"}};
constexpr float kGlideDb = 1500.0f;  // per second, at most

// x / sqrt(1 + x^2): smooth and odd. Divided by the drive's own curve at half scale so that a louder drive
// changes the colour more than the level.
class Saturate final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    side(left_, in.left, out.left, frames);
    side(right_, in.right, out.right, frames);
    drive_.advance(frames);
    makeup_.advance(frames);
  }

 protected:
  void prepare() override {
    for (SoftClip* clip : {&left_, &right_}) clip->prepare();
    drive_db_ = param(0);
  }
  void advance() noexcept override { drive_db_ = towards(drive_db_, param(0), kGlideDb * block_s()); }
  void control() noexcept override {
    const float drive = gain_from_db(drive_db_), half = 0.5f * drive;
    follow(drive_, drive);
    follow(makeup_, 0.5f * std::sqrt(1.0f + half * half) / half);
  }

 private:
  void side(SoftClip& clip, const float* in, float* out, int frames) noexcept {
    for (int i = 0; i < frames; i += SoftClip::kSpan) {
      const int n = std::min(SoftClip::kSpan, frames - i);
      for (int k = i; k < i + n; ++k) out[k] = drive_.at(k) * in[k];
      clip.run(out + i, n);
      for (int k = i; k < i + n; ++k) out[k] *= makeup_.at(k);
    }
  }
  SoftClip left_, right_;
  Smooth drive_, makeup_;
  float drive_db_ = 0.0f;
};

}  // namespace
}  // namespace saturate

const NodeType kSaturateType{"saturate",      "soft saturation, 35 frames late", true, false,
                             saturate::kSpec, make_node<saturate::Saturate>};

}  // namespace SYNTH_ISA
}  // namespace synth
