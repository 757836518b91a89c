// Node compressor.
#include "synth/dsp/level.h"
#include "synth/nodes/catalog.h"

namespace synth {
inline namespace SYNTH_ISA {
namespace compressor {
namespace {

constexpr int kSpan = 64;  // frames at a time

enum { kThreshold, kRatio, kKnee, kAttack, kRelease, kMakeup, kMix };
constexpr ParamSpec kSpec[] = {
    {"threshold_db", "dB", -80, 0, -18, "peak level above which it turns down"},
    {"ratio", "", 1, 100, 4, "decibels over the threshold that become one"},
    {"knee_db", "dB", 0, 30, 6, "width of the bend around the threshold"},
    {"attack_s", "s", 0.0001f, 1, 0.01f, "63 % of a turning down"},
    {"release_s", "s", 0.005f, 5, 0.1f, "63 % of a letting go"},
    {"makeup_db", "dB", -24, 24, 0, "level after it"},
    {"mix", "", 0, 1, 1, "share of the compressed sound"},
};
constexpr Neutral kNeutral[] = {{kMix, 0.0f}};

// Feed-forward, both channels by one gain: static curve with a quadratic knee, then the smooth decoupled peak
// detector on the reduction in decibels (Giannoulis, Massberg, Reiss, "Digital dynamic range compressor
// design", JAES 60(6), 2012). Levels and gains are computed eight frames at a time; only the detector waits.
class Compressor final : public Node {
 public:
  void process(const StereoView& in, const Stereo& out, int frames) noexcept override {
    const StereoView& key = sidechain().left ? sidechain() : in;
    for (int i = 0; i < frames; i += kSpan) {
      const int n = std::min(kSpan, frames - i);
      alignas(32) float reduction[kSpan];
      wanted({key.left + i, key.right + i}, i, n, reduction);
      detect(reduction, n);
      for (int k = 0; k < n; k += kLanes) {
        const int some = std::min(kLanes, n - k), at = i + k;
        const F8 wet = level_from_db(ahead(makeup_, at) - load(reduction + k));
        const F8 gain = lerp(splat(1.0f), wet, ahead(mix_, at));
        store_some(out.left + at, gain * load_some(in.left + at, some), some);
        store_some(out.right + at, gain * load_some(in.right + at, some), some);
      }
    }
    for (Smooth* s : {&threshold_, &slope_, &knee_, &makeup_, &mix_}) s->advance(frames);
  }

 protected:
  void control() noexcept override {
    follow(threshold_, param(kThreshold));
    follow(slope_, 1.0f - 1.0f / param(kRatio));
    follow(knee_, std::max(param(kKnee), 0.01f));
    follow_db(makeup_, param(kMakeup));
    follow_level(mix_, param(kMix));
    if (attack_s_ == param(kAttack) && release_s_ == param(kRelease)) return;
    attack_s_ = param(kAttack), release_s_ = param(kRelease);
    attack_ = share_per_frame(attack_s_, rate());
    release_ = share_per_frame(release_s_, rate());
  }

 private:
  // What the static curve takes away, in dB.
  SYNTH_INLINE void wanted(const StereoView& key, int first, int frames, float* reduction) const noexcept {
    for (int k = 0; k < frames; k += kLanes) {
      const int n = std::min(kLanes, frames - k);
      const F8 peak = max(abs(load_some(key.left + k, n)), abs(load_some(key.right + k, n)));
      const F8 knee = ahead(knee_, first + k), over = db_from_level(peak) - ahead(threshold_, first + k);
      const F8 half = splat(0.5f) * knee, none = splat(0.0f);
      const F8 bent = min(max(over + half, none), knee);
      const F8 taken = fma(bent, bent / (knee + knee), max(over - half, none));
      store(reduction + k, ahead(slope_, first + k) * taken);
    }
  }
  // Holds what is wanted and lets go of it over the release time; behind that, the attack time.
  SYNTH_INLINE void detect(float* reduction, int frames) noexcept {
    const float keep = 1.0f - release_, stay = 1.0f - attack_;
    float held = held_, smooth = smooth_;
    for (int k = 0; k < frames; ++k) {
      held = std::max(reduction[k], keep * held + release_ * reduction[k]);
      smooth = stay * smooth + attack_ * held;
      reduction[k] = smooth;
    }
    held_ = held, smooth_ = smooth;
  }

  Smooth threshold_, slope_, knee_, makeup_, mix_;
  float attack_s_ = 0.0f, release_s_ = 0.0f, attack_ = 0.0f, release_ = 0.0f;
  float held_ = 0.0f, smooth_ = 0.0f;
};

}  // namespace
}  // namespace compressor

const NodeType kCompressorType{
    .name = "compressor",
    .summary = "turns down what is loud, here or in its side chain",
    .takes_input = true,
    .takes_notes = false,
    .params = compressor::kSpec,
    .make = make_node<compressor::Compressor>,
    .takes_sidechain = true,
    .neutral = compressor::kNeutral,
};

}  // namespace SYNTH_ISA
}  // namespace synth
