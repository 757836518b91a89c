// A delay that swings around, or above, a middle.
#pragma once

#include "synth/dsp/smooth.h"

namespace synth {
inline namespace SYNTH_ISA {

// Middle and depth in frames. When they are set they glide, each by 0.2 frames a frame: a bend of pitch and
// no click.
class Swing {
 public:
  void jump(float middle, float depth) noexcept { middle_ = middle, depth_ = depth; }
  void glide(float middle, float depth, int frames) noexcept {
    const float most = 0.2f * static_cast<float>(frames);
    middle_ = towards(middle_, middle, most);
    depth_ = towards(depth_, depth, most);
  }
  [[nodiscard]] float at(float wave) const noexcept { return middle_ + depth_ * wave; }

 private:
  float middle_ = 0.0f, depth_ = 0.0f;
};

}  // namespace SYNTH_ISA
}  // namespace synth
