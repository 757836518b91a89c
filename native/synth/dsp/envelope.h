// The attack, decay, sustain, release envelope of a note.
#pragma once

#include <algorithm>
#include <cmath>

namespace synth {
inline namespace SYNTH_ISA {

// Attack is a straight line of attack_s from silence to full. Decay covers 99 % of its way in decay_s.
// Release falls by 60 dB in release_s and ends at -100 dB. A note that is struck again rises from where it
// is.
class Adsr {
 public:
  void set_times(float attack_s, float decay_s, float sustain, float release_s, float rate) noexcept {
    attack_step_ = 1.0f / std::max(attack_s * rate, 1.0f);
    decay_keep_ = std::exp(-4.60517f / std::max(decay_s * rate, 1.0f));
    release_keep_ = std::exp(-6.90776f / std::max(release_s * rate, 1.0f));
    sustain_ = sustain;
  }
  void on() noexcept { stage_ = Stage::attack; }
  void off() noexcept {
    if (stage_ != Stage::idle) stage_ = Stage::release;
  }
  [[nodiscard]] bool active() const noexcept { return stage_ != Stage::idle; }
  [[nodiscard]] bool releasing() const noexcept { return stage_ == Stage::release; }
  [[nodiscard]] float level() const noexcept { return level_; }

  void fill(float* out, int frames) noexcept {
    int i = 0;
    while (i < frames) {
      switch (stage_) {
        case Stage::idle:
          while (i < frames) out[i++] = 0.0f;
          break;
        case Stage::attack:
          while (i < frames && stage_ == Stage::attack) out[i++] = rise();
          break;
        case Stage::decay:
          if (level_ == sustain_)
            while (i < frames) out[i++] = sustain_;
          while (i < frames) out[i++] = settle();
          break;
        case Stage::release:
          while (i < frames && stage_ == Stage::release) out[i++] = fall();
          break;
      }
    }
  }

 private:
  enum class Stage { idle, attack, decay, release };

  float rise() noexcept {
    level_ += attack_step_;
    if (level_ >= 1.0f) level_ = 1.0f, stage_ = Stage::decay;
    return level_;
  }
  float settle() noexcept {
    const float away = (level_ - sustain_) * decay_keep_;
    return level_ = std::abs(away) < 1e-7f ? sustain_ : sustain_ + away;
  }
  float fall() noexcept {
    level_ *= release_keep_;
    if (level_ < 1e-5f) level_ = 0.0f, stage_ = Stage::idle;
    return level_;
  }

  Stage stage_ = Stage::idle;
  float level_ = 0.0f, sustain_ = 1.0f;
  float attack_step_ = 1.0f, decay_keep_ = 0.0f, release_keep_ = 0.0f;
};

}  // namespace SYNTH_ISA
}  // namespace synth
